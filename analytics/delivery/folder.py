"""Writes letters as files into a folder: a share, the root of a web server, a synchronised drive."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from analytics import atomic
from analytics.delivery.letter import DeliveryFailed, Letter


@dataclass(frozen=True, slots=True)
class Folder:
    """Each attachment under its own name; a letter without any as `<date>-<subject>.txt` and `.json`."""

    path: Path

    def send(self, letter: Letter) -> None:
        """Write the files, each completely or not at all. Raises DeliveryFailed."""
        try:
            for name, content in self._files(letter):
                atomic.write(self.path / name, content)
        except OSError as error:
            raise DeliveryFailed(f"{self.path}: {error.strerror or error}") from None

    @staticmethod
    def _files(letter: Letter) -> list[tuple[str, bytes]]:
        if letter.attachments:
            return [(_safe(a.name), a.content) for a in letter.attachments]
        stem = _safe(f"{letter.written_at:%Y%m%dT%H%M%SZ}-{letter.subject}")[:100] + f"-{letter.id[:8]}"
        facts = json.dumps(dict(letter.facts), ensure_ascii=False, sort_keys=True, default=str)
        return [(f"{stem}.txt", f"{letter.text}\n".encode()), (f"{stem}.json", facts.encode())]


def _safe(name: str) -> str:
    """A file name of letters, digits, dots and hyphens that neither hides nor climbs."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-") or "letter"
