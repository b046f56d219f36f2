"""Walks `signatures/`: every entry is well-formed, proven, and resolves the names people really use."""

import csv
import datetime
import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from sensor import schema
from sensor.catalog.blind import COUNTED
from sensor.catalog.checks import check
from sensor.catalog.files import collect
from sensor.catalog.load import BUILT_IN, Catalog, load
from sensor.catalog.read import Draft, draft
from sensor.match.blindness import Blindness
from sensor.match.explain import explain
from sensor.match.index import Index
from sensor.match.match import match
from tests.beside import CATALOG_FACTS
from tests.sensor.decode.craft import Talk, decode, pcap

ROOT = Path(__file__).parents[1]
FILES = sorted(path.relative_to(BUILT_IN).as_posix() for path in BUILT_IN.glob("vendors/*/*.yml"))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (BUILT_IN / "README.md").read_text(encoding="utf-8"), re.S)
#: Some day on which no date in an example lies in the future.
LATER = datetime.date(2100, 1, 1)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="module")
def index(catalog: Catalog) -> Index:
    return Index.build(catalog.indicators)


def resolve(index: Index, **columns: list[str | None]) -> pl.DataFrame:
    return match(schema.OBSERVATIONS.conform(pl.DataFrame(columns)), index)


def errors(drafted: Draft, today: datetime.date) -> list[str]:
    return [str(problem) for problem in check(drafted, today) if problem.level == "error"]


def test_no_entry_has_an_error_and_every_proof_holds() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    assert errors(draft(collect([BUILT_IN])), today) == []


def test_every_vendor_has_a_service() -> None:
    vendors = {Path(file).parent for file in FILES if file.endswith("/vendor.yml")}
    assert vendors == {Path(file).parent for file in FILES if not file.endswith("/vendor.yml")}


def test_the_catalog_covers_every_category_and_little_of_it_is_experimental(catalog: Catalog) -> None:
    services = catalog.frame()
    assert services.height >= 1000
    assert set(services["category"]) == set(draft(collect([BUILT_IN])).vocabulary.category)
    assert services["experimental"].mean() < 0.1


@pytest.mark.parametrize(
    ("beginning", "place"),
    [
        ("# Comment on what is", "vendors/example/assistant.yml"),
        ("name: Image generators", "bulk/example.yml"),
        ("name: Example Server", "behaviours/example.yml"),
        ("meaning: resolvers", "resolvers/example.yml"),
    ],
)
def test_the_examples_in_the_readme_pass_as_they_stand(tmp_path: Path, beginning: str, place: str) -> None:
    (tmp_path / "vendors").mkdir()
    files = {place: beginning}
    if place.startswith("vendors/"):
        files["vendors/example/vendor.yml"] = "name: Example Inc."
    for file, start in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        text = next(example for example in EXAMPLES if example.startswith(start))
        (tmp_path / file).write_text(text, encoding="utf-8")
    drafted = draft(collect([BUILT_IN, tmp_path]))
    assert errors(drafted, LATER) == []
    apps = {entry.app for entry in drafted.entries} | {"resolvers/example"}
    assert place.removeprefix("vendors/").removesuffix(".yml") in apps


def test_the_readme_says_what_each_kind_of_blind_spot_counts_as() -> None:
    example = next(example for example in EXAMPLES if "kind: doh" in example)
    for kind, column in COUNTED.items():
        assert re.search(rf"# [a-z ]*\b{kind}\b[a-z ]*: counted as {column}", example), kind


def test_the_readme_explains_every_word_of_the_vocabulary() -> None:
    text = (BUILT_IN / "README.md").read_text(encoding="utf-8")
    vocabulary = draft(collect([BUILT_IN])).vocabulary
    for word in [*vocabulary.kind, *vocabulary.access, "use", "embedded", "support"]:
        assert re.search(rf"[`*]{word}[`*]", text), word


