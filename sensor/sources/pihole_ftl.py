"""Reads Pi-hole's long-term database `pihole-FTL.db`: all lookups, and which device held which address.

The SQLite file is opened read-only and `immutable`, so that a running FTL is never disturbed; what is still
in its write-ahead log is read the next time. The table `queries` (since FTL 5.12 a view on `query_storage`)
gives observations of kind dns, `client_by_id` the name that their client had then, `network` and
`network_addresses` give leases. These say who has an address now and when it was last seen there, not since
when: `firstSeen` is the device's, whatever its address was then. So a lease begins no earlier than the day
before.

SQLite itself writes each stretch of rows as JSON lines, so that no row becomes a Python object. A file may be
hostile: its views run with limits on virtual machine steps and text length.

Meaning of the numbers: Pi-hole documentation, "Query database".
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import polars as pl

from sensor import schema
from sensor.sources.inputs.open import on_disk
from sensor.sources.interface import Batch, File, Input, Source
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.rows import records
from sensor.sources.logs.text import hosts
from sensor.sources.logs.text.reasons import HIDDEN, REVERSE

UNREADABLE = "no time or no name"

ROWS = 50_000
#: SQLite steps a stretch of rows may take (about a minute), and the longest text it may make.
MAX_STEPS, _STEPS_EACH = 20_000_000_000, 1_000_000
_TEXT_BYTES = 256 << 20
_MAGIC = b"SQLite format 3\x00"
_TELLING = (
    b"query_storage",
    b"domain_by_id",
    b"network_addresses",
    b"CREATE TABLE ftl",
    b"CREATE TABLE queries",
)

_LOOKUPS = """
select group_concat(line, char(10)), count(*), max(id) from (
  select id, json_object('at', cast(timestamp as real), 'type', cast(type as integer),
    'status', cast(status as integer), 'host', cast(domain as text), 'client', cast(client as text),
    'device', cast({device} as text), 'reply', cast({reply} as integer)) as line
  from queries q where id > ? order by id limit ?)
"""
#: The name of a lookup's client, where the database keeps one for each name that an address had.
_NAMED = "(select c.name from query_storage s join client_by_id c on c.id = s.client where s.id = q.id)"
_KEEPS_NAMES = """
select '', count(*), 0 from sqlite_master where type = 'table' and name in ('query_storage', 'client_by_id')
"""
#: What was answered, as newer versions keep it.
_KEEPS_REPLIES = "select '', count(*), 0 from pragma_table_info('queries') where name = 'reply_type'"
_DEVICES = """
select group_concat(json_object('address', cast(a.ip as text), 'device', cast(a.name as text),
    'mac', cast(n.hwaddr as text), 'first', cast(n.firstSeen as real),
    'last', cast(a.lastSeen as real)), char(10))
from network_addresses a join network n on n.id = a.network_id
"""
_LOOKUP = {
    "at": pl.Float64(),
    "type": pl.Int64(),
    "status": pl.Int64(),
    "host": pl.String(),
    "client": pl.String(),
    "device": pl.String(),
    "reply": pl.Int64(),
}
_DEVICE = dict.fromkeys(("address", "device", "mac"), pl.String()) | dict.fromkeys(
    ("first", "last"), pl.Float64()
)

#: Gravity, regex, exact, upstream (6 to 8, 18), a CNAME of these (9 to 11), database busy, special domain.
_BLOCKED = (1, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 18)
#: Forwarded, cached (3, 17), retried (12, 13), already being forwarded.
_ALLOWED = (2, 3, 12, 13, 14, 17)
#: Replies that refuse, whoever gave them: NXDOMAIN, REFUSED (text/lookups.py).
_REFUSED = (2, 8)
#: FTL's own numbers of question types.
_TYPES = dict(
    enumerate(
        (
            "A", "AAAA", "ANY", "SRV", "SOA", "PTR", "TXT", "NAPTR", "MX", "DS", "RRSIG", "DNSKEY", "NS",
            "OTHER", "SVCB", "HTTPS",
        ),
        1,
    )
)  # fmt: skip
_PTR = 6
#: FTL looks for devices every minute. A device that it no longer sees is taken to be gone after this long.
_HELD_S = 3600
#: Nor does it record since when: a lease begins no earlier than the day that was this long before.
_SINCE_S = 86_400
_CONFIDENCE = 0.7


class PiholeFtlSource(Source):
    """Reads Pi-hole's SQLite database."""

    name = "pihole-ftl"
    help = "Pi-hole pihole-FTL.db (SQLite; Pi-hole 4 to 6): lookups, verdicts, devices"
    vantage = "dns"
    proof = ("host", "device", "action")
    advice = (
        "Lookups prove interest, not use, and carry no bytes. At privacy levels above 0 FTL hides names or "
        "clients: such rows are set aside."
    )

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By an SQLite header and a schema with the tables of FTL."""
        known = sum(word in head for word in _TELLING)
        return 0.99 if head.startswith(_MAGIC) and b"queries" in head and known >= 2 else 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per stretch of lookups; positions count rows."""
        (file,) = source_input.files
        position, last, fault = 0, -1, None
        with _connected(file) as database:
            named = _ask(database, _KEEPS_NAMES).rows == 2
            replies = _ask(database, _KEEPS_REPLIES).rows == 1
            lookups = _LOOKUPS.format(
                device=_NAMED if named else "null", reply="q.reply_type" if replies else "null"
            )
            while fault is None:
                answer = _ask(database, lookups, (last, ROWS))
                fault = answer.fault
                if not answer.rows:
                    break
                position, last = position + answer.rows, answer.newest
                yield Batch(position, _lookups(answer.lines, answer.rows))
            devices = _ask(database, _DEVICES)
        block = Block(position, position, b"", fault=fault or devices.fault)
        nothing = pl.DataFrame(schema=records.RECORD)
        yield Batch(
            position + 1, {"leases": _leases(devices.lines), "rejects": records.rejects(nothing, block)}
        )


