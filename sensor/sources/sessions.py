"""Sessions told in several lines counted once: opened, named, updated, closed.

A firewall or sensor writes a line when a session opens, lines that name it, cumulative counts while it
lasts, and one when it closes. None is held back, so that a session is seen at once; what was said is
remembered by its key:

- the first line is slice 0 (the connection); later lines are further slices and open nothing;
- cumulative counts become what came since the line before, so that lines of a session add up;
- a line with volume and without name takes the session's name, as long as it had only one;
- a line that says nothing new (a second name, an answer after its question) is set aside.

Memory: `MAX_SESSIONS`, the longest silent forgotten first, and what was silent for a day. After a
restart in the middle of a session its next line opens it anew.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor import schema

#: About 200 bytes each.
MAX_SESSIONS = 400_000
SILENT = timedelta(days=1)
REPEATED = "set aside: says again what its session said"

_DELTAS = ("delta", "end-delta")
_KEPT: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.UInt64,
    "began": schema.TIME,
    "last": schema.TIME,
    "lines": pl.Int64,
    "host": pl.String,
    "name_from": pl.String,
    "kind": pl.String,
    "several": pl.Boolean,
    "user_name": pl.String,
    "device": pl.String,
    "up": pl.Int64,
    "down": pl.Int64,
}


class Sessions:
    """Remembers sessions from block to block."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema=_KEPT)

    def take(self, done: pl.DataFrame) -> pl.DataFrame:
        """`done` (finished rows) with slices, deltas and names; rows without `session` stay as they are."""
        ours = (done["session"].is_not_null() & done["reason"].is_null()).fill_null(False)
        if not ours.any():
            return done
        rows = done.with_row_index("place").filter(ours).with_columns(key=pl.col("session").hash())
        told = self._told(rows)
        self._known = _remembered(told).tail(MAX_SESSIONS)
        changed = told.filter(pl.col("place").is_not_null()).select("place", **_changes(told.columns))
        return _put(done, changed)

    def _told(self, rows: pl.DataFrame) -> pl.DataFrame:
        """What is known of the keys of `rows`, then `rows`, with running columns per session."""
        newest = rows["at"].max()
        known = self._known.filter(pl.col("last") > pl.lit(newest, dtype=schema.TIME) - SILENT)
        memory = known.with_columns(
            total_up="up", total_down="down", at="last", seen_at="began", phase=pl.lit("known"),
            place=pl.lit(None, dtype=pl.UInt32),
        )  # fmt: skip
        own, total = pl.col("phase").is_in(_DELTAS), pl.col("phase").is_in(_DELTAS).not_()
        present = rows.with_columns(
            own_up=pl.when(own).then("bytes_up"),
            own_down=pl.when(own).then("bytes_down"),
            total_up=pl.coalesce("total_bytes_up", pl.when(total).then("bytes_up")),
            total_down=pl.coalesce("total_bytes_down", pl.when(total).then("bytes_down")),
        )
        both = pl.concat([memory, present], how="diagonal_relaxed")
        # A second opening under the same key is another session.
        both = both.with_columns(session_number=(pl.col("phase") == "begin").cum_sum().over("key"))
        return both.with_columns(**_running()).with_columns(**_named())


def _over(expression: pl.Expr) -> pl.Expr:
    return expression.over("key", "session_number")


def _running() -> dict[str, pl.Expr]:
    before_host = _over(pl.col("host").forward_fill().shift(1))
    differs = pl.col("host").is_not_null() & before_host.is_not_null() & (pl.col("host") != before_host)
    lines = pl.col("lines").fill_null(1)
    return {
        "began": _over(pl.coalesce("began", "seen_at").first()),
        "slice_number": _over(lines.cum_sum()) - lines,
        "before_host": before_host,
        "several": differs | pl.col("several").fill_null(False),
        "before_kind": _over(pl.when(pl.col("host").is_not_null()).then("kind").forward_fill().shift(1)),
        "before_from": _over(pl.when(pl.col("host").is_not_null()).then("name_from").forward_fill().shift(1)),
        "before_up": _over(pl.col("total_up").cum_max().forward_fill().shift(1)).fill_null(0),
        "before_down": _over(pl.col("total_down").cum_max().forward_fill().shift(1)).fill_null(0),
        "user_name": pl.coalesce("user_name", _over(pl.col("user_name").forward_fill())),
        "device": pl.coalesce("device", _over(pl.col("device").forward_fill())),
    }


