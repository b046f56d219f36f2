"""Loading: overlays, versions, and a cache that can only save time."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.catalog import load as module
from sensor.catalog.index import INDICATORS
from sensor.catalog.load import load
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
    assert [(e.app, e.service.name) for e in catalog.entries] == [
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


def test_the_cache_gives_the_same_catalog(built_in: Path, tmp_path: Path) -> None:
    cache = tmp_path / "state" / "catalog"
    fresh, cached = load(cache=cache), load(cache=cache)
    assert fresh == cached
    assert fresh.indicators.equals(cached.indicators)
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def test_the_cache_is_used_and_follows_the_content(
    built_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load(cache=tmp_path / "cache")
    monkeypatch.setattr(module, "draft", lambda files: pytest.fail("read although cached"))
    assert load(cache=tmp_path / "cache") == before
    monkeypatch.undo()
    monkeypatch.setattr(module, "BUILT_IN", built_in)
    (built_in / "vendors/example/assistant.yml").write_text(SERVICE.replace("Assistant", "Helper"), "utf-8")
    assert load(cache=tmp_path / "cache").entries[0].service.name == "Example Helper"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', "\x00\x01"])
def test_a_damaged_cache_is_ignored(built_in: Path, tmp_path: Path, damage: str) -> None:
    expected = load(cache=tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        path.write_text(damage, encoding="utf-8")
    assert load(cache=tmp_path / "cache") == expected
    (path,) = (tmp_path / "cache").iterdir()
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == expected.version


def test_a_cache_that_cannot_be_written_is_no_error(built_in: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert load(cache=tmp_path / "file") == load()


def test_find_and_search(built_in: Path) -> None:
    catalog = load()
    assert catalog.find("example/assistant") is catalog.entries[0]
    assert catalog.find("example/none") is None
    assert [entry.app for entry in catalog.search("ASSISTANT inc")] == ["example/assistant"]
    assert catalog.search("assistant nothing") == []
