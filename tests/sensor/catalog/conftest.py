"""A tiny catalog folder that tests change to their liking."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.catalog.load import BUILT_IN

SERVICE = """\
name: Example Assistant
category: chat

indicators:
  - suffix: assistant.example
    access: web
    certainty: vendor_doc
    reference: https://assistant.example/docs
    checked: 2026-11-22

hits:
  - {host: www.assistant.example}
misses:
  - {host: notassistant.example}
"""
VENDOR = "name: Example Inc.\nhomepage: https://example.com\n"

MakeCatalog = Callable[..., Path]


@pytest.fixture
def make_catalog(tmp_path: Path) -> MakeCatalog:
    """A complete folder: one vendor, one service; keyword `files` adds or replaces (None removes) files."""

    def make(files: dict[str, str | None] | None = None, name: str = "catalog") -> Path:
        folder = tmp_path / name
        vocabulary = (BUILT_IN / "categories.yml").read_text(encoding="utf-8")
        contents: dict[str, str | None] = {
            "categories.yml": vocabulary,
            "risk.yml": (BUILT_IN / "risk.yml").read_text(encoding="utf-8"),
            "vendors/example/vendor.yml": VENDOR,
            "vendors/example/assistant.yml": SERVICE,
            **(files or {}),
        }
        for place, content in contents.items():
            if content is not None:
                path = folder / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
        return folder

    return make