#: host, service, role: the names a first user will look for
KNOWN = [
    ("chatgpt.com", "openai/chatgpt", "use"),
    ("api.openai.com", "openai/api", "use"),
    ("eu.api.openai.com", "openai/api", "use"),
    ("www.openai.com", "openai/api", "support"),
    ("auth.openai.com", "openai/chatgpt", "support"),
    ("claude.ai", "anthropic/claude", "use"),
    ("api.anthropic.com", "anthropic/api", "use"),
    ("statsig.anthropic.com", "anthropic/api", "support"),
    ("gemini.google.com", "google/gemini", "use"),
    ("generativelanguage.googleapis.com", "google/gemini-api", "use"),
    ("europe-west1-aiplatform.googleapis.com", "google/vertex-ai", "use"),
    ("chat.deepseek.com", "deepseek/chat", "use"),
    ("api.deepseek.com", "deepseek/api", "use"),
    ("copilot.microsoft.com", "microsoft/copilot", "use"),
    ("contoso.openai.azure.com", "microsoft/azure-openai", "use"),
    ("bedrock-runtime.eu-central-1.amazonaws.com", "aws/bedrock", "use"),
    ("api.githubcopilot.com", "github/copilot", "use"),
    ("telemetry.business.githubcopilot.com", "github/copilot", "support"),
    ("telemetry.enterprise.githubcopilot.com", "github/copilot", "support"),
    ("help.kimi.com", "moonshot/kimi", "support"),
    ("telemetry-logs.kimi.com", "moonshot/kimi", "support"),
    ("europe-west1-aiplatform.mtls.googleapis.com", "google/vertex-ai", "use"),
    ("contoso.services.ai.azure.us", "microsoft/foundry", "use"),
    ("runtime.sagemaker.cn-north-1.amazonaws.com.cn", "aws/sagemaker", "use"),
    ("metrics.cursor.sh", "anysphere/cursor", "support"),
    ("in03-a.serverless.gcp-us-west1.cloud.zilliz.com", "zilliz/zilliz-cloud", "use"),
    ("gateway.braintrust.dev", "braintrust/braintrust", "use"),
    ("platform.kimi.com", "moonshot/api", "use"),
    ("deferred-chat.x.ai", "xai/api", "use"),
    ("huggingface.co", "hugging-face/hub", "use"),
    ("cdn-lfs.huggingface.co", "hugging-face/hub", "use"),
    ("cdn-lfs-us-1.hf.co", "hugging-face/hub", "use"),
    ("cas-bridge.xethub.hf.co", "hugging-face/hub", "use"),
    ("someone-demo.hf.space", "hugging-face/hub", "embedded"),
    ("router.huggingface.co", "hugging-face/inference", "use"),
    ("registry.ollama.ai", "ollama/ollama", "use"),
    ("api.mistral.ai", "mistral/api", "use"),
    ("chat.mistral.ai", "mistral/le-chat", "use"),
    ("www.perplexity.ai", "perplexity/perplexity", "use"),
    ("api.groq.com", "groq/groq", "use"),
    ("openrouter.ai", "openrouter/openrouter", "use"),
    ("sider.ai", "sider/sider", "use"),
    ("api2.sider.ai", "sider/sider", "use"),
    ("otter.ai", "otter/otter", "use"),
    ("api2.cursor.sh", "anysphere/cursor", "use"),
    ("gamma.app", "gamma/gamma", "use"),
    ("api.elevenlabs.io", "elevenlabs/elevenlabs", "use"),
    ("app.grammarly.com", "grammarly/grammarly", "use"),
    ("www.midjourney.com", "midjourney/midjourney", "use"),
    ("www.notion.so", "notion/notion-ai", "embedded"),
    ("notion.so", "notion/notion-ai", "embedded"),
    ("app.slack.com", "slack/slack-ai", "embedded"),
    ("zoom.us", "zoom/ai-companion", "embedded"),
    ("augloop.office.com", "microsoft/m365-copilot", "embedded"),
    ("files.oaiusercontent.com", "openai/chatgpt", "use"),
    ("cdn.oaistatic.com", "openai/chatgpt", "support"),
    ("grok.com", "xai/grok", "use"),
    ("api.x.ai", "xai/api", "use"),
    ("aistudio.google.com", "google/ai-studio", "use"),
    ("console.mistral.ai", "mistral/api", "use"),
    ("www.cursor.com", "anysphere/cursor", "support"),
    ("bedrock-agent-runtime.us-east-1.amazonaws.com", "aws/bedrock", "use"),
    ("gw.gateway.bedrock-agentcore.us-east-1.amazonaws.com", "aws/bedrock-agentcore", "use"),
    ("qbusiness.eu-west-1.api.aws", "aws/q-business", "use"),
    ("inference.generativeai.us-chicago-1.oci.oraclecloud.com", "oracle/oci-generative-ai", "use"),
    ("contoso.services.ai.azure.com", "microsoft/foundry", "use"),
    ("contoso.cognitiveservices.azure.com", "microsoft/ai-services", "embedded"),
    ("westeurope.api.cognitive.microsoft.com", "microsoft/ai-services", "use"),
    ("eu.openrouter.ai", "openrouter/openrouter", "use"),
    ("api.portkey.ai", "portkey/portkey", "use"),
    ("www.portkey.ai", "portkey/portkey", "support"),
    ("api.runpod.ai", "runpod/runpod", "use"),
    ("abc123-8000.proxy.runpod.net", "runpod/runpod", "embedded"),
    ("mcp.stripe.com", "stripe/mcp", "use"),
    ("mcp.notion.com", "notion/notion-ai", "use"),
    ("bindings.mcp.cloudflare.com", "cloudflare/mcp", "use"),
    ("api.cloudflare.com", "cloudflare/workers-ai", "embedded"),
    ("acme.snowflakecomputing.com", "snowflake/cortex", "embedded"),
    ("adb-1.2.azuredatabricks.net", "databricks/databricks-ai", "embedded"),
    ("shop.search.windows.net", "microsoft/ai-search", "embedded"),
    ("teams.microsoft.com", "microsoft/teams-copilot", "embedded"),
    ("api.tavily.com", "tavily/tavily", "use"),
    ("api.lakera.ai", "lakera/lakera", "use"),
    ("api.labelbox.com", "labelbox/labelbox", "use"),
    ("www.perplexity.ai", "perplexity/perplexity", "use"),
    ("gencraft.com", "bulk/generative-media", "use"),
    ("www.prompthero.com", "bulk/generated-content", "embedded"),
    ("mcp.dappier.com", "bulk/mcp-servers", "use"),
    ("content-push.googleapis.com", "google/gemini", "use"),
    ("oaisdmntprwestus3.blob.core.windows.net", "openai/chatgpt", "use"),
    ("qwen-webui-prod.oss-accelerate.aliyuncs.com", "alibaba/qwen", "use"),
    ("speech-upload-prod.s3.us-west-2.amazonaws.com", "otter/otter", "use"),
    ("v3.fal.media", "fal/fal", "embedded"),
    ("static.ada.support", "ada/ada", "embedded"),
    ("widget.kapa.ai", "bulk/answer-bots", "embedded"),
    ("widget.tiledesk.com", "bulk/on-other-pages", "embedded"),
    ("static.readdy.ai", "bulk/on-other-pages", "embedded"),
    ("readdy.ai", "bulk/unproven-code", "use"),
    ("cdn.scite.ai", "research-solutions/scite", "support"),
    ("www.chatbase.co", "chatbase/chatbase", "embedded"),
    ("docs.claude.com", "anthropic/claude", "support"),
    ("status.perplexity.com", "perplexity/perplexity", "support"),
    ("docs.vllm.ai", "vllm/vllm-project", "support"),
    ("nvcr.io", "nvidia/ngc", "embedded"),
]


