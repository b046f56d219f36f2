r"""Layouts that begin with the time and the elapsed time.

    squid     %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt, also with
              "%{Referer}>h" "%{User-Agent}>h" appended
    shadowai  %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st - "%{User-Agent}>h"

Account names are escaped (`%[un`: `j%c3%b6rg`) or as they came (`%un`), and may hold spaces in both
(checked with Squid 7.7).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.squid.columns import STAMP_CHARS, conformed, stamp
from sensor.sources.logs.text import hosts, patterns

#: `%ts` without the milliseconds
_BARE = r"^\d{10} "
QUOTED = r"\"((?:[^\"\\]|\\.)*)\""
#: The result code, with the status in the native layout and the hierarchy code in ours.
NATIVE_CODE, OUR_CODE = r"^[A-Z_]+/\d{3}$", r"^[A-Z_]+:[A-Z_]+$"
WITH_PORT = r"^\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}$"
#: User names with spaces, native and in ours, between what stands before and after them.
_SPACED = (
    r"^(?<head>\d{10}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} (?:\d+|-) \S+ \S+ )"
    r"(?<user>\S+(?: +[^\s/]+)+)(?<tail> [A-Z_]+/\S+.*)$",
    r"^(?<head>\d{10}\.\d{3} +-?\d+ \S+ )"
    r"(?<user>\S+(?: +\S+)+?)(?<tail> [A-Z_-]+ \S+ \d{1,3} [A-Z_]+:[A-Z_]+ .*)$",
)


def _field(number: int) -> pl.Expr:
    return pl.col(f"field_{number}")


_NATIVE = {
    "elapsed_ms": _field(0),
    "client": _field(1),
    "result": pl.col("result"),
    "status": pl.col("status"),
    "down": _field(3),
    "method": _field(4),
    "url": _field(5),
    "user": _field(6),
    "hierarchy": pl.col("hierarchy"),
    "peer": pl.col("peer"),
    "agent": pl.col("agent"),
}
_OURS = {
    "elapsed_ms": _field(0),
    "client": _field(1),
    "user": _field(2),
    "method": _field(3),
    "url": _field(4),
    "status": _field(5),
    "result": pl.col("result"),
    "hierarchy": pl.col("hierarchy"),
    "up": _field(7),
    "down": _field(8),
    "sni": _field(9),
    "agent": _field(10).str.extract(r"^" + QUOTED),
    "bump": _field(10).str.extract(r"\" (\w+)\s*$"),
}


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`row` and `COLUMNS` of lines in these layouts."""
    fields = _fields(lines)
    found = [_native(fields)]
    if found[0].height < fields.height:
        found.append(_ours(fields))
    rows = pl.concat([part for part in found if part.height] or found[:1])
    return rows.filter(pl.col("elapsed_ms").is_not_null()).sort("row")


def _fields(lines: pl.DataFrame) -> pl.DataFrame:
    """`row`, `at`, and what follows it as `field_0` to `field_10`, the last with the rest of the line."""
    line = pl.col("line")
    bare = lines["line"].str.contains(_BARE)
    if bare.any():
        with_millis = pl.when(bare).then(line.str.replace(r" ", ".000 ")).otherwise(line)
        lines = lines.with_columns(with_millis.alias("line"))
    lines = lines.with_columns(_joined(lines["line"]))
    rest = lines["line"].str.slice(STAMP_CHARS).str.strip_chars_start(" ")
    # A Series is split once; as an expression it would be split again for each of its fields.
    fields = rest.str.splitn(" ", 11).struct.unnest()
    return fields.hstack(lines.select("row", at=stamp(line.str.head(STAMP_CHARS))))


def _joined(line: pl.Series) -> pl.Series:
    """Lines with the spaces of user names escaped, as other bytes of these are."""
    for pattern in _SPACED:
        if line.str.contains(pattern).any():
            found = patterns.read(line, pattern)
            user = pl.col("user").str.replace_all(" ", "%20", literal=True)
            joined = pl.coalesce(pl.concat_str("head", user, "tail"), pl.lit(line))
            line = found.select(line=joined)["line"]
    return line


def _native(fields: pl.DataFrame) -> pl.DataFrame:
    is_native = fields["at"].is_not_null() & fields["field_2"].str.contains(NATIVE_CODE)
    is_native &= ~fields["field_1"].str.contains(WITH_PORT).fill_null(False)
    native = _filtered(fields, is_native)
    native = native.hstack(split(native["field_7"], "/", "hierarchy", "peer"))
    native = hosts.once_all(native, "field_2", result_and_status)
    native = native.with_columns(agent=last_quoted(native["field_9"], native["field_10"]))
    return native.select("row", *conformed(_NATIVE))


def _ours(fields: pl.DataFrame) -> pl.DataFrame:
    is_ours = fields["at"].is_not_null() & fields["field_5"].str.contains(r"^\d{1,3}$")
    is_ours &= fields["field_6"].str.contains(OUR_CODE)
    ours = _filtered(fields, is_ours)
    ours = ours.hstack(split(ours["field_6"], ":", "result", "hierarchy"))
    return ours.select("row", *conformed(_OURS))


def _filtered(rows: pl.DataFrame, mask: pl.Series) -> pl.DataFrame:
    """`rows` where `mask` is true, not copied where all are: most logs are in one layout."""
    return rows if mask.all() and not mask.has_nulls() else rows.filter(mask)


def split(text: pl.Series, separator: str, left: str, right: str) -> pl.DataFrame:
    """What stands before and after the first `separator`; `right` is NULL where there is none."""
    return text.str.splitn(separator, 2).struct.rename_fields([left, right]).struct.unnest()


def result_and_status(codes: pl.Series) -> pl.DataFrame:
    """`TCP_MISS/200` taken apart."""
    return pl.DataFrame({"result": codes.str.head(-4), "status": codes.str.tail(3)})


def last_quoted(content_type: pl.Series, rest: pl.Series) -> pl.Series:
    """The user agent behind the content type, where a layout has one; most have none.

    Web Safety appends what its filter found, as `"ws-verdict=…"`: that is none.
    """
    if not any(text.str.contains('"', literal=True).any() for text in (rest, content_type)):
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(rest))
    both = pl.concat_str(pl.lit(content_type), pl.lit(rest), separator=" ", ignore_nulls=True)
    quoted = pl.select(both).to_series().str.extract(QUOTED + r"\s*$")
    return quoted.set(quoted.str.starts_with("ws-"), None)
