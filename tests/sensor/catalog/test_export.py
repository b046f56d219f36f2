"""Other tools' formats: well-formed, stable, and only use in those that other tools act on."""

import json
import re
import shutil
import subprocess
import uuid
from pathlib import Path

import polars as pl
import pytest

from sensor.catalog.export import FIRST_SID, FORMATS, SIDS, acted_on
from sensor.catalog.load import Catalog, compiled, load
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog


def text(catalog: Catalog, name: str) -> str:
    return "".join(FORMATS[name](catalog))


@pytest.fixture(scope="module")
def built_in() -> Catalog:
    return load()


ENTRY = "vendors/example/assistant.yml"
MORE = """\
  - {kind}: {value}
    access: {access}
    shared: {shared}
    certainty: vendor_doc
    reference: "https://assistant.example/a;b|c"
    checked: 2026-11-22
"""


@pytest.fixture
def small(make_catalog: MakeCatalog) -> Catalog:
    added = "".join(
        MORE.format(kind=kind, value=value, access=access, shared=shared)
        for kind, value, access, shared in (
            ("domain", "api.assistant.example", "api", "false"),
            ("pattern", '"run-*.region.cloud.example"', "api", "false"),
            ("domain", "office.example", "web", "true"),
            ("domain", "stats.assistant.example", "telemetry", "false"),
            ("url", "portal.example/assist", "web", "false"),
            ("address", "192.0.2.0/24", "api", "false"),
            ("user_agent", "Assist/", "cli", "false"),
        )
    )
    entry = SERVICE.replace("2026-11-22\n", f"2026-11-22\n{added}", 1)
    return compiled([make_catalog({ENTRY: entry})])


@pytest.mark.parametrize("name", ["hosts", "stix", "zeek-intel", "suricata"])
def test_what_tools_act_on_has_no_shared_hosts_and_no_side_doors(small: Catalog, name: str) -> None:
    written = text(small, name)
    assert "assistant.example" in written
    for value in ("office.example", "stats.assistant.example"):
        assert value not in written


def test_json_and_csv_carry_everything(built_in: Catalog) -> None:
    document = json.loads(text(built_in, "json"))
    assert document["version"] == built_in.version
    assert len(document["services"]) == built_in.services.height
    assert len(document["indicators"]) == built_in.indicators.height
    table = pl.read_csv(text(built_in, "csv").encode(), infer_schema=False)
    assert table["signature"].to_list() == built_in.indicators["signature"].to_list()


def test_hosts(small: Catalog) -> None:
    lines = text(small, "hosts").splitlines()
    assert lines[0].endswith("2 of 6 indicators can be said in this format")
    assert [line for line in lines if not line.startswith("#")] == [
        "0.0.0.0 api.assistant.example",
        ":: api.assistant.example",
        "0.0.0.0 assistant.example",
        ":: assistant.example",
    ]


def test_stix(small: Catalog, built_in: Catalog) -> None:
    objects = json.loads(text(small, "stix"))["objects"]
    assert {o["name"]: o["pattern"] for o in objects} == {
        "Example Assistant: assistant.example":
            "[domain-name:value = 'assistant.example' OR domain-name:value LIKE '%.assistant.example']",
        "Example Assistant: api.assistant.example": "[domain-name:value = 'api.assistant.example']",
        "Example Assistant: run-*.region.cloud.example":
            "[domain-name:value LIKE 'run-%.region.cloud.example']",
        "Example Assistant: portal.example/assist": "[url:value LIKE 'http%://portal.example/assist%']",
        "Example Assistant: 192.0.2.0/24": "[ipv4-addr:value ISSUBSET '192.0.2.0/24']",
        "Example Assistant: Assist/":
            "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' LIKE '%Assist/%']",
    }  # fmt: skip
    every = json.loads(text(built_in, "stix"))["objects"]
    ids = [o["id"] for o in every]
    assert len(ids) == len(set(ids))
    for o in every:
        uuid.UUID(o["id"].removeprefix("indicator--"))
        assert o["spec_version"] == "2.1" and o["pattern_type"] == "stix" and o["valid_from"].endswith("Z")
        assert 0 <= o["confidence"] <= 100
        assert re.fullmatch(r"\[[^'\\]+\]", LITERAL.sub("", o["pattern"])), o["pattern"]


