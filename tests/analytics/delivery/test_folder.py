"""Letters as files: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.delivery.folder import Folder
from analytics.delivery.letter import DeliveryFailed
from tests.analytics.delivery.letters import alert, report


def test_the_files_of_a_letter(tmp_path: Path) -> None:
    Folder(tmp_path / "a").send(report())
    Folder(tmp_path / "b").send(alert())
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["shadow-ai-2026-W47.html"]
    facts, text = sorted((tmp_path / "b").iterdir(), key=lambda path: path.suffix)
    assert (facts.suffix, text.suffix) == (".json", ".txt")
    assert text.read_text() == alert().text + "\n"


def test_nothing_of_a_file_stays_where_it_did_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DeliveryFailed, match="No space left on device") as caught:
        Folder(tmp_path).send(report())
    assert not caught.value.for_good and list(tmp_path.iterdir()) == []
