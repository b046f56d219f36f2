"""Hosts that say by their first label what they open, below a domain that is listed as pages only."""

from pathlib import Path

from sensor.catalog.doors import CONVENTION
from sensor.catalog.export import acted_on
from sensor.catalog.load import Catalog, compiled
from sensor.match.explain import explain
from sensor.match.index import Index
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog

ENTRY = "vendors/example/assistant.yml"
PAGES = SERVICE.replace(
    "\nhits:",
    """\
  - suffix: example.com
    access: site
    certainty: vendor_doc
    reference: https://assistant.example/docs
    checked: 2026-11-22
  - domain: app.example.com
    access: telemetry
    certainty: vendor_doc
    reference: https://assistant.example/docs
    checked: 2026-11-22

hits:""",
)
RETIRE = "retire: {reason: ours, date: 2026-11-22}\n"
OTHER = SERVICE.replace("suffix: assistant.example", "domain: chat.example.com").replace(
    "www.assistant.example", "chat.example.com"
)


def roles(catalog: Catalog, *hosts: str) -> list[tuple[str | None, str | None]]:
    index = Index.build(catalog.indicators)
    return [(found.access, found.role) for found in (explain(index, host) for host in hosts)]


def test_a_label_opens_what_it_says(make_catalog: MakeCatalog) -> None:
    catalog = compiled([make_catalog({ENTRY: PAGES})])
    hosts = ("api.example.com", "console.example.com", "mcp.example.com", "www.example.com", "example.com")
    assert roles(catalog, *hosts) == [
        ("api", "use"), ("web", "use"), ("mcp", "use"), ("site", "support"), ("site", "support"),
    ]  # fmt: skip


def shared(kind: str, value: str) -> str:
    """PAGES with one more indicator, of a host that also serves other things."""
    of = f"  - {kind}: {value}\n    access: web\n    shared: true\n    certainty: vendor_doc\n"
    of += "    reference: https://assistant.example/docs\n    checked: 2026-11-22\n"
    return PAGES.replace("\nhits:", of + f"\nhits:\n  - {{host: {value}}}")


def test_a_label_tells_nothing_where_the_vendors_hosts_also_serve_other_things(
    make_catalog: MakeCatalog,
) -> None:
    mixed = compiled([make_catalog({ENTRY: shared("domain", "www.example.com")})])
    assert roles(mixed, "api.example.com") == [("site", "support")]


def test_a_label_tells_beside_what_users_built(make_catalog: MakeCatalog) -> None:
    built = compiled([make_catalog({ENTRY: shared("suffix", "sites.example.com")})])
    assert roles(built, "api.example.com", "a.sites.example.com") == [("api", "use"), ("web", "embedded")]


def test_an_indicator_of_that_host_decides(make_catalog: MakeCatalog) -> None:
    catalog = compiled([make_catalog({ENTRY: PAGES})])
    assert roles(catalog, "app.example.com") == [("telemetry", "support")]


def test_a_host_known_by_convention_has_less_confidence_and_is_not_exported(
    make_catalog: MakeCatalog,
) -> None:
    catalog = compiled([make_catalog({ENTRY: PAGES})])
    told = catalog.indicators.filter(certainty=CONVENTION)
    assert "api.example.com" in told["value"].to_list() and told["confidence"].max() == 0.6
    assert not set(acted_on(catalog)["value"]) & set(told["value"])


def test_a_retired_host_does_not_come_back(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    base = make_catalog({ENTRY: PAGES, "vendors/example/chat.yml": OTHER})
    place = tmp_path / "own" / "vendors" / "example" / "chat.yml"
    place.parent.mkdir(parents=True)
    place.write_text(RETIRE, encoding="utf-8")
    assert roles(compiled([base]), "chat.example.com") == [("web", "use")]
    assert roles(compiled([base, tmp_path / "own"]), "chat.example.com") == [("site", "support")]
