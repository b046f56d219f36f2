"""Joins the log lines of a session (opened, named, updated, closed), so that it counts once.

A firewall or sensor writes a line when a session opens, lines that name it, cumulative counts while it lasts,
and one when it closes. Each line becomes a row at once. What the lines of a session said is remembered:

- the first line is slice 0 (the connection); later lines are further slices and open nothing. A line that
  names a session begun without a name is slice 0 once more: no other line may record its beginning;
- cumulative counts become differences to the line before, so that the lines of a session add up; packets,
  which lines count from the session's beginning, are shared out as its bytes are;
- a line with bytes but without a name takes the name of the session, if it had only one so far;
- a line without a verdict is blocked where all requests of the session were, or all lines if it had none;
- a line that adds nothing (a second name, an answer after its question) is set aside.

At most `MAX_SESSIONS` are remembered, those with the latest lines, each for a day without lines. After a
restart in the middle of a session, its next line opens it again.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor import schema
from sensor.sources.logs.text.reasons import SAID_AGAIN

#: About 200 bytes each.
MAX_SESSIONS = 400_000
SILENT = timedelta(days=1)

_DELTAS = ("delta", "end-delta")
#: What a line says of its session.
_STATED = ("phase", "method", "action", "host", "name_from", "kind", "user_name", "device")
_COUNTED = ("bytes_up", "bytes_down", "total_bytes_up", "total_bytes_down", "packets_up", "packets_down")
#: What is remembered of a session, from the columns of its lines.
_KEPT: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.UInt64,
    "began": schema.TIME,
    "last": schema.TIME,
    "lines": pl.Int64,
    "host": pl.String,
    "name_from": pl.String,
    "kind": pl.String,
    "several": pl.Boolean,
    "verdict": pl.Int64,
    "user_name": pl.String,
    "device": pl.String,
    "total_up": pl.Int64,
    "total_down": pl.Int64,
}
#: More bytes than any session has (`_running_max` keeps sessions apart with it).
_MOST_BYTES = 1 << 44

Positions = npt.NDArray[np.int64]


class Sessions:
    """Remembers sessions across blocks."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema=_KEPT)

    def take(self, finished: pl.DataFrame) -> pl.DataFrame:
        """`finished` (of `finish.rows`) with slices, deltas and names; rows without `session` as they are."""
        # A sign-in during a session stays a row of its own: it is not what the session did.
        ours = finished.select(
            ours=pl.col("session").is_not_null()
            & pl.col("reason").is_null()
            & (pl.col("kind") != "lease").fill_null(True)
        )["ours"]
        if not ours.any():
            return finished
        stated = finished.select("session", "seen_at", "at", *_STATED, *_COUNTED)
        rows = _lines(stated.with_row_index("place").filter(ours))
        known = self._lately(rows["began"])
        is_affected = known["key"].is_in(rows["key"].implode())
        joined = _joined(pl.concat([known.filter(is_affected), rows], how="diagonal_relaxed"))
        latest = joined.filter(pl.col("is_latest")).drop("host", "name_from", "kind")
        fresh = latest.rename({"said_host": "host", "said_from": "name_from", "said_kind": "kind"})
        fresh = fresh.select(_KEPT.keys())
        self._known = pl.concat([known.filter(~is_affected), fresh]).tail(MAX_SESSIONS)
        return _put(finished, joined.filter(pl.col("place").is_not_null()).sort("place"))

    def _lately(self, began: pl.Series) -> pl.DataFrame:
        """The sessions that a line which `began` then may continue; one of a wrong clock ends no others."""
        since = pl.lit(began.min(), dtype=schema.TIME) - SILENT
        if self._known.select((pl.col("last") >= since).all()).item():  # nearly always: no copy
            return self._known
        return self._known.filter(pl.col("last") >= since)


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    """The lines of a block with the columns of `_KEPT`, and their own bytes where those are no totals."""
    own, most = pl.col("phase").is_in(_DELTAS).fill_null(False), _MOST_BYTES - 1
    return rows.select(
        *("place", *_STATED, "packets_up", "packets_down"),
        key=pl.col("session").hash(),
        began="seen_at",
        last="at",
        lines=pl.lit(1, dtype=pl.Int64),
        several=pl.lit(False),
        verdict=_verdict(),
        own_up=pl.when(own).then("bytes_up"),
        own_down=pl.when(own).then("bytes_down"),
        total_up=pl.coalesce("total_bytes_up", pl.when(~own).then("bytes_up")).clip(upper_bound=most),
        total_down=pl.coalesce("total_bytes_down", pl.when(~own).then("bytes_down")).clip(upper_bound=most),
    )  # fmt: skip