@pytest.mark.parametrize(("host", "app", "role"), KNOWN)
def test_a_known_name_resolves(index: Index, host: str, app: str, role: str) -> None:
    assert resolve(index, host=[host]).select("app", "role").rows() == [(app, role)]


@pytest.mark.parametrize(
    ("host", "server", "port", "transport", "counted"),
    [
        ("dns.google", None, 443, "tcp", "encrypted_dns"),
        ("cloudflare-dns.com", None, 443, "udp", "encrypted_dns"),
        (None, "1.1.1.1", 443, "tcp", "encrypted_dns"),
        (None, "2606:4700:4700::1111", 443, "udp", "encrypted_dns"),
        (None, "203.0.113.9", 853, "udp", "encrypted_dns"),
        ("mask.icloud.com", None, 443, "udp", "vpn_relay"),
        ("us123.nordvpn.com", None, 443, "tcp", "vpn_relay"),
        (None, "162.159.192.1", 2408, "udp", "vpn_relay"),
        (None, "203.0.113.9", 51820, "udp", "vpn_relay"),
        ("www.google.com", None, 443, "tcp", None),
        ("apple-relay.apple.com", None, 443, "tcp", None),
        ("mail.proton.me", None, 443, "tcp", None),
        ("api.openai.com", None, 443, "tcp", None),
        (None, "203.0.113.9", 443, "udp", None),
        (None, "8.8.8.8", 53, "tcp", None),
    ],
)
def test_known_blind_spots(
    catalog: Catalog, host: str | None, server: str | None, port: int, transport: str, counted: str | None
) -> None:
    end = {"host": [host], "server": [server], "port": [port], "transport": [transport]}
    texts = {"host": pl.String, "server": pl.String}
    found = Blindness(catalog.blind_spots).find(pl.DataFrame(end, schema_overrides=texts))
    assert found["counted"].to_list() == ([counted] if counted else [])


