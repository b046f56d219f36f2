"""The researchers' fact tables against the catalog: every row is in one service, or left out for a reason."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
import pytest

from sensor import schema
from sensor.catalog.load import Catalog, load
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.match import match
from tests.beside import CATALOG_FACTS

pytestmark = pytest.mark.skipif(
    not CATALOG_FACTS.is_dir(), reason="the researchers' fact tables are not beside this checkout"
)


class Probe(NamedTuple):
    """What a row of a table would look like on the wire."""

    table: str
    ident: str
    text: str
    host: str | None = None
    path: str | None = None
    user_agent: str | None = None


_BOUGHT = "sign-in, telemetry or files of many products: says nothing about this one"
_PATH_ONLY = "the host serves everything; its AI paths are listed"
_NO_PATH = "an ordinary API host, and no path is known"
_NO_AI = "shows pictures that models made, offers no model, and is widely read for other things"
_ADULT = "ordinary pictures and films for adults, and boards about them"

#: What is left out, and why. `test_nothing_is_left_out_without_need` keeps the list short.
LEFT_OUT = {
    "client-telemetry.us-east-1.amazonaws.com": _BOUGHT,
    "cognito-identity.us-east-1.amazonaws.com": _BOUGHT,
    "view.awsapps.com": _BOUGHT,
    "content-management-files.canva.com": _BOUGHT,
    "static.canva.com": _BOUGHT,
    "gator.volces.com": _BOUGHT,
    "default.exp-tas.com": _BOUGHT,
    "api-iam.intercom.io": _BOUGHT,
    "widget.intercom.io": _BOUGHT,
    "lpsnmedia.net": _BOUGHT,
    "oauth2.opera-api.com": _BOUGHT,
    "sg-wum.alibaba.com": _BOUGHT,
    "login.salesforce.com": _BOUGHT,
    "zdassets.com": _BOUGHT,
    "authn.nvidia.com": _PATH_ONLY,
    "github.com": _PATH_ONLY,
    "release-assets.githubusercontent.com": _PATH_ONLY,
    "registry-1.docker.io": _PATH_ONLY,
    "download.tensorflow.org": _PATH_ONLY,
    "storage.googleapis.com": "anybody's files; the hub that is asked just before is the usable sign",
    "*.r2.cloudflarestorage.com": "anybody's files; the hub that is asked just before is the usable sign",
    "model-runner.docker.internal": "a name inside one machine",
    "api.digits.com/": _NO_PATH,
    "api.dualentry.com/": _NO_PATH,
    "api.trigify.io/": _NO_PATH,
    "public-api.wordpress.com/wpcom": "that path is the whole REST API of WordPress.com",
    **dict.fromkeys(
        [
            "airportcalgary.com", "ambcrypto.com", "csdn.net", "ebank.nz", "gamer.se", "icons8.com",
            "img2go.com", "jeddahairport.net", "lemonsqueezy.com", "linuxconfig.org", "manuals.plus",
            "memo.tv", "wondershare.com",
        ],
        _NO_AI,
    ),
    **dict.fromkeys(
        [
            "celebjihad.com", "cfake.com", "desifakes.com", "famousboards.com", "imagefap.com", "nsfw.xxx",
            "pornkai.com", "sexcelebrity.net", "sexystars.online", "the-cuties.com",
        ],
        _ADULT,
    ),
    "cohere.io": "no page of Cohere's: it was a tool for support teams",
}  # fmt: skip

_COMPANY = "a host of the vendor's whole domain, which stands in the service it is named after"

#: Ids of the tables that are more than one service here.
SPLIT = {
    "azure-ai-foundry": "Azure OpenAI has hosts of its own",
    "openai-api": "Prism, where papers are written, is no API",
    "claude": _COMPANY,
    "grok": _COMPANY,
    "kimi": _COMPANY,
    "mistral-lechat": _COMPANY,
    "deepseek": "chat and API are used by different people under different terms",
    "perplexity": "chat and API are used by different people under different terms",
    "huggingface": "the hub hands out models, inference runs them",
    "jetbrains-ai": "AI Assistant helps in the editor, Junie acts by itself and asks a host of its own",
    "meta-ai": "the assistant and the Llama API",
    "gemini-cli": "cloudcode-pa serves the editor plugin too: only the User-Agent tells them apart",
}

#: Agents of the tables that no indicator carries.
LEFT_OUT_AGENTS = {
    "crush/1.0": "the fetch tool's fixed version; Charm-Crush/ names the product",
    "speakeasy-sdk/python": "a generator of clients for many vendors",
}

#: Names of the tables of resolvers and relays that are no blind spot.
NO_BLIND_SPOTS = {
    "cloudflareaccess.com": "a sign-in page",
    "proton.me": "mail, files and a calendar; the VPN is at protonvpn.com and protonvpn.net",
    "workers.dev": "anybody's programs, most of them no proxy",
    "equinox.io": "hands out the client of a tunnel, carries nothing",
    "_dns.resolver.arpa": "a question, never a connection",
    "use-application-dns.net": "a question, never a connection",
}


def rows(table: str) -> list[dict[str, str]]:
    with (CATALOG_FACTS / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_host(table: str, ident: str, domain: str, kind: str) -> Iterator[Probe]:
    yield Probe(table, ident, domain, host=domain.replace("*", "x0"))
    if kind == "suffix":
        yield Probe(table, ident, domain, host=f"zz.{domain}")


def by_path(table: str, ident: str, host: str, path: str) -> Probe:
    return Probe(table, ident, f"{host.removeprefix('x0.')}{path}", host=host, path=f"{path.rstrip('/')}/x")


def probes() -> Iterator[Probe]:
    for row in rows("domains"):
        if row["match"] == "url_path":
            host = f"x0.{row['domain']}" if row["path_host_match"] == "suffix" else row["domain"]
            yield by_path("domains", row["app_id"], host, row["path_prefix"])
        else:
            yield from by_host("domains", row["app_id"], row["domain"], row["match"])
    for table in ("inference_apis", "agent_tools", "longtail_domains"):
        for row in rows(table):
            yield from by_host(table, row["app_id"], row["domain"], row["match"])
    for row in rows("model_hubs"):
        yield from by_host("model_hubs", row["hub"], row["domain"], "exact")
    for row in rows("mcp_remote_servers"):
        yield by_path("mcp_remote_servers", row["vendor"], row["host"], row["path"])
    for row in rows("extensions"):
        yield Probe("extensions", row["app_id"], row["chrome_id"], host=row["chrome_id"], path="/x")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="module")
def resolved(catalog: Catalog) -> list[tuple[Probe, str | None]]:
    """Every probe with the service that it resolves to."""
    asked = list(probes())
    columns = {"host": [p.host for p in asked], "path": [p.path for p in asked]}
    frame = schema.OBSERVATIONS.conform(pl.DataFrame(columns)).with_row_index("row")
    found = match(frame, Index.build(catalog.indicators))
    apps = dict(found.select("row", "app").iter_rows())
    return [(probe, apps.get(row)) for row, probe in enumerate(asked)]


def test_every_row_is_in_a_service_or_left_out_for_a_reason(
    resolved: list[tuple[Probe, str | None]],
) -> None:
    assert {probe.text for probe, app in resolved if app is None} - LEFT_OUT.keys() == set()


def test_nothing_is_left_out_without_need(resolved: list[tuple[Probe, str | None]]) -> None:
    assert LEFT_OUT.keys() - {probe.text for probe, app in resolved if app is None} == set()


def test_an_id_of_the_tables_is_one_service(resolved: list[tuple[Probe, str | None]]) -> None:
    services: dict[tuple[str, str], set[str]] = defaultdict(set)
    for probe, app in resolved:
        if app and probe.table in ("domains", "inference_apis", "agent_tools"):
            services[probe.table, probe.ident].add(app)
    assert {ident for (_, ident), apps in services.items() if len(apps) > 1} == SPLIT.keys()


def test_domains_marked_unsure_have_little_confidence(catalog: Catalog) -> None:
    unsure = {row["domain"] for row in rows("domains") if row["certainty"] == "unsure"}
    sure = {row["domain"] for row in rows("domains") if row["certainty"] != "unsure"}
    named = catalog.indicators.filter(
        pl.col("kind").is_in(["domain", "suffix"]), pl.col("value").is_in(list(unsure - sure))
    )
    believed = named.filter(pl.col("confidence") > 0.5)
    assert named.height > 150
    assert believed.height < 0.15 * named.height  # those that a second source names as well


def test_agents_and_sdks_are_known_and_crawlers_are_not(catalog: Catalog) -> None:
    known = set(catalog.indicators.filter(kind="user_agent")["value"])
    clients = {row["pattern"] for row in rows("user_agents") if row["kind"] != "crawler"}
    crawlers = {row["pattern"] for row in rows("user_agents") if row["kind"] == "crawler"}
    missing = {token for token in clients if not any(token.lstrip("; ").startswith(agent) for agent in known)}
    assert missing == LEFT_OUT_AGENTS.keys()
    assert crawlers & known == set()


def test_every_self_hosted_product_is_described(catalog: Catalog) -> None:
    named = {name.lower() for name in catalog.frame()["service"]}
    missing = {row["product"] for row in rows("self_hosted") if row["product"].lower() not in named}
    assert missing == {
        "pgvector (PostgreSQL)",  # looks like any PostgreSQL
        "Dask scheduler dashboard",  # general computing
        "Weights & Biases local",  # no path of its own is known
        "GPUStack",  # no path of its own is known
    }


def test_every_encrypted_resolver_and_relay_is_a_blind_spot(catalog: Catalog) -> None:
    relays = [row["indicator"] for row in rows("vpn_proxy_evasion") if row["indicator_type"] == "domain"]
    ports = {"doh": 443, "dot": 853, "doq": 853}
    resolvers = {
        row["hostname"]: ports[row["protocol"]] for row in rows("encrypted_dns") if row["protocol"] in ports
    }
    asked = {name: port for name, port in (dict.fromkeys(relays, 443) | resolvers).items() if name.islower()}
    ends = pl.DataFrame(
        {"host": list(asked), "server": None, "port": list(asked.values()), "transport": "tcp"},
        schema_overrides={"server": pl.String},
    )
    hidden = set(Blindness(catalog.blind_spots).find(ends)["host"])
    services = Index.build(catalog.indicators)
    known = set(match(schema.OBSERVATIONS.conform(pl.DataFrame({"host": list(asked)})), services)["host"])
    assert asked.keys() - hidden - known == NO_BLIND_SPOTS.keys()