def _verdict() -> pl.Expr:
    """What outweighs what, among the lines of a session: the odd ones refuse."""
    passed = (pl.col("action") != "blocked").cast(pl.Int64)
    return (1 + passed + 2 * pl.col("method").is_not_null().cast(pl.Int64)).fill_null(0)


def _joined(both: pl.DataFrame) -> pl.DataFrame:
    """Lines, sorted by session, with what is known at each of them and what each of them changes."""
    both = both.sort("key", maintain_order=True)
    group = _groups(both)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    start = starts[group]
    before = _Before(start)
    lines = both["lines"].to_numpy()
    so_far = np.cumsum(lines)
    number = so_far - lines - (so_far - lines)[start]
    said = before.last(both["host"].is_not_null())
    host = _at(both["host"], said)
    differs = (both["host"].is_not_null() & host.is_not_null() & (both["host"] != host)).fill_null(False)
    several = _running_max((differs | both["several"]).to_numpy().astype(np.int64), group) > 0
    silent = both["host"].is_null()
    takes = silent & host.is_not_null() & ~pl.Series(several)
    name_from, kind = _at(both["name_from"], said), _at(both["kind"], said)
    verdict = pl.Series(_running_max(both["verdict"].to_numpy(), group))
    refused = both["action"].is_null() & (verdict % 2 == 1) & ~pl.Series(several)
    out = both.with_columns(
        slice=pl.Series(number),
        began=both["began"].gather(start),
        before_host=host,
        names=both["host"].is_not_null() & host.is_null(),
        host=both["host"].zip_with(~takes, host),
        name_from=both["name_from"].zip_with(~takes, name_from),
        kind=both["kind"].zip_with(~takes, kind),
        # What the session is called, also where two names keep its volume from taking one.
        said_host=both["host"].zip_with(~silent, host),
        said_from=both["name_from"].zip_with(~silent, name_from),
        said_kind=both["kind"].zip_with(~silent, kind),
        several=pl.Series(several),
        verdict=verdict,
        settled=both["action"].zip_with(~refused, pl.Series(["blocked"])),
        user_name=_known(both["user_name"], before),
        device=_known(both["device"], before),
        lines=pl.Series(number + lines),
        is_latest=_is_latest(both["key"]),
        **_totals(both, "up", group, start),
        **_totals(both, "down", group, start),
    )
    return out.with_columns(*_bytes("up"), *_bytes("down")).with_columns(reason=_reason())


def _groups(both: pl.DataFrame) -> Positions:
    """The number of each row's session, rising: the same key, until it is opened once more or was silent."""
    key = both["key"].to_numpy()
    new_key = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=bool)
    opens = (both["phase"] == "begin").fill_null(False).to_numpy()
    until = _running_max(both["last"].dt.epoch("s").to_numpy(), np.cumsum(new_key))
    begins = both["began"].dt.epoch("s").to_numpy()
    opens[1:] |= begins[1:] - until[:-1] > SILENT.total_seconds()
    return np.cumsum(new_key | opens).astype(np.int64) - 1


class _Before:
    """Looks back within a session."""

    def __init__(self, start: Positions) -> None:
        self._start = start
        self._place = np.arange(len(start), dtype=np.int64)

    def last(self, holds: pl.Series) -> Positions:
        """The latest row before each one for which `holds` is true, in the same session; -1 for none."""
        marked = np.where(holds.to_numpy(), self._place, -1)
        latest = np.concatenate([[-1], np.maximum.accumulate(marked)[:-1]]) if len(marked) else marked
        return np.where(latest >= self._start, latest, -1)


def _at(values: pl.Series, places: Positions) -> pl.Series:
    """`values` at `places`; NULL for -1."""
    return values.gather(pl.Series(places).replace(-1, None))


def _known(values: pl.Series, before: _Before) -> pl.Series:
    """`values`, and where NULL the latest one of the session."""
    return values.zip_with(values.is_not_null(), _at(values, before.last(values.is_not_null())))


