"""A text, framed."""

from __future__ import annotations

import io

from sensor.sources.logs.lines.framing import Framing, framed


def records(how: Framing, text: str) -> list[str]:
    """The records of `text`."""
    return framed(io.BytesIO(text.encode()), how).read().decode().splitlines()
