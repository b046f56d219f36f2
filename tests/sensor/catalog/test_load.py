"""Loading: overlays, versions, and a cache that can only save time."""

import re
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.catalog import cache as disk
from sensor.catalog import load as module
from sensor.catalog.index import INDICATORS
from sensor.catalog.load import Catalog, load
from sensor.catalog.problem import CatalogProblems
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog


@pytest.fixture
def built_in(make_catalog: MakeCatalog, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_catalog(name="built-in")
    monkeypatch.setattr(module, "BUILT_IN", folder)
    return folder


def test_the_frames_have_the_promised_columns() -> None:
    catalog = load()
    assert catalog.frame().schema == pl.Schema(schema.CATALOG.dtypes)
    assert catalog.indicators.schema == pl.Schema(INDICATORS)
    assert catalog.frame()["app"].is_unique().all()
    assert catalog.indicators["signature"].is_unique().all()


def test_the_version_is_the_newest_check_and_the_content(built_in: Path) -> None:
    before = load().version
    assert re.fullmatch(r"2026\.11\.22\+[0-9a-f]{6}", before)
    entry = built_in / "vendors/example/assistant.yml"
    entry.write_text(SERVICE.replace("2026-11-22", "2026-12-01"), encoding="utf-8")
    assert load().version.startswith("2026.12.01+")
    entry.write_text(f"# a comment\n{SERVICE}", encoding="utf-8")
    assert load().version.split("+")[1] != before.split("+")[1]


def test_the_version_does_not_depend_on_the_folder(
    make_catalog: MakeCatalog, built_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = load().version
    monkeypatch.setattr(module, "BUILT_IN", make_catalog(name="elsewhere"))
    assert load().version == here


def test_an_overlay_adds_and_replaces(built_in: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "ours" / "vendors" / "example"
    overlay.mkdir(parents=True)
    (overlay / "assistant.yml").write_text(SERVICE.replace("Example Assistant", "Ours"), encoding="utf-8")
    (overlay / "second.yml").write_text(SERVICE.replace("assistant", "second"), encoding="utf-8")
    catalog = load(tmp_path / "ours")
    assert catalog.services.select("app", "service").rows() == [
        ("example/assistant", "Ours"),
        ("example/second", "Example Assistant"),
    ]
    assert catalog.version != load().version


def test_a_broken_overlay_names_its_own_file(built_in: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "ours" / "vendors" / "example"
    overlay.mkdir(parents=True)
    (overlay / "assistant.yml").write_text("name: [\n", encoding="utf-8")
    with pytest.raises(CatalogProblems, match=re.escape(str(overlay / "assistant.yml"))):
        load(tmp_path / "ours")


def same(one: Catalog, other: Catalog) -> bool:
    """Whether two catalogs say the same, frame by frame."""
    frames = [name for name, value in vars(one).items() if isinstance(value, pl.DataFrame)]
    return one.version == other.version and all(
        getattr(one, name).equals(getattr(other, name)) for name in frames
    )


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes count at once: what a moment ago was written may be cached."""
    monkeypatch.setattr(disk, "SETTLED_NS", 0)


@pytest.mark.usefixtures("settled")
def test_the_cache_gives_the_same_catalog(built_in: Path, tmp_path: Path) -> None:
    cache = tmp_path / "state" / "catalog"
    fresh, cached = load(cache=cache), load(cache=cache)
    assert same(fresh, cached)
    assert cached.indicators.schema == pl.Schema(INDICATORS)
    (stored,) = cache.iterdir()
    assert {path.suffix for path in stored.iterdir()} == {".arrow"}


@pytest.mark.usefixtures("settled")
def test_the_cache_is_used_and_follows_the_files(
    built_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load(cache=tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("sensor.catalog.read.draft", lambda files: pytest.fail("read although cached"))
        assert same(load(cache=tmp_path / "cache"), before)
    entry = built_in / "vendors/example/assistant.yml"
    entry.write_text(SERVICE.replace("Assistant", "Helperrrr"), "utf-8")  # as many bytes
    assert load(cache=tmp_path / "cache").services["service"].to_list() == ["Example Helperrrr"]
    (built_in / "vendors/example/second.yml").write_text(SERVICE.replace("assistant", "second"), "utf-8")
    assert load(cache=tmp_path / "cache").services.height == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_changed_a_moment_ago_is_not_cached(built_in: Path, tmp_path: Path) -> None:
    load(cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", ["", "{", "\x00\x01", None])
def test_a_damaged_cache_is_ignored(built_in: Path, tmp_path: Path, damage: str | None) -> None:
    expected = load(cache=tmp_path / "cache")
    for path in (tmp_path / "cache").glob("*/services.arrow"):
        path.unlink() if damage is None else path.write_text(damage, encoding="utf-8")
    assert same(load(cache=tmp_path / "cache"), expected)
    (stored,) = (tmp_path / "cache").iterdir()
    assert pl.read_ipc(stored / "services.arrow").equals(expected.services)


def test_a_cache_that_cannot_be_written_is_no_error(built_in: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert same(load(cache=tmp_path / "file"), load())


def test_search(built_in: Path) -> None:
    catalog = load()
    assert catalog.search("ASSISTANT inc")["app"].to_list() == ["example/assistant"]
    assert catalog.search("assistant nothing").is_empty()


def overlay(tmp_path: Path, files: dict[str, str]) -> Path:
    for place, content in files.items():
        path = tmp_path / "ours" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path / "ours"


ENTRY = "vendors/example/assistant.yml"


def test_an_overlay_retires_an_entry(built_in: Path, tmp_path: Path) -> None:
    ours = overlay(tmp_path, {ENTRY: "retire: {reason: our own product, date: 2026-11-22}\n"})
    assert load(ours).services.is_empty() and load(ours).indicators.is_empty()


def test_an_overlay_sees_an_entry_differently(built_in: Path, tmp_path: Path) -> None:
    change = """\
reclassify:
  reason: enterprise contract
  category: embedded
  shared: true
  risk: 20
  attributes:
    trains_by_default: {value: false, reference: contract 2026-17, checked: 2026-11-22}
"""
    ours = overlay(tmp_path, {ENTRY: change})
    service = load(ours).services.row(0, named=True)
    told = ("category", "shared", "risk_low", "risk_high", "trains_by_default")
    assert [service[name] for name in told] == ["embedded", True, 20, 20, False]
    assert load(ours).indicators["role"].to_list() == ["embedded"]
    later = overlay(tmp_path / "later", {ENTRY: "reclassify: {reason: no more, shared: false}\n"})
    service = load(ours, later).services.row(0, named=True)
    assert (service["category"], service["shared"]) == ("embedded", False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("retire: {reason: x}\n", ":1: 'retire.date' is missing"),
        ("retire: {reason: x, date: 2026-11-22}\nreclassify: {reason: y}\n", "either retires"),
        ("reclassify: {reason: x, category: chatt}\n", ":1: unknown category 'chatt'"),
        ("reclassify:\n  reason: x\n  colour: red\n", ":3: unknown field 'reclassify.colour'"),
    ],
)
def test_a_wrong_amendment_names_its_line(built_in: Path, tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(CatalogProblems, match=re.escape(complaint)):
        load(overlay(tmp_path, {ENTRY: text}))


def test_an_amendment_needs_its_entry(built_in: Path, tmp_path: Path) -> None:
    ours = overlay(tmp_path, {"vendors/example/none.yml": "retire: {reason: x, date: 2026-11-22}\n"})
    with pytest.raises(CatalogProblems, match="changes an entry that does not exist"):
        load(ours)


def test_bulk_lists_and_products_are_services_without_a_vendor(built_in: Path, tmp_path: Path) -> None:
    source = "certainty: curated_list\nreference: someone/list a.txt\nchecked: 2026-11-22\n"
    bulk = f"name: Many\ncategory: image\naccess: web\n{source}suffixes: [one.example, two.example]\n"
    product = (
        f"name: Server\ncategory: self-hosted\n{source}ports: [9931, 9932]\npaths: [/api/tags]\n"
        "default_auth: false\nmarkers: ['Server: x']\n"
    )
    ours = overlay(tmp_path, {"bulk/many.yml": bulk, "behaviours/server.yml": product})
    catalog = load(ours)
    assert catalog.services["app"].to_list() == ["behaviours/server", "bulk/many", "example/assistant"]
    assert catalog.services["vendor"].to_list() == [None, None, "Example Inc."]
    found = catalog.indicators.filter(pl.col("app") != "example/assistant")
    assert found.select("kind", "value", "confidence").rows() == [
        ("port", "9931/api/tags", 0.72),
        ("port", "9932/api/tags", 0.72),
        ("suffix", "one.example", 0.63),
        ("suffix", "two.example", 0.63),
    ]
    known = catalog.attributes.filter(app="behaviours/server").select("attribute", "value").rows()
    assert known == [("default_auth", "no"), ("markers", "Server: x"), ("ports", "9931, 9932")]
