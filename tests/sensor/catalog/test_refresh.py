"""A changed catalog is read once; a bad one is told once and the old one stays."""

import shutil
from pathlib import Path

import pytest

from sensor.catalog.load import BUILT_IN, load
from sensor.catalog.refresh import Refresher
from sensor.errors import CatalogError


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A catalog of one vendor."""
    vendor = min(path for path in (BUILT_IN / "vendors").iterdir() if path.is_dir())
    shutil.copytree(vendor, tmp_path / "vendors" / vendor.name)
    return tmp_path


def service(overlay: Path) -> Path:
    return min(path for path in overlay.glob("vendors/*/*.yml") if path.name != "vendor.yml")


def test_nothing_changed_is_nothing_new(overlay: Path) -> None:
    refresher = Refresher(load(overlay), [overlay])
    assert refresher.look() is None
    assert refresher.look(again=True) is None
    service(overlay).touch()
    assert refresher.look() is None  # other times, same content


def test_a_change_is_found_once(overlay: Path) -> None:
    before = load(overlay)
    refresher = Refresher(before, [overlay])
    with service(overlay).open("a") as file:
        file.write("# reviewed\n")
    fresh = refresher.look()
    assert fresh is not None and fresh.version != before.version
    assert refresher.catalog is fresh
    assert refresher.look() is None


def test_a_mistake_is_raised_once_and_the_old_one_stays(overlay: Path) -> None:
    before = load(overlay)
    refresher = Refresher(before, [overlay])
    good = service(overlay).read_bytes()
    service(overlay).write_text("name: [\n")
    with pytest.raises(CatalogError, match=service(overlay).name):
        refresher.look()
    assert refresher.look() is None
    with pytest.raises(CatalogError):
        refresher.look(again=True)
    assert refresher.catalog is before
    service(overlay).write_bytes(good + b"# mended\n")
    assert refresher.look() is not None


def test_a_folder_that_is_gone_is_a_mistake(overlay: Path) -> None:
    refresher = Refresher(load(overlay), [overlay])
    shutil.rmtree(overlay / "vendors")
    with pytest.raises(CatalogError, match="no catalog here"):
        refresher.look()
