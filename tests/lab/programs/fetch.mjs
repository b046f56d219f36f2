// A Node program that calls an API with the built-in fetch, as editor plug-ins do.
// One JSON argument: a list of {url, bytes, tokens}; bytes > 0 makes a POST with a prompt of that size.
const requests = JSON.parse(process.argv[2]);

for (const { url, bytes, tokens } of requests) {
  const body = JSON.stringify({ stream: true, max_tokens: tokens, prompt: "x".repeat(bytes) });
  const options = bytes > 0
    ? { method: "POST", headers: { "content-type": "application/json" }, body }
    : {};
  const response = await fetch(url, options);
  for await (const part of response.body) void part;
}
