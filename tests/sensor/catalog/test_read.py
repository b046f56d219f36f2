"""Every mistake of every file is reported at once, with file, line and remedy."""

import pytest

from sensor.catalog.files import collect
from sensor.catalog.problem import CatalogProblems
from sensor.catalog.read import draft
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog

ENTRY = "vendors/example/assistant.yml"


def complaints(make_catalog: MakeCatalog, files: dict[str, str | None]) -> list[str]:
    """What is said about a catalog with these files, without the folder's name."""
    folder = make_catalog(files)
    with pytest.raises(CatalogProblems) as raised:
        draft(collect([folder]))
    assert raised.value.exit_code == 4
    assert str(raised.value).splitlines() == [str(problem) for problem in raised.value.problems]
    return [str(problem).removeprefix(f"{folder}/") for problem in raised.value.problems]


def test_a_good_folder_is_read(make_catalog: MakeCatalog) -> None:
    (entry,) = draft(collect([make_catalog()])).entries
    assert entry.vendor is not None
    assert (entry.app, entry.vendor.name, entry.name) == (
        "example/assistant", "Example Inc.", "Example Assistant",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("category: chat", "category: chatt", f"{ENTRY}:2: unknown category 'chatt'; use one of"),
        ("category: chat", "kategory: chat", f"{ENTRY}:1: 'category' is missing"),
        ("access: web", "access: wbe", f"{ENTRY}:6: unknown access 'wbe'"),
        ("vendor_doc", "rumour", f"{ENTRY}:7: unknown certainty 'rumour'"),
        (
            "assistant.example\n",
            "assistant.example.\n",
            f"{ENTRY}:5: indicators.0: 'assistant.example.' is not",
        ),
        ("access: web", "acess: web", f"{ENTRY}:5: 'indicators.0.access' is missing"),
        ("2026-11-22", "yesterday", f"{ENTRY}:9: indicators.0.checked"),
        ("hits:", "hists:", f"{ENTRY}:11: unknown field 'hists'"),
    ],
)
def test_a_mistake_has_its_line(make_catalog: MakeCatalog, old: str, new: str, start: str) -> None:
    found = complaints(make_catalog, {ENTRY: SERVICE.replace(old, new, 1)})
    assert any(complaint.startswith(start) for complaint in found), found


def test_all_problems_of_all_files_come_together(make_catalog: MakeCatalog) -> None:
    found = complaints(
        make_catalog,
        {
            ENTRY: SERVICE.replace("chat", "chatt", 1).replace("web", "wbe", 1),
            "vendors/other/thing.yml": SERVICE,
            "vendors/example/Bad_Name.yml": SERVICE,
            "vendors/example/late.yaml": SERVICE,
            "vendors/example/broken.yml": "name: [",
        },
    )
    texts = "\n".join(found)
    for part in ("'chatt'", "'wbe'", "no vendor.yml", "not an id", "ends in .yaml", "not valid YAML"):
        assert part in texts
    assert found == sorted(found, key=lambda line: line.split(":")[0])


def test_a_missing_folder_and_an_unreadable_file(make_catalog: MakeCatalog) -> None:
    folder = make_catalog()
    (folder / "vendors/example/dangling.yml").symlink_to(folder / "nowhere")
    with pytest.raises(CatalogProblems, match=r"dangling\.yml:1: cannot be read"):
        collect([folder])
    with pytest.raises(CatalogProblems, match="no catalog here"):
        collect([folder / "absent"])


def test_a_folder_without_words(make_catalog: MakeCatalog) -> None:
    folder = make_catalog()
    (folder / "categories.yml").unlink()
    with pytest.raises(CatalogProblems, match=r"categories\.yml:1: missing"):
        draft(collect([folder]))