def _running_max(values: Positions, group: Positions) -> Positions:
    """The largest value so far of each session: sessions are set `_MOST_BYTES` apart."""
    offset = group * _MOST_BYTES
    return np.maximum.accumulate(values + offset) - offset


def _totals(both: pl.DataFrame, way: str, group: Positions, start: Positions) -> dict[str, pl.Series]:
    """Bytes of the session up to each line (`so_far_`) and up to the line before it (`before_`)."""
    total, own = both[f"total_{way}"], both[f"own_{way}"].clip(0, _MOST_BYTES - 1)
    # Lines that count since the line before, and do not say what that makes, are added up.
    parts = own.zip_with(total.is_null(), pl.Series([0])).fill_null(0).to_numpy()
    added = np.cumsum(parts)
    added -= (added - parts)[start]
    # What other lines count beyond these never becomes less.
    beyond = (total.fill_null(0) - pl.Series(added)).clip(lower_bound=0).to_numpy()
    so_far = _running_max(beyond, group) + added
    before = np.where(start == np.arange(len(start)), 0, np.roll(so_far, 1))
    return {f"so_far_{way}": pl.Series(so_far), f"before_{way}": pl.Series(before)}


def _is_latest(key: pl.Series) -> pl.Series:
    values = key.to_numpy()
    return pl.Series(
        np.concatenate([values[1:] != values[:-1], [True]]) if len(values) else values.astype(bool)
    )


def _bytes(way: str) -> list[pl.Expr]:
    """Bytes since the line before: of a cumulative count what is new, and never more than the line's own."""
    own, total, before = pl.col(f"own_{way}"), pl.col(f"total_{way}"), pl.col(f"before_{way}")
    so_far = pl.col(f"so_far_{way}")
    fresh = (total - before).clip(lower_bound=0)
    since = pl.when(total.is_null()).then(own).otherwise(pl.min_horizontal(fresh, own))
    counted = total.is_not_null() | own.is_not_null() | (so_far > 0)
    return [since.alias(f"bytes_{way}"), pl.when(counted).then(so_far).alias(f"total_{way}")]


def _share(way: str) -> pl.Expr:
    """Packets of a later line that counts since the beginning: the part that its bytes are of all bytes."""
    packets, part, total = pl.col(f"packets_{way}"), pl.col(f"bytes_{way}"), pl.col(f"total_{way}")
    later = (pl.col("slice") > 0) & (total > 0) & ~pl.col("phase").is_in(_DELTAS).fill_null(False)
    return pl.when(later).then((packets * (part / total)).round().cast(pl.Int64)).otherwise(packets)


def _reason() -> pl.Expr:
    """A line that says nothing new is set aside."""
    same = pl.col("host").is_null() | (pl.col("host") == pl.col("before_host"))
    tells = _volume() | pl.col("method").is_not_null() | pl.col("phase").is_in(["end", "end-delta"])
    tells |= (pl.col("action") == "blocked").fill_null(False)
    again = (pl.col("slice") > 0) & same & ~tells
    return pl.when(again.fill_null(False)).then(pl.lit(SAID_AGAIN))


def _volume() -> pl.Expr:
    return (pl.col("bytes_up").fill_null(0) + pl.col("bytes_down").fill_null(0)) > 0


def _put(finished: pl.DataFrame, joined: pl.DataFrame) -> pl.DataFrame:
    """`finished` with what its sessions change; `joined` has a row for each of its rows with a session."""
    request = pl.col("method").is_not_null()
    changes = joined.select(
        "place",
        *("reason", "host", "name_from", "kind", "user_name", "device", "bytes_up", "bytes_down"),
        action="settled",
        slice=pl.when(~request).then(pl.when(pl.col("names") & ~_volume()).then(0).otherwise("slice")),
        started_at=pl.when(~request & (pl.col("kind") != "dns")).then("began"),
        total_bytes_up="total_up",
        total_bytes_down="total_down",
        packets_up=_share("up"),
        packets_down=_share("down"),
    )
    if changes.height == finished.height:
        return finished.with_columns(
            changes[name].cast(finished.schema[name]) for name in changes.columns if name != "place"
        )
    return finished.with_columns(
        finished[name].scatter(changes["place"], changes[name].cast(finished.schema[name]))
        for name in changes.columns
        if name != "place"
    )
