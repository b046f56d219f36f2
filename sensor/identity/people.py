"""Reads people from a CSV file: the addresses they hold, and their departments.

Tokens change with the epoch, so every epoch in the data gets its own rows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from sensor import schema
from sensor.errors import UsageError
from sensor.identity.scope import parse_address
from sensor.identity.tables import Problems, columns

REQUIRED = ("address", "user_name")
HEADS = {
    "address": ("ip", "ip address"), "user_name": ("user", "account", "login"),
    "device": ("host", "hostname"), "department": ("dept",), "site": (), "mac": (),
    "valid_from": ("from",), "valid_to": ("to",), "shared": (),
}  # fmt: skip
ORIGIN = "csv"
#: a manually kept file is rarely wrong, but may be out of date
CONFIDENCE = 0.9
#: What began before an epoch begins within the first second of it (privacy/rotation.py does so, too).
_BEGIN_WITHIN_US = 1_000_000
_ACCOUNTS = "a list of accounts and their departments goes into [identity] directory"
_NO_ADDRESS = "the address is none"
_NO_DATE = "valid_from or valid_to is no date like 2026-11-01 or 2026-11-01T08:00:00"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#: Texts of IPv4 addresses as most files write them: they need not be parsed.
_CANONICAL = rf"^(?:{_OCTET}\.){{3}}{_OCTET}$"
_YES = ("1", "yes", "true", "y")


def read(path: Path, problems: Problems | None = None, zone: str = "UTC") -> pl.DataFrame:
    """The CSV file as a frame of the columns HEADS, String or (valid_from, valid_to) a time; one row per
    address held.

    Times without an offset are those of `zone` (IANA): a day begins at its midnight. Invalid lines go to
    `problems`. Raises UsageError for a missing column, or if no line is valid.
    """
    collected = Problems() if problems is None else problems
    before = collected.count
    told = columns(path, HEADS, REQUIRED, collected, _ACCOUNTS)
    dates = ("valid_from", "valid_to")
    found = told.with_columns(_addresses(told["address"]), *(_moments(told[name], zone) for name in dates))
    no_address = found["address"].is_null()
    no_date = pl.any_horizontal(found[name].is_null() & told[name].is_not_null() for name in dates)
    faulty = told.select("line", no_address=no_address, no_date=no_date).filter(
        pl.any_horizontal("no_address", "no_date")
    )
    for line, is_none, _ in faulty.iter_rows():
        collected.add(path, line, _NO_ADDRESS if is_none else _NO_DATE)
    frame = found.filter(~no_address, ~no_date).select(*HEADS)
    if collected.count > before and frame.is_empty():
        place, _, what = collected.listed[-1].rpartition(": ")
        raise UsageError(f"no line can be used; {what}", place=place, hint="one address per line")
    return frame.with_columns(pl.col("user_name", "device", "shared").str.to_lowercase())


def leases(people: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """`people` (from `read`) as rows of the table `leases`, clipped to one epoch [begin, end), in clear.

    An address that several people hold at the same time is marked as shared, and attributed to none of them.
    """
    held = _held(people, begin, end).with_columns(
        pl.lit(ORIGIN).alias("origin"), pl.lit(CONFIDENCE).alias("confidence")
    )
    together = pl.col("user_name").n_unique().over("site", "address", "valid_from", "valid_to") > 1
    return schema.LEASES.conform(
        held.with_columns(shared=pl.col("shared").is_in(_YES).fill_null(False) | together)
    )


def directory(people: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """`people` as rows of the table `directory` for one epoch [begin, end), in clear.

    An account has the department of its first line from the beginning, and that of a line with a date from
    then on.
    """
    named = people.filter(pl.col("user_name").is_not_null())
    held = _held(named, begin, end)
    earliest = held.reverse().sort("valid_from", maintain_order=True)
    others = named.reverse().drop("valid_from", "valid_to")
    first = pl.concat([earliest, others], how="diagonal").unique(
        "user_name", keep="first", maintain_order=True
    )
    always = first.with_columns(
        valid_from=pl.lit(begin, dtype=schema.TIME), valid_to=pl.lit(end, dtype=schema.TIME)
    )
    dated = held.filter(pl.col("valid_from") > begin).unique(
        ("user_name", "valid_from"), keep="last", maintain_order=True
    )
    nothing = pl.lit(None, dtype=pl.String)
    accounts = pl.concat([always, dated]).with_columns(device=nothing, mac=nothing)
    mine = ~pl.col("shared").is_in(_YES).fill_null(False)
    owners = held.filter(mine, pl.any_horizontal(pl.col("device", "mac").is_not_null()))
    return schema.DIRECTORY.conform(
        pl.concat([accounts, owners.with_columns(confidence=CONFIDENCE)], how="diagonal").with_columns(
            pl.lit(ORIGIN).alias("origin"), pl.lit("person").alias("kind")
        )
    )


def _held(people: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """The lines that hold within the epoch [begin, end), with their times in it, and `closed`.

    A line without `valid_from` begins where the previous such line of its address ends. What began before the
    epoch begins within its first second, in the order in which it really began: of two holders of an address
    the later one counts, as it does within an epoch.
    """
    told = people.with_columns(since="valid_from", until="valid_to")
    ordered = told.sort("until", nulls_last=True, maintain_order=True)
    until, before = pl.col("until"), pl.col("until").shift()
    ended = pl.when(before.ne_missing(until)).then(before).forward_fill()
    since = pl.coalesce("since", ended.over("site", "address", pl.col("since").is_null()))
    age = since.dt.epoch("us") / pl.lit(begin, dtype=schema.TIME).dt.epoch("us")
    order = (age.clip(0) * _BEGIN_WITHIN_US).clip(1, _BEGIN_WITHIN_US).fill_null(0).cast(pl.Int64)
    first = pl.lit(begin, dtype=schema.TIME) + pl.duration(microseconds=order)
    return ordered.with_columns(
        pl.max_horizontal(first, since).cast(schema.TIME).alias("valid_from"),
        pl.min_horizontal(pl.lit(end, dtype=schema.TIME), until).alias("valid_to"),
        # An end that is written into the file later replaces the end of the epoch.
        (until <= pl.lit(end, dtype=schema.TIME)).alias("closed"),
    ).filter(pl.col("valid_from") < pl.col("valid_to"))


def _addresses(texts: pl.Series) -> pl.Series:
    """The addresses in canonical form; NULL for other text."""
    text = pl.col(texts.name)
    is_canonical = text.str.contains(_CANONICAL)
    parsed = pl.when(~is_canonical).then(text).map_elements(_address, return_dtype=pl.String)
    return texts.to_frame().select(pl.when(is_canonical).then(text).otherwise(parsed)).to_series()


def _address(text: str) -> str | None:
    address = parse_address(text)
    return None if address is None else str(address)


def _moments(texts: pl.Series, zone: str) -> pl.Series:
    """The dates or times, in UTC; NULL for other text."""
    known = {text: _moment_of(text, zone) for text in texts.drop_nulls().unique()}
    return texts.replace_strict(known, default=None, return_dtype=schema.TIME)


def _moment_of(text: str, zone: str) -> datetime | None:
    """An ISO 8601 date or time, in UTC; of `zone` if it has no offset."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=moment.tzinfo or ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
