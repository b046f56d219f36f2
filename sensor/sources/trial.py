"""Shows how the first lines of a file would be read, without storing anything (`shadowai sources try`)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import IO

import polars as pl

from sensor import schema
from sensor.errors import UsageError
from sensor.settings import Settings
from sensor.sources import evtx
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.logs.known_formats import HEAD_LINES, all_formats, head_lines, shares, sorter
from sensor.sources.logs.line_format import LineFormat
from sensor.sources.logs.lines.blocks import shape
from sensor.sources.logs.reader import read_lines
from sensor.sources.logs.rows import clocks
from sensor.sources.logs.rows.flows import Pairs
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.sorting import NO_FORMAT
from sensor.sources.zeek import ZeekSource
from sensor.sources.zeek.text import log_of

#: What a log should carry to tell who used what, and how much.
_WANTED = {
    "user": ("user_name",),
    "client": ("client",),
    "host": ("host",),
    "URL path": ("path",),
    "bytes up": ("bytes_up",),
    "bytes down": ("bytes_down",),
}
_REASONS = 5
#: Times that are others in this zone, which no log is in, are not told with an offset.
_ELSEWHERE = "Etc/GMT+11"


@dataclass(frozen=True)
class Trial:
    """How a format, or Zeek's logs together, are read."""

    name: str
    looked_at: int
    lines: int
    used: int
    #: finished rows (see `fields.FIELDS`) that are used
    rows: pl.DataFrame
    #: what none of them carries
    missing: tuple[str, ...]
    advice: str
    #: why lines are not used: reason, how often, the shape of the first one
    reasons: tuple[tuple[str, int, str], ...]
    #: time zone (IANA) in which stamps were read that have no offset; None if there are none
    zone: str | None = None
    #: by how much these times are later than those at which the lines were received, as their envelopes say
    apart: timedelta | None = None

    @property
    def shift(self) -> str:
        """`apart` in words, `1 h later`; '' if there is none."""
        hours = (self.apart or timedelta()) / timedelta(hours=1)
        return f"{abs(hours):g} h {'later' if hours > 0 else 'earlier'}" if hours else ""


def look(file: File, settings: Settings, form: type[LineFormat] | None = None) -> Iterator[Trial]:
    """A trial for each format that owns lines at the beginning of the file; `form`, if given, is asked first.

    Raises UsageError if no format does.
    """
    lines, head = head_lines(file.head), file.head
    if evtx.EvtxSource.recognise(head):
        lines = _events(file)
        head = "\n".join(lines).encode()
    frame = pl.DataFrame({"line": lines}).with_columns(offset=pl.int_range(pl.len(), dtype=pl.Int64), bytes=1)
    first = form or _first(head, file.name)
    sensor = settings.sensor_for(file.path or file.name, first.name)
    parts = sorter(first, head).split(frame)
    for name, (kind, part) in sorted(parts.items(), key=lambda one: -one[1][1].height):
        source, elsewhere = (kind(settings.networks.internal, reference=file.modified) for _ in range(2))
        source.localise(settings.zones(), sensor.timezone)
        elsewhere.localise({kind.name: _ELSEWHERE}, _ELSEWHERE)
        yield _trial(name, source, elsewhere, part, len(lines))


def look_together(files: Sequence[File], settings: Settings) -> Trial:
    """A trial of the Zeek logs in the folder of the first one, joined as a scan joins them.

    Raises UsageError if none of the files is one.
    """
    logs = [replace(file, opener=_head_of(file)) for file in files if log_of(file.head)]
    if not logs:
        raise UsageError("no Zeek log", place=files[0].name, hint="try it without --format")
    group = ZeekSource.group(logs)[0]
    source = ZeekSource(settings.networks.internal)
    frames = [batch.frames for batch in source.read(Input(group, ""))]
    seen = pl.concat([frame["observations"] for frame in frames])
    held = pl.concat([frame["leases"] for frame in frames if "leases" in frame] or [schema.LEASES.empty()])
    rejects = pl.concat([frame["rejects"] for frame in frames if "rejects" in frame])
    lines = sum(int(frame["coverage"]["records"].sum()) for frame in frames if "coverage" in frame)
    rows = pl.concat([seen, _as_seen(held)], how="diagonal").sort("seen_at", maintain_order=True)
    names = " + ".join(dict.fromkeys(log for file in group if (log := log_of(file.head))))
    missing = _missing(rows)
    # No Zeek log of connections names the user: another file would not help.
    advice = source.advice if {"bytes up", "host"} & set(missing) else ""
    reasons = rejects.group_by("reason", maintain_order=True).agg(
        pl.col("count").sum(), pl.col("shape").first()
    )
    most = reasons.sort("count", descending=True, maintain_order=True).head(_REASONS)
    return Trial(f"zeek ({names})", lines, lines, rows.height, rows, missing, advice, tuple(most.rows()))


def _head_of(file: File) -> Callable[[], IO[bytes]]:
    """Opens the whole lines of a file's head."""
    whole = len(file.head) < HEAD_BYTES
    head = file.head if whole else file.head[: file.head.rfind(b"\n") + 1]
    return lambda: io.BytesIO(head)


def _as_seen(leases: pl.DataFrame) -> pl.DataFrame:
    """Rows of `leases` as formats give them: of kind `lease`, with the address as client."""
    return leases.select(
        "user_name", "device", seen_at="valid_from", kind=pl.lit("lease"), client="address", client_mac="mac"
    )


def _events(file: File) -> pl.Series:
    try:
        return evtx.head_lines(file, HEAD_LINES)
    except OSError as error:
        raise UsageError(str(error), place=file.name) from None


def _first(head: bytes, place: str) -> type[LineFormat]:
    known = {log_format.name: log_format for log_format in all_formats()}
    found = shares(head)
    if not found:
        hint = (
            "describe it in a file for --custom, or name it with --format; a list of people is for --people"
        )
        raise UsageError("no known format fits its lines", place=place, hint=hint)
    return known[max(found, key=lambda name: found[name])]


def _trial(name: str, source: LineFormat, elsewhere: LineFormat, part: pl.DataFrame, looked_at: int) -> Trial:
    read = read_lines(source, part)
    depends = not read["at"].equals(read_lines(elsewhere, part)["at"])
    done = Pairs().take(Sessions().take(read))
    used = done.filter(pl.col("reason").is_null())
    missing = _missing(used)
    advice = source.advice if {"bytes up", "host", "user"} & set(missing) else ""
    reasons, zone = tuple(_reasons(done, part)), source.zone if depends else None
    apart = clocks.apart(read, part) if depends else None
    return Trial(name, looked_at, part.height, used.height, used, missing, advice, reasons, zone, apart)


def _missing(rows: pl.DataFrame) -> tuple[str, ...]:
    """What is wanted and none of the rows carries."""
    return tuple(
        what for what, columns in _WANTED.items() if all(rows[c].null_count() == rows.height for c in columns)
    )


def _reasons(done: pl.DataFrame, part: pl.DataFrame) -> Iterator[tuple[str, int, str]]:
    unused = done.filter(pl.col("reason").is_not_null())
    refused = unused.select("reason", line=part["line"].gather(unused["row"]))
    strangers = part.filter(pl.col("reason") == NO_FORMAT).select("reason", "line")
    both = (
        pl.concat([refused, strangers])
        .group_by("reason", maintain_order=True)
        .agg(pl.len(), pl.col("line").first())
    )
    for reason, count, line in both.sort("len", descending=True).head(_REASONS).rows():
        yield reason, count, shape(line)
