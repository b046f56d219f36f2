r"""Time stamps of all kinds of logs as UTC: ISO, epoch in any unit, syslog, Apache, US and German dates.

A stamp that carries no offset is local time in the zone it is said to be in; one without
a year gets the year that puts it nearest to `reference` without lying more than a day after it.
No clock is asked: `reference` is an argument. Formats are recognised by shape, stamp by stamp.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from sensor import schema
from sensor.sources.logs.text.partial import either, only
from sensor.sources.logs.text.patterns import ascii_only

#: Times outside are not times: a broken clock or a hostile line.
EARLIEST_S, LATEST_S = 0, 4_102_444_800
#: How far after the reference a stamp may lie before its year is taken for the one before.
AHEAD = timedelta(days=1)
#: In the hour that comes twice: how far before the reference a stamp may lie, and how far after it.
_HOUR, _AHEAD_OF_WRITING = timedelta(hours=1), timedelta(minutes=1)
_MONTHS = {
    name: n
    for n, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
#: Names of zones with one meaning. Others (IST, CST …) are ambiguous; for them, the zone setting decides.
_ZONES = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "CET": 60,
    "CEST": 120,
    "EST": -300,
    "EDT": -240,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
    "AKST": -540,
    "AKDT": -480,
    "HST": -600,
    "WET": 0,
    "WEST": 60,
    "EET": 120,
    "EEST": 180,
    "MSK": 180,
    "SAST": 120,
    "SGT": 480,
    "HKT": 480,
    "AWST": 480,
    "JST": 540,
    "KST": 540,
    "AEST": 600,
    "AEDT": 660,
    "NZST": 720,
    "NZDT": 780,
}
#: The names that routers are configured with in small letters; any other word is none.
SMALL_ZONES = "|".join(name.lower() for name in _ZONES if len(name) > 2)

_TIME = ascii_only(
    r"(?<H>\d{1,2}):(?<M>\d{2})(?::(?<S>\d{2}))?(?:[.,:](?<f>\d{1,9}))?(?:\s*(?<half>[AaPp])\.?[Mm]\.?)?"
)
_OFFSET = ascii_only(
    r"(?:\s*\(?(?<z>Z|[+-]\d{1,2}(?::?\d{2})?|[A-Z]{2,5}(?:[+-]\d{1,2}(?::?\d{2})?)?"
    rf"|(?:{SMALL_ZONES})\b)\)?)?"
)
_WEEKDAY, _MONTH = r"(?:[^\W\d_]{2,9}\.?,? +)?", r"(?<b>[A-Za-z]{3})[a-z]*"
#: Shapes of a stamp. Named groups: Y m d (or y, two digits; b, month's name), H M S f half, z.
_SHAPES = (
    rf"^(?<Y>\d{{4}})[-/.:](?<m>\d{{1,2}})[-/.:](?<d>\d{{1,2}})(?:[T ,:._-]+{_TIME})?{_OFFSET}",
    rf"^(?:(?<Y0>\d{{4}}) )?{_WEEKDAY}{_MONTH} +(?<d>\d{{1,2}}),? +(?:(?<Y>\d{{4}}),? +(?:@ +)?)?{_TIME}"
    rf"(?: (?<Y2>\d{{4}}))?{_OFFSET}(?: (?<Y3>\d{{4}}))?",
    rf"^{_WEEKDAY}(?<d>\d{{1,2}})[-/ ]{_MONTH}[-/ ](?<Y>\d{{4}})[T ,:]+{_TIME}{_OFFSET}",
    rf"^(?<d>\d{{1,2}})\.(?<m>\d{{1,2}})\.(?<Y>\d{{4}}|\d{{2}})[T ,]+{_TIME}{_OFFSET}",
    rf"^(?<m>\d{{2}})/(?<d>\d{{2}})(?:/(?<Y>\d{{4}}))?\.{_TIME}{_OFFSET}",
    rf"^(?<m>\d{{1,2}})[/-](?<d>\d{{1,2}})[/-](?<Y>\d{{4}}|\d{{2}})(?:[T ,]+{_TIME})?{_OFFSET}",
)
#: Greater numbers are milliseconds, microseconds, nanoseconds since 1970.
_MILLIS_FROM, _MICROS_FROM, _NANOS_FROM = 10**11, 10**14, 10**17
#: A stamp is surely of the time of the reference if it lies no further from it.
_RECENT_DAYS = 2
_EPOCH = ascii_only(r"^\d{9,19}(?:\.\d{1,9})?$")
#: Windows PowerShell's `ConvertTo-Json`: milliseconds, maybe with an offset that is for showing only.
_OF_NET = ascii_only(r"^\\?/Date\((-?\d+)(?:[+-]\d{4})?\)\\?/$")
_ISO = ascii_only(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d|--?\d{1,2}:\d\d)?$")


def read(
    text: pl.Series, zone: str = "UTC", reference: datetime | None = None, *, zones: pl.Series | None = None
) -> pl.Series:
    """`text` as UTC times; NULL where unreadable or outside 1970 to 2100.

    `zone` (IANA) is where stamps without an offset are local; `zones`, if given, says so row by row
    (offsets such as `-0500`, `+11`, or names such as `UTC`) and wins over `zone`. Where day and
    month of `1/2/2026` could be exchanged, the whole Series decides (`_is_day_first`).
    """
    if zones is None and len(unique := text.unique().drop_nulls()) < len(text) // 2:
        # Logs write many lines a second: each stamp is read once.
        at = read(unique, zone, reference)
        return text.replace_strict(unique, at, default=None, return_dtype=schema.TIME)
    clean = text.str.strip_chars(' []"')
    if clean.str.contains("/Date(", literal=True).any():
        clean = clean.str.replace(_OF_NET, "$1")
    out = _epochs(clean)
    if out.null_count() > clean.null_count():
        left = only(clean, out.is_null())
        out = either(out, _iso(left, zone, zones, reference))
    for shape in _SHAPES:
        if out.null_count() == clean.null_count():
            break
        left = only(clean, out.is_null())
        if left.str.contains(shape).any():
            out = either(out, _shaped(left, shape, zone, zones, reference))
    return out.rename(text.name)


def epoch(number: pl.Expr) -> pl.Expr:
    """Whole seconds, milli-, micro- or nanoseconds since 1970 (told by the digits) as UTC."""
    size = number.abs()
    micros = (
        pl.when(size < _MILLIS_FROM)
        .then(number * 1_000_000)
        .when(size < _MICROS_FROM)
        .then(number * 1_000)
        .when(size < _NANOS_FROM)
        .then(number)
        .otherwise(number // 1_000)
    )
    valid = micros.is_between(EARLIEST_S * 1_000_000, LATEST_S * 1_000_000)
    return pl.from_epoch(pl.when(valid).then(micros), time_unit="us").dt.replace_time_zone("UTC")


def _epochs(text: pl.Series) -> pl.Series:
    number = only(text, text.str.contains(_EPOCH))
    if number.null_count() == len(number):
        return pl.Series(text.name, [None] * len(text), dtype=schema.TIME)
    parts = number.str.splitn(".", 2).struct.unnest()
    whole = parts["field_0"].cast(pl.Int64, strict=False)
    fraction = parts["field_1"].str.pad_end(6, "0").str.head(6).cast(pl.Int64, strict=False)
    # Six digits are microseconds of seconds, nanoseconds of milliseconds.
    finer = pl.when(whole < _MILLIS_FROM).then(1).when(whole < _MICROS_FROM).then(1_000)
    micros = pl.lit(fraction.fill_null(0)) // finer.otherwise(1_000_000)
    return pl.select(epoch(pl.lit(whole)) + pl.duration(microseconds=micros)).to_series()


def _iso(text: pl.Series, zone: str, zones: pl.Series | None, reference: datetime | None) -> pl.Series:
    """The commonest stamp, by slices: a general pattern costs five times as much."""
    known = only(text, text.str.contains(_ISO))
    if known.null_count() == len(known):
        return pl.Series(text.name, [None] * len(text), dtype=schema.TIME)
    base = known.str.head(10) + "T" + known.str.slice(11, 8)
    local = base.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    rest = known.str.slice(19)
    fraction = rest.str.extract(r"^\.(\d{1,6})").str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    local = local + pl.select(pl.duration(microseconds=pl.lit(fraction))).to_series()
    # Check Point gateways write five hours west of UTC as `--5:00`.
    offset = rest.str.extract(r"(Z|[+-]\d\d:?\d\d|--?\d{1,2}:\d\d)$")
    return _placed(local, offset, zone, zones, reference)


def _shaped(
    text: pl.Series, shape: str, zone: str, zones: pl.Series | None, reference: datetime | None
) -> pl.Series:
    parts = text.str.extract_groups(shape).struct.unnest()
    has = set(parts.columns)
    number = {name: parts[name].cast(pl.Int64, strict=False) for name in ("d", "H", "M", "S") if name in has}
    year = parts["Y"].cast(pl.Int64, strict=False)
    for other in ("Y0", "Y2", "Y3"):
        if other in has:
            year = either(year, parts[other].cast(pl.Int64, strict=False))
    year = year.zip_with(year.fill_null(100) >= 100, year + 2000)
    if "b" in has:
        month = parts["b"].str.to_lowercase().replace_strict(_MONTHS, default=None, return_dtype=pl.Int64)
    else:
        month = parts["m"].cast(pl.Int64, strict=False)
    day = number["d"]
    if shape == _SHAPES[-1] and _is_day_first(year, month, day, reference):
        month, day = day, month
    hour = number["H"].fill_null(0)
    half = parts["half"].str.to_lowercase()
    hour = hour.zip_with(half.is_null(), hour % 12 + (half == "p").fill_null(False).cast(pl.Int64) * 12)
    clock = (hour, number["M"].fill_null(0), number["S"].fill_null(0))
    fraction = parts["f"].str.head(6).str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)

    def local(years: pl.Series) -> pl.Series:
        return _moment(years, month, day, *clock, fraction)

    if year.null_count() > parts["d"].null_count():
        year = either(year, _nearest_year(local, parts, reference))
    return _placed(local(year), parts["z"], zone, zones, reference)


def _is_day_first(year: pl.Series, month: pl.Series, day: pl.Series, reference: datetime | None) -> bool:
    """True if what is read as `month` is the day; if nothing decides, it is the month.

    Because no month is above 12; else because no line is of the future; else because the lines of a log are
    of days that follow each other; else because it was written just now.
    """
    if ((month > 12) & (day <= 12)).any():
        return True
    by_month, by_day = (_numbers(year, *both) for both in ((month, day), (day, month)))
    if (day > 12).any() or by_month.is_empty():
        return False
    span, other_span = (int(days[-1]) - int(days[0]) for days in (by_month, by_day))
    if reference is None:
        return other_span < span
    now = (pl.Series([part]) for part in (reference.year, reference.month, reference.day))
    today = int(_numbers(*now)[0])
    after, other_after = (int(days[-1]) - today for days in (by_month, by_day))
    if (after > AHEAD.days) != (other_after > AHEAD.days):
        return after > AHEAD.days
    if span != other_span:
        return other_span < span
    return abs(other_after) <= _RECENT_DAYS < abs(after)


def _numbers(year: pl.Series, month: pl.Series, day: pl.Series) -> pl.Series:
    """A number for each day, sorted: those of days that follow each other differ by 1, or a little more."""
    return (year * 372 + month * 31 + day).drop_nulls().sort()


def _nearest_year(
    local: Callable[[pl.Series], pl.Series], parts: pl.DataFrame, reference: datetime | None
) -> pl.Series:
    """The latest year in which the stamp lies no more than a day after `reference`."""
    if reference is None:
        return pl.Series([None] * parts.height, dtype=pl.Int64)
    limit = (reference + AHEAD).replace(tzinfo=None)
    found = pl.Series([None] * parts.height, dtype=pl.Int64)
    for year in range(limit.year, limit.year - 5, -1):  # five, for 29 February
        years = pl.Series([year], dtype=pl.Int64).new_from_index(0, parts.height)
        fits = pl.select(pl.lit(local(years)) <= limit).to_series()
        found = either(found, only(years, fits))
        if found.null_count() == parts["d"].null_count():
            break
    return found


def _moment(
    year: pl.Series,
    month: pl.Series,
    day: pl.Series,
    hour: pl.Series,
    minute: pl.Series,
    second: pl.Series,
    micro: pl.Series,
) -> pl.Series:
    """A naive time; NULL where there is no such date. A leap second is the last of its minute."""
    ok = (
        year.is_between(1970, 2100) & month.is_between(1, 12) & day.is_between(1, 31)
        & hour.is_between(0, 23) & minute.is_between(0, 59) & second.is_between(0, 60)
    ).fill_null(False)  # fmt: skip
    two = [
        part.cast(pl.String).str.zfill(2) for part in (month, day, hour, minute, second.clip(upper_bound=59))
    ]
    text = year.cast(pl.String) + "-" + two[0] + "-" + two[1] + "T" + two[2] + ":" + two[3] + ":" + two[4]
    masked = only(text, ok)
    at = masked.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    return at + pl.select(pl.duration(microseconds=pl.lit(micro))).to_series()


def _placed(
    local: pl.Series, offset: pl.Series, zone: str, zones: pl.Series | None, reference: datetime | None
) -> pl.Series:
    """Local times as UTC: by the stamp's own offset, else the row's zone, else `zone`.

    An hour that comes twice (end of daylight saving) is the first, unless `reference` is of the second: what
    is followed would fall silent for an hour. One that never was is NULL.
    """
    minutes = _minutes(offset)
    if zones is not None:
        minutes = either(minutes, _minutes(zones))
    shifted = local - pl.select(pl.duration(minutes=pl.lit(minutes))).to_series()
    by_offset = shifted.dt.replace_time_zone("UTC")
    if by_offset.null_count() == local.null_count():
        return by_offset
    by_zone = _in_zone(local, zone, "earliest")
    if reference is not None and _comes_again(reference, zone):
        second = _in_zone(local, zone, "latest")
        is_past = second.is_between(reference - _HOUR, reference + _AHEAD_OF_WRITING).fill_null(False)
        by_zone = second.zip_with(is_past, by_zone)
    return either(by_offset, by_zone)


def _in_zone(local: pl.Series, zone: str, ambiguous: Literal["earliest", "latest"]) -> pl.Series:
    at = local.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")
    return at.dt.convert_time_zone("UTC")


def _comes_again(moment: datetime, zone: str) -> bool:
    """True in the hour that comes again at the end of daylight saving, and in the one after it."""
    before, now = ((moment - by).astimezone(ZoneInfo(zone)).utcoffset() for by in (2 * _HOUR, 0 * _HOUR))
    return before is not None and now is not None and before > now


def _minutes(offset: pl.Series) -> pl.Series:
    """`Z`, `+0100`, `-05:00`, `+11`, `UTC`, `UTC+2` … in minutes east of UTC; NULL for what is ambiguous."""
    unique = offset.unique().drop_nulls()
    if unique.is_empty():
        return pl.Series([None] * len(offset), dtype=pl.Int64)
    known = {text: _minutes_of(text) for text in unique}
    return offset.replace_strict(known, default=None, return_dtype=pl.Int64)


def _minutes_of(text: str) -> int | None:
    bare = text.strip('() "').upper()
    for prefix in ("UTC", "GMT"):
        bare = bare.removeprefix(prefix) or "Z"
    if bare in _ZONES:
        return _ZONES[bare]
    sign, digits = (-1 if bare[:1] == "-" else 1), bare.lstrip("+-").replace(":", "")
    if bare[:1] not in "+-" or not digits.isdigit() or len(digits) > 4:
        return None
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    return sign * (hours * 60 + minutes) if hours <= 14 and minutes < 60 else None