@pytest.mark.parametrize(
    "host",
    [
        "notopenai.com", "chatgpt.com.example.net", "github.com", "www.google.com", "www.bing.com",
        "outlook.office.com", "en.wikipedia.org", "s3.eu-central-1.amazonaws.com", "storage.googleapis.com",
        "login.microsoftonline.com", "slack.example.com", "thankyou.com", "precursor.sh", "outsider.ai",
        "sentry.io", "api.stripe.com", "auth0.com", "intranet.corp.example", "default.exp-tas.com",
        "cognito-identity.us-east-1.amazonaws.com", "huggingface.com", "csdn.net", "www.amazon.com",
        "adobe.io", "stripe.com", "www.paypal.com", "sentry.dev", "github.io",
        "www.googleapis.com", "vercel.app", "registry.npmjs.org", "login.salesforce.com", "api.linkedin.com",
        "cloud.ibm.com", "dynamodb.us-east-1.amazonaws.com", "dc.services.visualstudio.com",
        "play.googleapis.com", "cdn.muse.ai", "www.imagefap.com", "sdmntprwestus3.blob.core.windows.net",
        "s3.us-west-2.amazonaws.com", "upload.kuaishouzt.com", "translate-pa.googleapis.com",
        "nv-tlabs.github.io",
    ],
)  # fmt: skip
def test_ordinary_work_is_no_ai(index: Index, host: str) -> None:
    assert resolve(index, host=[host]).is_empty()


def test_paths_tell_what_hosts_do_not(index: Index) -> None:
    rows = [
        ("github.com", "/copilot/agents", "github/copilot", "use"),
        ("github.com", "/torvalds/linux", None, None),
        ("learn.microsoft.com", "/api/mcp", "microsoft/mcp", "use"),
        ("bigquery.googleapis.com", "/mcp", "google/mcp", "use"),
        ("registry-1.docker.io", "/v2/ai/llama3.2/manifests/latest", "docker/ai-models", "use"),
        ("registry-1.docker.io", "/v2/library/alpine/manifests/latest", None, None),
        ("acme.snowflakecomputing.com", "/api/v2/cortex/inference:complete", "snowflake/cortex", "use"),
        ("x.com", "/i/grok", "xai/grok", "use"),
        ("x.com", "/home", None, None),
        ("s3.us-west-2.amazonaws.com", "/speech-upload-prod", "otter/otter", "use"),
        ("ollama.com", "/api/chat", "ollama/ollama", "use"),
        ("v3.fal.media", "/files/upload", "fal/fal", "use"),
        ("v3.fal.media", "/files/monkey/a.png", "fal/fal", "embedded"),
        ("www.google.com", "/search", None, None),
    ]
    asked = pl.DataFrame({"host": [row[0] for row in rows], "path": [row[1] for row in rows]})
    found = match(schema.OBSERVATIONS.conform(asked).with_row_index("row"), index)
    got = {row: (app, role) for row, app, role in found.select("row", "app", "role").iter_rows()}
    assert [got.get(row, (None, None)) for row in range(len(rows))] == [row[2:] for row in rows]


def test_self_hosted_servers_show_by_port_and_path(index: Index) -> None:
    frame = pl.DataFrame({
        "host": ["gpu-7.corp.example", "gpu-7.corp.example", "gpu-7.corp.example", "llm.corp.example"],
        "path": ["/api/tags", "/api/tags", "/v1/chat/completions", "/mcp"],
        "server_port": [11434, 8080, 8000, 443],
    })  # fmt: skip
    found = match(schema.OBSERVATIONS.conform(frame), index)
    assert found["app"].to_list() == [
        "behaviours/ollama",
        "behaviours/openai-compatible",
        "behaviours/mcp-streamable-http",
    ]


def test_a_page_about_mcp_servers_is_none(index: Index) -> None:
    methods = ["GET", "HEAD", "POST", None]
    found = resolve(index, host=["tools.corp.example"] * 4, path=["/mcp/servers/shop"] * 4, method=methods)
    assert found["method"].to_list() == ["POST", None]
    stream = resolve(
        index, host=["tools.corp.example"], path=["/mcp"], method=["GET"], software=["speaks: mcp"]
    )
    assert stream["app"].to_list() == ["behaviours/mcp-streamable-http"]


