"""Windows event logs as Windows keeps them (.evtx): logons and tickets, DNS Server events, Sysmon.

    wevtutil epl Security security.evtx            or the file under System32\\winevt\\Logs

The binary format is read by the package `evtx` (Rust; `pip install 'shadow-ai-sensor[evtx]'`); its JSON of
an event goes to the formats that read exported events, one line each. Without the package the file is
reported, and everything else is read. Source: [MS-EVEN6], github.com/omerbenamram/pyevtx-rs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from sensor.chunks import ChunkStream, EndedEarly
from sensor.sources.inputs.open import on_disk
from sensor.sources.interface import Batch, File, Input, Source
from sensor.sources.logs.formats.windows_security import WindowsSecurityFormat
from sensor.sources.logs.lines.blocks import blocks
from sensor.sources.logs.text.events import QUALIFIED_ID

MAGIC = b"ElfFile\x00"
MISSING = "Windows event logs need one more package: pip install 'shadow-ai-sensor[evtx]'"
BROKEN = "event that cannot be read"
#: After this many unreadable events (each is counted) the rest of the file is left.
_MOST_BROKEN = 10_000
_QUALIFIED = re.compile(QUALIFIED_ID)


class EvtxSource(Source):
    """Reads Windows event log files."""

    name = "evtx"
    help = (
        "Windows event logs (.evtx): Security 4624, 4768 to 4770, DNS Server analytical, Sysmon; needs "
        "shadow-ai-sensor[evtx]"
    )
    vantage = WindowsSecurityFormat.vantage
    proof = WindowsSecurityFormat.proof

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the signature of the file header."""
        return 0.99 if head.startswith(MAGIC) else 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Batches of the events, read like exported ones. Raises OSError without the package `evtx`."""
        (file,) = source_input.files
        log_format = WindowsSecurityFormat(self.internal_networks)
        reader = log_format.reader(reference=file.modified)
        with on_disk(file) as path:
            for block in blocks(io.BufferedReader(ChunkStream(_lines(_parser(path))))):
                yield from reader.batches(block)


def head_lines(file: File, most: int) -> pl.Series:
    """The first events of a file, one per line. Raises OSError as `read` does."""
    with on_disk(file) as path:
        block = next(blocks(io.BufferedReader(ChunkStream(_lines(_parser(path))))), None)
        return pl.Series([], dtype=pl.String) if block is None else block.lines()["line"].head(most)


def _parser(path: str) -> Any:
    try:
        from evtx import PyEvtxParser
    except ImportError:
        raise OSError(MISSING) from None
    try:
        return PyEvtxParser(path)
    except (RuntimeError, ValueError) as error:
        raise OSError(f"no event log that can be read ({error})") from None


def _lines(parser: Any) -> Iterator[bytes]:
    """The events of a parser as JSON lines; a line that is no JSON stands for one that is broken.

    Line breaks stand only between the parts of an event: inside its texts they are escaped.
    """
    events, broken = iter(parser.records_json()), 0
    while broken < _MOST_BROKEN:
        try:
            event = next(events, None)
        except (RuntimeError, ValueError, OSError):
            broken += 1
            yield BROKEN.encode() + b"\n"
            continue
        if event is None:
            return
        line = _QUALIFIED.sub(r'"EventID":\1', event["data"].replace("\n", ""), count=1)
        yield line.encode("utf-8", "replace") + b"\n"
    raise EndedEarly("too many events that cannot be read")
