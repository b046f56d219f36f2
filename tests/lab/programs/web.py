"""The web behind every lab name: pages, a mock language model, uploads, downloads, packages, git.

Runs under hypercorn (HTTP/1.1, HTTP/2, HTTP/3). One JSON argument: `certificate`, `key`, `tls_port`,
`plain_port` and `files` (a folder served as it is: git repositories and packages). What a host
serves does not depend on its name: names are the resolver's affair.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

WORDS = ("the", "a", "model", "data", "report", "plan", "market", "draft", "contract", "build", "review")
TOKEN_GAP_S = 0.012  # mean pause between two tokens; real services take two to five times as long
LARGEST_DOWNLOAD = 8_000_000
OPEN_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, OPTIONS"),
    (b"cache-control", b"no-store"),
]
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>lab</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/style.css?bytes=400">
<script src="/static/app.js"></script></head>
<body><h1>Lab page</h1><img src="/static/logo.bin?bytes=600" alt=""></body></html>"""
SCRIPT = """
function text(bytes) { return 'lorem ipsum '.repeat(bytes / 12 + 1).slice(0, bytes); }
function noise(bytes) {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(all.subarray(at, at + 65536));
  return all;
}
async function drain(response) {
  const reader = response.body.getReader();
  let bytes = 0;
  for (;;) { const part = await reader.read(); if (part.done) return bytes; bytes += part.value.length; }
}
async function chat({turns, promptBytes, tokens, pauseMs, base}) {
  for (let turn = 0; turn < turns; turn++) {
    const body = JSON.stringify({stream: true, max_tokens: tokens, prompt: text(promptBytes)});
    const headers = {'content-type': 'application/json'};
    await drain(await fetch((base || '') + '/backend/conversation', {method: 'POST', headers, body}));
    await new Promise(done => setTimeout(done, pauseMs));
  }
  return 'ok';
}
async function upload({bytes}) {
  const response = await fetch('/backend/files', {method: 'POST', body: noise(bytes)});
  return (await response.json()).received === bytes ? 'ok' : 'short';
}
async function download({bytes}) { return drain(await fetch('/download/media.bin?bytes=' + bytes)); }
"""


async def application(scope: Scope, receive: Receive, send: Send, files: Path) -> None:
    """Answer one request; the path alone decides what it is."""
    if scope["type"] != "http":
        return
    body = await read_body(receive)
    path: str = scope["path"]
    query = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
    if scope["method"] == "OPTIONS":
        await answer(send, 204, b"")
    elif path == "/v1/messages":
        await stream(send, anthropic_events(json.loads(body)))
    elif path.endswith(("/chat/completions", "/backend/conversation")):
        await stream(send, openai_events(json.loads(body)))
    elif scope["method"] in ("POST", "PUT"):
        await answer(send, 200, json.dumps({"received": len(body)}).encode(), b"application/json")
    elif "/resolve/main/" in path:
        await redirect(send, query)
    elif path == "/static/app.js":
        await answer(send, 200, SCRIPT.encode(), b"text/javascript")
    elif "bytes" in query:
        size = min(int(query["bytes"]), LARGEST_DOWNLOAD)
        kind = b"text/css" if path.endswith(".css") else b"application/octet-stream"
        await answer(send, 200, filler(size, kind), kind)
    elif path.startswith(("/simple/", "/packages/", "/repositories/")):
        await serve_file(send, files, path)
    elif path.startswith("/api/"):
        await answer(send, 200, b'{"status": "ok"}', b"application/json")
    else:
        await answer(send, 200, PAGE.encode(), b"text/html; charset=utf-8")


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


async def answer(send: Send, status: int, body: bytes, kind: bytes = b"text/plain") -> None:
    """Send one complete response."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *OPEN_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def redirect(send: Send, query: dict[str, str]) -> None:
    """Send a model download on to the storage host named in the query, as model hubs do."""
    target = f"https://{query['storage']}/download/model.bin?bytes={query['size']}"
    headers = [(b"location", target.encode()), (b"content-length", b"0"), *OPEN_HEADERS]
    await send({"type": "http.response.start", "status": 302, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def filler(size: int, kind: bytes) -> bytes:
    """Bytes to download: a comment for style sheets, noise for everything else."""
    if kind == b"text/css":
        return b"/*" + b" " * max(0, size - 4) + b"*/"
    return random.randbytes(size)


async def serve_file(send: Send, files: Path, path: str) -> None:
    """Serve a file, or a folder's `index.html`, from the files folder."""
    target = (files / path.lstrip("/")).resolve()
    if target.is_dir():
        target = target / "index.html"
    if not target.is_relative_to(files) or not target.is_file():
        await answer(send, 404, b"not found")
        return
    kind = b"text/html" if target.suffix == ".html" else b"application/octet-stream"
    await answer(send, 200, target.read_bytes(), kind)


async def stream(send: Send, events: AsyncIterator[bytes]) -> None:
    """Send server-sent events as they come, one chunk each."""
    headers = [(b"content-type", b"text/event-stream"), *OPEN_HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def tokens(request: dict[str, Any]) -> AsyncIterator[str]:
    """Words with irregular pauses between them, after a pause for thought."""
    await asyncio.sleep(random.uniform(0.1, 0.3))
    for _ in range(min(int(request.get("max_tokens") or 30), 400)):
        await asyncio.sleep(random.expovariate(1 / TOKEN_GAP_S))
        yield random.choice(WORDS) + " "


async def openai_events(request: dict[str, Any]) -> AsyncIterator[bytes]:
    """A chat completion in the OpenAI streaming shape."""
    base = {
        "id": "chatcmpl-" + random.randbytes(12).hex(),
        "object": "chat.completion.chunk",
        "created": 1793606400,
        "model": request.get("model", "lab-model"),
    }
    async for word in tokens(request):
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        yield b"data: " + json.dumps({**base, "choices": [choice]}).encode() + b"\n\n"
    last = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n"


async def anthropic_events(request: dict[str, Any]) -> AsyncIterator[bytes]:
    """A message in the Anthropic streaming shape."""
    message = {
        "id": "msg_" + random.randbytes(12).hex(),
        "type": "message",
        "role": "assistant",
        "model": request.get("model", "lab-model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": len(json.dumps(request)) // 4, "output_tokens": 1},
    }
    yield event("message_start", message=message)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    count = 0
    async for word in tokens(request):
        count += 1
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield event("content_block_stop", index=0)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": count})
    yield event("message_stop")


def event(kind: str, **fields: Any) -> bytes:
    """One named server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def main() -> None:
    """Serve with TLS (TCP and QUIC) on one loopback port and without on another."""
    settings = json.loads(sys.argv[1])
    files = Path(settings["files"]).resolve()
    config = Config()
    config.bind = [f"127.0.0.1:{settings['tls_port']}"]
    config.quic_bind = [f"127.0.0.1:{settings['tls_port']}"]
    config.insecure_bind = [f"127.0.0.1:{settings['plain_port']}"]
    config.certfile, config.keyfile = settings["certificate"], settings["key"]
    config.alpn_protocols = ["h2", "http/1.1"]
    config.alt_svc_headers = []
    config.keep_alive_timeout = 60

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await application(scope, receive, send, files)

    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