def _named() -> dict[str, pl.Expr]:
    several = _over(pl.col("several").cum_max())
    takes = pl.col("host").is_null() & ~several & pl.col("before_host").is_not_null()
    return {
        "several": several,
        "takes_name": takes,
        "new_up": _since("up"),
        "new_down": _since("down"),
    }


def _since(way: str) -> pl.Expr:
    """Bytes since the line before: of a cumulative count what is new, and never more than the line's own."""
    own, total = pl.col(f"own_{way}"), pl.col(f"total_{way}")
    fresh = (total - pl.col(f"before_{way}")).clip(lower_bound=0)
    return pl.when(total.is_null()).then(own).otherwise(pl.min_horizontal(fresh, own))


def _changes(columns: list[str]) -> dict[str, pl.Expr]:
    """The columns of an observation that its session changes."""
    request = pl.col("method").is_not_null()
    later = pl.col("slice_number") > 0
    volume = (pl.col("new_up").fill_null(0) + pl.col("new_down").fill_null(0)) > 0
    closes = pl.col("phase").is_in(["end", "end-delta"])
    blocked = pl.col("action") == "blocked"
    same = pl.col("host").is_null() | (pl.col("host") == pl.col("before_host"))
    again = later & same & ~request & ~volume & ~closes & ~blocked.fill_null(False)
    return {
        "reason": pl.when(again.fill_null(False)).then(pl.lit(REPEATED)),
        "slice": pl.when(request).then(None).otherwise("slice_number"),
        "started_at": pl.when(~request & (pl.col("kind") != "dns")).then("began"),
        "host": pl.when("takes_name").then("before_host").otherwise("host"),
        "name_from": pl.when("takes_name").then("before_from").otherwise("name_from"),
        "kind": pl.when("takes_name").then("before_kind").otherwise("kind"),
        "user_name": pl.col("user_name"),
        "device": pl.col("device"),
        "bytes_up": pl.col("new_up"),
        "bytes_down": pl.col("new_down"),
        "total_bytes_up": pl.when(pl.col("total_up").is_not_null()).then(
            pl.max_horizontal("total_up", "before_up")
        ),
        "total_bytes_down": pl.when(pl.col("total_down").is_not_null()).then(
            pl.max_horizontal("total_down", "before_down")
        ),
    }


def _put(done: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """`done` with the columns of `changed` at its places."""
    columns = [
        done[name].scatter(changed["place"], changed[name].cast(done.schema[name]))
        for name in changed.columns
        if name != "place"
    ]
    return done.with_columns(columns)


def _remembered(told: pl.DataFrame) -> pl.DataFrame:
    """One row per key: its latest session, the longest silent first."""
    latest = told.filter(pl.col("session_number") == pl.col("session_number").max().over("key"))
    named = pl.col("host").is_not_null()
    return (
        latest.group_by("key", maintain_order=True)
        .agg(
            pl.col("began").first(),
            pl.col("at").max().alias("last"),
            pl.col("lines").fill_null(1).sum(),
            pl.col("host").drop_nulls().first(),
            pl.col("name_from").filter(named).first(),
            pl.col("kind").filter(named).first(),
            pl.col("several").any(),
            pl.col("user_name").last(),
            pl.col("device").last(),
            pl.col("total_up").max().alias("up"),
            pl.col("total_down").max().alias("down"),
        )
        .sort("last", maintain_order=True)
        .select(pl.col(name).cast(dtype) for name, dtype in _KEPT.items())
    )
