"""Log text read as a scan reads it: which format claims each line, and the finished rows.

`python -m tests.sensor.sources.logs.formats.reading FILE …` shows them.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from sensor.sources.logs.known_formats import framing_of, sorter
from sensor.sources.logs.lines.blocks import blocks
from sensor.sources.logs.lines.framing import framed
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.reader import read_lines
from sensor.sources.logs.rows.leases import LeaseTracker, reported

REFERENCE = datetime(2026, 11, 26, tzinfo=UTC)
#: What somebody may have written into five fields.
HOSTILE = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), max_size=60),
    min_size=5,
    max_size=5,
)
SHOWN = (
    "log_format", "offset", "seen_at", "reason", "kind", "action", "client", "user_name", "device", "host", "name_from", "path",
    "server", "server_port", "bytes_up", "bytes_down", "duration_s", "session", "phase",
)  # fmt: skip


def read(
    log_format: type[LogFormat], text: str, *, zone: str = "UTC", reference: datetime = REFERENCE
) -> pl.DataFrame:
    """Finished rows of the lines of `text`; fails if another format, or none, claims one of them."""
    found = rows(text, zone=zone, reference=reference)
    strangers = found.filter(pl.col("log_format") != log_format.name)
    assert strangers.is_empty(), strangers.select("log_format", "reason")
    return found


def leases_of(log_format: type[LogFormat], text: str, *, reference: datetime = REFERENCE) -> pl.DataFrame:
    """Who held an address when, by those lines of `text` that tell it."""
    found = read(log_format, text, reference=reference)
    return LeaseTracker().update(reported(found.filter(found["reason"].is_null()), "identity"))


def rows(text: str, *, zone: str = "UTC", reference: datetime = REFERENCE) -> pl.DataFrame:
    """Finished rows of `text`, with columns `log_format` and `offset`, the number of the line (blank ones count not)."""
    lines = pl.DataFrame({"line": _records(text.encode())})
    lines = lines.with_columns(offset=pl.int_range(pl.len(), dtype=pl.Int64), bytes=1)
    found = []
    for name, (kind, part) in sorter(None, text.encode()[: 64 * 1024]).split(lines).items():
        done = read_lines(kind(zone=zone, reference=reference), part)
        found.append(done.with_columns(log_format=pl.lit(name), offset=part["offset"].gather(done["row"])))
    if not found:
        return pl.DataFrame(schema={"log_format": pl.String, "offset": pl.Int64, "reason": pl.String})
    return pl.concat(found).sort("offset", maintain_order=True)


def _records(text: bytes) -> pl.Series:
    stream = framed(io.BytesIO(text), framing_of(text[: 64 * 1024]))
    return pl.concat([block.lines()["line"] for block in blocks(stream)] or [pl.Series([], dtype=pl.String)])


def main(paths: list[str]) -> None:
    """Print what becomes of each file."""
    with pl.Config(
        tbl_rows=200, tbl_cols=30, fmt_str_lengths=44, tbl_width_chars=260, tbl_hide_column_data_types=True
    ):
        for path in paths:
            found = rows(Path(path).read_text(errors="replace"))
            shown = [
                name for name in SHOWN if name in found.columns and found[name].null_count() < found.height
            ]
            print(path, found.select(shown), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
