"""Lines told one after the other by a reader of another form, as the byte stream that families read."""

from __future__ import annotations

import io
from collections.abc import Iterator


class Told(io.RawIOBase):
    """A stream of `lines`, each with a line feed; `fault` says what went wrong, where something did."""

    def __init__(self, lines: Iterator[str]) -> None:
        super().__init__()
        self.fault: str | None = None
        self._lines = lines
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer)  # type: ignore[arg-type]
        while not self._ready:
            line = next(self._lines, None)
            if line is None:
                return 0
            self._ready = line.encode("utf-8", "replace") + b"\n"
        count = min(len(target), len(self._ready))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