#: A string of the STIX pattern language; a backslash escapes a quote or itself and nothing else.
LITERAL = re.compile(r"'(?:[^'\\]|\\['\\])*'")


def test_stix_has_no_wildcards_that_nobody_wrote(make_catalog: MakeCatalog) -> None:
    entry = SERVICE.replace("suffix: assistant.example", "url: assistant.example/a_b")
    entry = entry.replace("{host: www.assistant.example}", '{url: "https://assistant.example/a_b/x"}')
    (indicator,) = json.loads(text(compiled([make_catalog({ENTRY: entry})]), "stix"))["objects"]
    assert indicator["pattern"] == r"[url:value MATCHES '^http.*://assistant\\.example/a_b.*$']"


def test_zeek_intel(small: Catalog, built_in: Catalog) -> None:
    lines = [line for line in text(small, "zeek-intel").splitlines() if not line.startswith("# ")]
    assert lines[0] == "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url"
    assert [line.split("\t")[:2] for line in lines[1:]] == [
        ["assistant.example", "Intel::DOMAIN"],
        ["api.assistant.example", "Intel::DOMAIN"],
        ["192.0.2.0/24", "Intel::SUBNET"],
    ]
    for line in text(built_in, "zeek-intel").splitlines()[3:]:
        assert len(line.split("\t")) == 5 and all(line.split("\t"))


#: alert, protocol, addresses, then options that each end in a semicolon
RULE = re.compile(r'alert (tls|dns) \$HOME_NET any -> any any \(((?:[^;"\\]|\\.|"(?:[^"\\;]|\\.)*")+;\s?)+\)')


def test_suricata(small: Catalog, built_in: Catalog) -> None:
    rules = text(small, "suricata").splitlines()[1:]
    assert len(rules) == 6
    assert 'tls.sni; dotprefix; content:".assistant.example"; nocase; endswith;' in rules[0]
    assert 'dns.query; dotprefix; content:".assistant.example"; nocase; endswith;' in rules[1]
    assert 'content:"api.assistant.example"; nocase; startswith; endswith;' in rules[2]
    wild = r'content:".region.cloud.example"; nocase; pcre:"/^run-[^.]+\.region\.cloud\.example$/i";'
    assert wild.replace(r"run-", r"run\-") in rules[4] or wild in rules[4]
    assert "reference:url,assistant.example/a_b|c;" in rules[2]
    every = text(built_in, "suricata").splitlines()[1:]
    for rule in every:
        assert RULE.fullmatch(rule), rule
    sids = [int(re.search(r"sid:(\d+);", rule)[1]) for rule in every]  # type: ignore[index]
    assert len(sids) == len(set(sids))
    assert min(sids) >= FIRST_SID and max(sids) < FIRST_SID + SIDS


def test_a_rule_keeps_its_number(small: Catalog, built_in: Catalog) -> None:
    fewer = Catalog(**{**vars(built_in), "indicators": built_in.indicators.tail(200)})
    rules = set(text(built_in, "suricata").splitlines()[1:])
    assert set(text(fewer, "suricata").splitlines()[1:]) <= rules


def test_only_proven_use_is_acted_on(built_in: Catalog) -> None:
    rows = acted_on(built_in).join(built_in.services.select("app", "experimental"), on="app")
    assert set(rows["role"]) == {"use"} and not rows["experimental"].any()


@pytest.mark.skipif(shutil.which("suricata") is None, reason="Suricata is not installed")
def test_suricata_takes_every_rule(built_in: Catalog, tmp_path: Path) -> None:
    rules = tmp_path / "catalog.rules"
    rules.write_text(text(built_in, "suricata"), encoding="utf-8")
    command = ["suricata", "-T", "-S", str(rules), "-l", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_stix_passes_the_oasis_schemas(built_in: Catalog) -> None:
    oasis = pytest.importorskip("stix2validator", reason="stix2-validator is not installed")
    told = oasis.validate_string(text(built_in, "stix"), oasis.ValidationOptions(version="2.1"))
    assert told.is_valid, told.errors