def test_an_mcp_server_nobody_listed_is_a_reason_to_look(index: Index) -> None:
    hosts = ["mcp.nobody-knows.example", "mcp.stripe.com", "mcp.nobody-knows.example", "mcp.example"]
    found = resolve(index, host=hosts, path=[None, None, "/mcp", None])
    assert found.select("app", "role").rows() == [
        ("behaviours/mcp-by-name", "support"),
        ("stripe/mcp", "use"),
        ("behaviours/mcp-streamable-http", "use"),
    ]
    told = explain(index, "mcp.nobody-knows.example")
    assert "no use" in told.why


def test_an_add_on_shows_by_its_id(index: Index) -> None:
    ids = ["difoiogjjojoaoomphldepapgpbgkhkb", "abdalefggkmddnicfhgngmdoggcbopai", "a" * 32]
    found = resolve(index, host=ids, path=["/panel.html"] * 3)
    assert found.select("app", "access").rows() == [
        ("sider/sider", "extension"),
        ("bulk/browser-add-ons", "extension"),
    ]


def test_coding_agents_show_in_the_user_agent(index: Index) -> None:
    hosts = ["api.anthropic.com", "api.openai.com", "cloudcode-pa.googleapis.com", "api.groq.com"]
    agents = [
        "claude-cli/2.0.31 (external, cli)",
        "codex-tui/0.154.0 (Ubuntu)",
        "GeminiCLI/0.21.0",
        "OpenAI/Python 2.1",
    ]
    found = resolve(index, host=hosts, user_agent=agents)
    assert found["app"].to_list() == [
        "anthropic/claude-code",
        "openai/codex",
        "google/gemini-cli",
        "groq/groq",
    ]
    assert found["access"].to_list() == ["cli", "cli", "cli", "api"]


@pytest.mark.skipif(
    not CATALOG_FACTS.is_dir(), reason="the researchers' fact tables are not beside this checkout"
)
def test_no_host_that_researchers_call_shared_counts_as_use(index: Index) -> None:
    with (CATALOG_FACTS / "domains.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["match"] != "url_path"]
    shared = [row["domain"] for row in rows if row["shared_host"] == "yes"]
    found = resolve(index, host=sorted(set(shared)))
    assert found.filter(pl.col("role") == "use").select("host", "app").rows() == []


@pytest.mark.skipif(
    not CATALOG_FACTS.is_dir(), reason="the researchers' fact tables are not beside this checkout"
)
def test_crawlers_of_ai_vendors_are_no_clients(index: Index) -> None:
    with (CATALOG_FACTS / "user_agents.csv").open(encoding="utf-8", newline="") as file:
        crawlers = [row["pattern"] for row in csv.DictReader(file) if row["kind"] == "crawler"]
    agents = [f"Mozilla/5.0 (compatible; {one}/1.0)" for one in crawlers if one != "opencode"]  # a program
    found = resolve(index, user_agent=agents)
    assert found["user_agent"].to_list() == []


def test_a_version_that_is_held_against_vulnerabilities_can_be_read(index: Index) -> None:
    """Each answer of `tells_version`, in packets, and after it what a client of the product asks for."""
    files = (BUILT_IN / "behaviours").glob("*.yml")
    products = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in files}
    told = [(name, one) for name, product in products.items() for one in product.get("tells_version", ())]
    assert {name for name, _ in told} == {name for name, product in products.items() if "affected" in product}
    frames = []
    for n, (name, one) in enumerate(told):
        port = products[name]["ports"][0]
        talk = Talk(server=f"10.9.0.{n + 1}", server_port=port, now=1_800_000_000 + n).shake()
        head = "HTTP/1.1 200 OK\r\n" + (f"{one['field']}\r\n" if "field" in one else "")
        for path in dict.fromkeys((one["path"], products[name]["paths"][0])):
            talk.send(f"GET {path} HTTP/1.1\r\nHost: {talk.server}\r\n\r\n".encode())
            talk.reply(f"{head}\r\n{one.get('body', '')}".encode())
        frames += talk.close().frames
    seen = match(decode(pcap(frames))["observations"], index)
    found = set(seen.select("server", "app", "server_version").rows())
    wanted = {(f"10.9.0.{n + 1}", f"behaviours/{name}", one["version"]) for n, (name, one) in enumerate(told)}
    assert wanted <= found, wanted - found
