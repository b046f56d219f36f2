"""Files of blind spots: their form, their lints, their rows, and overlays."""

import datetime
from pathlib import Path

import pytest

from sensor.catalog.blind import BLIND_SPOTS
from sensor.catalog.checks import check
from sensor.catalog.files import collect
from sensor.catalog.load import load
from sensor.catalog.problem import CatalogProblems
from sensor.catalog.read import draft
from tests.sensor.catalog.conftest import MakeCatalog

FILE = "resolvers/dns.yml"
SPOTS = """\
meaning: encrypted resolvers
entries:
  - name: Example DNS
    kind: doh
    hosts: [dns.example, doh.example]
    suffixes: [tenants.example]
    addresses: [192.0.2.53, "2001:db8::/64"]
    ports: ["443", 8443/tcp]
    certainty: vendor_doc
    reference: https://dns.example/help
    checked: 2026-11-22
  - name: DNS over TLS
    kind: dot
    ports: [853/tcp]
    certainty: unsure
    reference: general knowledge
    checked: 2026-11-22
"""
TODAY = datetime.date(2026, 11, 22)


def lints(make_catalog: MakeCatalog, content: str) -> list[tuple[str, int]]:
    drafted = draft(collect([make_catalog({FILE: content})]))
    return [(problem.what, problem.line) for problem in check(drafted, TODAY)]


def test_rows_are_places_times_ports(make_catalog: MakeCatalog) -> None:
    catalog = load(make_catalog({FILE: SPOTS}))
    rows = catalog.blind_spots.filter(reference="https://dns.example/help")
    assert dict(catalog.blind_spots.schema) == BLIND_SPOTS
    assert rows.height == 5 * 2
    assert set(rows.select("form", "value", "port", "transport").rows()) >= {
        ("domain", "dns.example", 443, None),
        ("suffix", "tenants.example", 8443, "tcp"),
        ("address", "2001:db8::/64", 443, None),
    }
    assert set(rows["counted"]) == {"encrypted_dns"}
    (port,) = catalog.blind_spots.filter(name="DNS over TLS").select("form", "port", "transport").rows()
    assert port == ("port", 853, "tcp")


def test_a_good_file_has_no_problems(make_catalog: MakeCatalog) -> None:
    assert lints(make_catalog, SPOTS) == []


@pytest.mark.parametrize(
    ("old", "new", "what", "line"),
    [
        ("doh.example]", "assistant.example]", "assistant.example belongs to a service of the catalog", 3),
        ("tenants.example", "doh.example", None, 0),
        ("[853/tcp]", "[853/tcp, 853/tcp]", "853 is also in DNS over TLS", 12),
        ("https://dns.example/help", "a friend told me",
         "reference 'a friend told me' does not carry certainty vendor_doc", 10),
        ("2026-11-22\n  - name", "2026-11-23\n  - name",
         "checked on 2026-11-23, which is in the future", 11),
    ],
)  # fmt: skip
def test_lints(make_catalog: MakeCatalog, old: str, new: str, what: str | None, line: int) -> None:
    assert lints(make_catalog, SPOTS.replace(old, new)) == ([(what, line)] if what else [])


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("kind: doh", "kind: dho", f"{FILE}:4: entries.0.kind: input should be 'doh'"),
        ("[dns.example", "[DNS.example", f"{FILE}:5: entries.0.hosts: 'DNS.example' is not"),
        ("192.0.2.53", "192.0.2.53/24", f"{FILE}:7: entries.0.addresses: '192.0.2.53/24' is not"),
        ('"2001:db8::/64"', '"2001:db8:0::/64"', f"{FILE}:7: entries.0.addresses: '2001:db8:0::/64'"),
        ("192.0.2.53", "192.0.2.53/32", f"{FILE}:7: entries.0.addresses: '192.0.2.53/32' is not"),
        ("8443/tcp", "8443/icmp", f"{FILE}:8: entries.0.ports.1: "),
        ("    ports: [853/tcp]\n", "", f"{FILE}:12: entries.1: an entry needs hosts"),
        ("vendor_doc", "rumour", f"{FILE}:9: unknown certainty 'rumour'; use one of"),
        ("meaning: enc", "what: enc", f"{FILE}:1: 'meaning' is missing"),
    ],
)
def test_mistakes_are_told_with_their_line(make_catalog: MakeCatalog, old: str, new: str, start: str) -> None:
    folder = make_catalog({FILE: SPOTS.replace(old, new)})
    with pytest.raises(CatalogProblems) as raised:
        draft(collect([folder]))
    told = [str(problem).removeprefix(f"{folder}/") for problem in raised.value.problems]
    assert any(line.startswith(start) for line in told), told


def test_an_overlay_may_hold_blind_spots_only_and_the_cache_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "own" / "resolvers").mkdir(parents=True)
    (tmp_path / "own" / FILE).write_text(SPOTS, encoding="utf-8")
    plain, own = load(), load(tmp_path / "own", cache=tmp_path / "cache")
    assert own.version != plain.version
    assert own.blind_spots.height == plain.blind_spots.height + 11
    assert load(tmp_path / "own", cache=tmp_path / "cache").blind_spots.equals(own.blind_spots)