@contextmanager
def _connected(file: File) -> Iterator[sqlite3.Connection]:
    """The database of `file`, to be read and no more."""
    with on_disk(file) as path:
        database = sqlite3.connect(f"file:{quote(str(Path(path).absolute()))}?mode=ro&immutable=1", uri=True)
        try:
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _TEXT_BYTES)
            yield database
        finally:
            database.close()


class _Answer(NamedTuple):
    """The result of a query."""

    #: JSON objects, one per line
    lines: str = ""
    rows: int = 0
    #: the greatest id
    newest: int = 0
    #: why the query failed, if it did
    fault: str | None = None


def _ask(database: sqlite3.Connection, question: str, values: tuple[int, ...] = ()) -> _Answer:
    """The answer of the database, within MAX_STEPS steps of its program."""
    left = MAX_STEPS // _STEPS_EACH

    def spend() -> bool:
        nonlocal left
        left -= 1
        return left <= 0

    database.set_progress_handler(spend, _STEPS_EACH)
    try:
        text, *numbers = database.execute(question, values).fetchone()
    except sqlite3.Error as error:
        return _Answer(fault=f"the database cannot be read ({error})")
    count, newest = numbers or (0, 0)
    return _Answer(text or "", int(count or 0), int(newest or 0))


def _rows(text: str, asked: Mapping[str, pl.DataType]) -> pl.DataFrame:
    if not text:
        return pl.DataFrame(schema=asked)
    return pl.read_ndjson(io.BytesIO(text.encode()), schema=asked, ignore_errors=True)


def _lookups(text: str, count: int) -> dict[str, pl.DataFrame]:
    """Observations, coverage and rejects of a stretch of `queries`."""
    rows = _rows(text, _LOOKUP)
    rows = rows.with_columns(pl.select(records.epoch(rows["at"])).to_series(), asked=pl.col("host"))
    rows = hosts.once(rows, "host", hosts.normalise(pl.col("host")))
    rows = hosts.once(rows, "client", hosts.address(pl.col("client")))
    rows = rows.with_columns(reason=_reason())
    entries = rows.select(
        "at",
        "reason",
        offset=pl.int_range(pl.len(), dtype=pl.Int64),
        bytes=pl.lit(0, dtype=pl.Int64),
        rejected=pl.col("reason").eq_missing(UNREADABLE),
        line=pl.when(pl.col("reason").is_not_null()).then("asked"),
    )
    status = pl.col("status")
    return {
        "observations": rows.filter(pl.col("reason").is_null()).select(
            pl.col("at").alias("seen_at"),
            "host",
            "client",
            device=_told("device"),
            kind=pl.lit("dns"),
            name_from=pl.lit("qname"),
            qtype=pl.col("type").replace_strict(_TYPES, default=None, return_dtype=pl.String),
            action=pl.when(status.is_in(_BLOCKED) | pl.col("reply").is_in(_REFUSED).fill_null(False))
            .then(pl.lit("blocked"))
            .when(status.is_in(_ALLOWED))
            .then(pl.lit("allowed"))
            .otherwise(pl.lit("unknown")),
        ),
        "coverage": records.coverage(entries),
        "rejects": records.rejects(entries, Block(0, count, b"")),
    }


def _reason() -> pl.Expr:
    unread = pl.col("at").is_null() | pl.col("asked").is_null()
    reverse = (pl.col("type") == _PTR) | pl.col("host").str.ends_with(".arpa")
    return (
        pl.when(unread)
        .then(pl.lit(UNREADABLE))
        .when(reverse.fill_null(False))
        .then(pl.lit(REVERSE))
        .when(pl.col("host").is_null())
        .then(pl.lit(HIDDEN))
    )


def _leases(text: str) -> pl.DataFrame:
    """Which device held which address when FTL last saw it there."""
    rows = _rows(text, _DEVICE)
    rows = rows.with_columns(
        pl.col("address").pipe(hosts.address),
        first=pl.select(records.epoch(rows["first"])).to_series(),
        since=pl.select(records.epoch(rows["last"] - _SINCE_S)).to_series().dt.truncate("1d"),
        valid_to=pl.select(records.epoch(rows["last"] + _HELD_S)).to_series(),
        mac=pl.col("mac").str.to_lowercase().str.extract(r"^((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$"),
        device=_told("device"),
    ).with_columns(
        pl.col("mac").replace("00:00:00:00:00:00", None), valid_from=pl.max_horizontal("first", "since")
    )
    seen = (pl.col("last") > 0) & pl.col("address").is_not_null()
    known = pl.col("mac").is_not_null() | pl.col("device").is_not_null()
    return schema.LEASES.conform(
        rows.filter(seen & known).with_columns(
            origin=pl.lit("dhcp"), confidence=pl.lit(_CONFIDENCE), shared=pl.lit(False)
        )
    )


def _told(name: str) -> pl.Expr:
    return pl.when(pl.col(name).str.len_chars() > 0).then(name)
