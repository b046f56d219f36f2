"""Two catalogs against each other, from folders and from files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor.catalog.diff import diff, snapshot
from sensor.catalog.export import as_csv, as_json
from sensor.catalog.load import BUILT_IN, Catalog, compiled
from sensor.errors import UsageError
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog

ENTRY = "vendors/example/assistant.yml"


def test_what_came_went_and_changed(make_catalog: MakeCatalog) -> None:
    old = make_catalog(name="old")
    moved = SERVICE.replace("suffix: assistant.example", "suffix: helper.example")
    new = make_catalog(
        {ENTRY: SERVICE.replace("access: web", "access: api"), "vendors/example/b.yml": moved}, "new"
    )
    found = diff(snapshot(old), snapshot(new))
    assert found.select("change", "app", "value", "what").rows() == [
        ("changed", "example/assistant", "assistant.example",
         "web use 0.98 vendor_doc → api use 0.98 vendor_doc"),
        ("added", "example/b", "helper.example", "web use 0.98 vendor_doc"),
    ]  # fmt: skip
    assert diff(snapshot(new), snapshot(old))["change"].to_list() == ["changed", "removed"]
    assert diff(snapshot(old), snapshot(old)).is_empty()


@pytest.mark.parametrize(("name", "write"), [("c.json", as_json), ("c.csv", as_csv)])
def test_an_export_is_a_snapshot(
    make_catalog: MakeCatalog, tmp_path: Path, name: str, write: Callable[[Catalog], Iterator[str]]
) -> None:
    folder = make_catalog()
    (tmp_path / name).write_text("".join(write(compiled([folder]))), encoding="utf-8")
    assert diff(snapshot(folder), snapshot(tmp_path / name)).is_empty()


@pytest.mark.parametrize("content", ["", "{", "[]", "a,b\n1,2\n", '{"indicators": 3}', '{"indicators": [1]}'])
def test_what_is_no_catalog_is_said(tmp_path: Path, content: str) -> None:
    for name in ("c.json", "c.csv"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match="no catalog in this file"):
            snapshot(tmp_path / name)


def test_an_overlay_is_laid_over_the_built_in_catalog(tmp_path: Path) -> None:
    place = tmp_path / "vendors" / "openai" / "chatgpt.yml"
    place.parent.mkdir(parents=True)
    place.write_text("retire: {reason: ours, date: 2026-11-22}\n", encoding="utf-8")
    found = diff(snapshot(BUILT_IN), snapshot(tmp_path))
    assert set(found["app"]) == {"openai/chatgpt"} and set(found["change"]) == {"removed"}
