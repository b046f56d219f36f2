"""Walks `signatures/`: every entry is well-formed, proven, and resolves the names people really use."""

import csv
import datetime
import re
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.catalog.blind import COUNTED
from sensor.catalog.checks import check
from sensor.catalog.load import BUILT_IN, load
from sensor.catalog.read import collect, draft
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.match import match

ROOT = Path(__file__).parents[1]
FACTS = ROOT.parent / "shared" / "catalog-facts"
FILES = sorted(path.relative_to(BUILT_IN).as_posix() for path in BUILT_IN.glob("vendors/*/*.yml"))


@pytest.fixture(scope="module")
def problems() -> dict[str, list[str]]:
    """What the lints say, by file."""
    today = datetime.datetime.now(datetime.UTC).date()
    found: dict[str, list[str]] = {}
    for problem in check(draft(collect([BUILT_IN])), today):
        found.setdefault(Path(problem.path).relative_to(BUILT_IN).as_posix(), []).append(str(problem))
    return found


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.build(load().indicators)


def resolve(index: Index, **columns: list[str | None]) -> pl.DataFrame:
    return match(schema.OBSERVATIONS.conform(pl.DataFrame(columns)), index)


@pytest.mark.parametrize("file", [file for file in FILES if not file.endswith("/vendor.yml")])
def test_an_entry_has_no_problems(file: str, problems: dict[str, list[str]]) -> None:
    assert problems.get(file, []) == []


@pytest.mark.parametrize("file", sorted(path.name for path in BUILT_IN.glob("resolvers/*")))
def test_a_file_of_blind_spots_has_no_problems(file: str, problems: dict[str, list[str]]) -> None:
    assert problems.get(f"resolvers/{file}", []) == []


def test_every_vendor_has_a_service() -> None:
    vendors = {Path(file).parent for file in FILES if file.endswith("/vendor.yml")}
    assert vendors == {Path(file).parent for file in FILES if not file.endswith("/vendor.yml")}


def test_the_catalog_covers_every_category_and_carries_proof() -> None:
    catalog = load()
    services = catalog.frame()
    assert services.height >= 60
    assert set(services["category"]) == set(catalog.vocabulary.category)
    assert services["experimental"].mean() < 0.1


def test_the_entry_in_the_readme_passes_as_it_stands(tmp_path: Path) -> None:
    text = (BUILT_IN / "README.md").read_text(encoding="utf-8")
    entry, vendor = re.findall(r"```yaml\n(.*?)```", text, re.S)[:2]
    folder = tmp_path / "vendors" / "example"
    folder.mkdir(parents=True)
    (folder / "assistant.yml").write_text(entry, encoding="utf-8")
    (folder / "vendor.yml").write_text(vendor, encoding="utf-8")
    drafted = draft(collect([BUILT_IN, tmp_path]))
    assert check(drafted, datetime.date(2100, 1, 1)) == []
    assert "example/assistant" in {entry.app for entry in drafted.entries}


def test_the_blind_spots_in_the_readme_pass_as_they_stand(tmp_path: Path) -> None:
    text = (BUILT_IN / "README.md").read_text(encoding="utf-8")
    example = next(yaml for yaml in re.findall(r"```yaml\n(.*?)```", text, re.S) if "kind: doh" in yaml)
    (tmp_path / "resolvers").mkdir()
    (tmp_path / "resolvers" / "own.yml").write_text(example, encoding="utf-8")
    drafted = draft(collect([BUILT_IN, tmp_path]))
    assert check(drafted, datetime.date(2100, 1, 1)) == []
    assert "Example DNS" in {spot.name for spot in drafted.blind_spots}
    for kind, column in COUNTED.items():
        assert re.search(rf"# [a-z ]*\b{kind}\b[a-z ]*: counted as {column}", example), kind


def test_the_readme_explains_every_word_of_the_vocabulary() -> None:
    text = (BUILT_IN / "README.md").read_text(encoding="utf-8")
    vocabulary = load().vocabulary
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
        ("api.openai.com", None, 443, "tcp", None),
        (None, "203.0.113.9", 443, "udp", None),
        (None, "8.8.8.8", 53, "tcp", None),
    ],
)
def test_known_blind_spots(
    host: str | None, server: str | None, port: int, transport: str, counted: str | None
) -> None:
    end = {"host": [host], "server": [server], "port": [port], "transport": [transport]}
    texts = {"host": pl.String, "server": pl.String}
    found = Blindness(load().blind_spots).find(pl.DataFrame(end, schema_overrides=texts))
    assert found["counted"].to_list() == ([counted] if counted else [])


@pytest.mark.parametrize(
    "host",
    [
        "notopenai.com", "chatgpt.com.example.net", "github.com", "www.google.com", "www.bing.com",
        "outlook.office.com", "en.wikipedia.org", "s3.eu-central-1.amazonaws.com", "storage.googleapis.com",
        "login.microsoftonline.com", "slack.example.com", "thankyou.com", "precursor.sh", "outsider.ai",
        "sentry.io", "api.stripe.com", "auth0.com", "intranet.corp.example",
    ],
)  # fmt: skip
def test_ordinary_work_is_no_ai(index: Index, host: str) -> None:
    assert resolve(index, host=[host]).is_empty()


def test_coding_agents_show_in_the_user_agent(index: Index) -> None:
    hosts = ["api.anthropic.com", "api.openai.com", "cloudcode-pa.googleapis.com", "api.groq.com"]
    agents = [
        "claude-cli/2.0.31 (external, cli)",
        "codex_cli_rs/0.46.0 (Ubuntu)",
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


@pytest.mark.skipif(not FACTS.is_dir(), reason="the researchers' fact tables are not beside this checkout")
def test_no_host_that_researchers_call_shared_counts_as_use(index: Index) -> None:
    with (FACTS / "domains.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["match"] != "url_path"]
    shared = [row["domain"] for row in rows if row["shared_host"] == "yes"]
    found = resolve(index, host=sorted(set(shared)))
    assert found.filter(pl.col("role") == "use").select("host", "app").rows() == []


@pytest.mark.skipif(not FACTS.is_dir(), reason="the researchers' fact tables are not beside this checkout")
def test_crawlers_of_ai_vendors_are_no_clients(index: Index) -> None:
    with (FACTS / "user_agents.csv").open(encoding="utf-8", newline="") as file:
        crawlers = [row["pattern"] for row in csv.DictReader(file) if row["kind"] == "crawler"]
    agents = [f"Mozilla/5.0 (compatible; {crawler}/1.0)" for crawler in crawlers]
    found = resolve(index, user_agent=agents)
    assert found["user_agent"].to_list() == []
