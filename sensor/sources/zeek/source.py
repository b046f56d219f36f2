"""Reads Zeek logs: conn, dns, ssl, http, quic, socks of a folder, joined by uid; and those that give leases.

Zeek writes the name of a connection (ssl, quic, http, socks) early and its volume (conn) at its end, in
different files. The naming logs are read first and kept by uid, then conn is streamed past them:

- a named connection becomes one row of kind tls, quic or http with conn's volume; an unnamed
  one a row of kind flow, which DNS may name later;
- quic, ssl, http and socks rows of one uid are one connection; quic's name counts before ssl's, ssl's
  before http's, http's before what a SOCKS proxy was asked for, whose account counts for each;
- further requests of a connection are rows of their own without volume. Where the requests of
  one connection went to several hosts (a client speaking to its proxy), no host may claim its
  volume: then each request keeps its body sizes and the connection stays unnamed;
- names without a conn row (not logged, not ended, rotated away) are rows without volume;
- connections that continue from one folder to the next (by the hour, by the day) get their names from
  the earlier folders, if these are scanned together.

At most `MAX_NAMES` names are kept; the oldest are released first, as names without volume.

dhcp, kerberos, ntlm and radius say who held an address: rows of `leases`.

Volume is payload (`orig_bytes`), `wire_bytes` what Zeek counts as IP bytes, without link headers.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import lru_cache

import polars as pl

from sensor import schema
from sensor.sources.interface import Batch, File, Input, Source
from sensor.sources.logs.lines.blocks import BLOCK_BYTES, Block, ahead, blocks
from sensor.sources.logs.rows import records
from sensor.sources.logs.text.reasons import REPEATED
from sensor.sources.zeek import logs
from sensor.sources.zeek.text import MAX_HEADERS, Text, log_of

#: Names kept for connections still to come; about 300 bytes each.
MAX_NAMES = 1_000_000
#: Rows of one batch, where names are left over at the end.
_ROWS = 200_000
#: Small files of a log are read as one, so many at most: each brings header lines of its own.
MOST_TOGETHER = MAX_HEADERS
#: Connections remembered to recognise rows that a mirrored span repeats.
RECENT_UIDS = 250_000

#: Earlier folders are read again, the newest first: as many bytes of logs (on disk) and as many files as the
#: folder itself has, but at least so many. So a scan takes twice the time at most.
BEFORE_BYTES, BEFORE_FILES = 4 << 20, 100

#: Logs that name connections.
_NAMING_LOGS = ("quic", "ssl", "http", "socks")
#: Logs that say who held an address.
_HOLDERS = ("dhcp", "kerberos", "ntlm", "radius")
#: Reading order: what names comes before what is named.
_ORDER = list(logs.READERS)
#: Columns that rows of those logs give to their connection.
_NAMING = ("host", "name_from", "path", "method", "status", "user_agent", "origin", "user_name", "ja4")
_WAITING = (
    *("seen_at", "started_at", "slice", "kind", "action", "client", "client_port"),
    *("server", "server_port", "transport", "bytes_up", "bytes_down", *_NAMING),
)


class ZeekSource(Source):
    """Reads the Zeek logs of a folder."""

    name = "zeek"
    help = (
        "Zeek conn, dns, ssl, http, quic, socks logs: TSV or JSON, joined by uid; dhcp, kerberos, ntlm, "
        "radius: who held an address; Zeek 2.6 to 8.1"
    )
    vantage = "packets"
    proof = ("host", "path", "device", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint")
    advice = (
        "Give the folder, not one file: names stand in ssl.log and quic.log, volumes in conn.log. "
        "The mac-logging policy script adds the device, the ja4 package the program's fingerprint."
    )

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By a TSV header or a JSON line of a log in `WANTED`."""
        return 0.99 if log_of(head) else 0.0

    @classmethod
    def group(cls, files: Sequence[File]) -> list[tuple[File, ...]]:
        """Groups the logs of each folder, in the order in which they are read."""
        folders: dict[str, list[File]] = {}
        for file in files:
            folders.setdefault(os.path.dirname(file.name), []).append(file)  # noqa: PTH120 - once per file
        return [tuple(sorted(folders[name], key=_place)) for name in sorted(folders)]

    @classmethod
    def before(cls, groups: Sequence[tuple[File, ...]]) -> list[tuple[File, ...]]:
        """For each folder, the logs that name connections in the folders beside it that come before."""
        naming: list[list[File]] = []
        for group in groups:
            naming.append([file for file in group if _log(file) in _NAMING_LOGS])
        return [
            _newest(
                (naming[nth] for nth in range(at - 1, -1, -1) if _above(groups[nth]) == _above(group)),
                max(BEFORE_BYTES, sum(file.size or 0 for file in group)),
                max(BEFORE_FILES, len(group)),
            )
            for at, group in enumerate(groups)
        ]

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per block of a log; names without a connection come with the last one."""
        names = [_log(file) for file in source_input.files]
        reader = _Reader(waits=_must_wait(names))
        if "conn" in names:
            reader.recall(source_input.before)
        held: tuple[int, dict[str, pl.DataFrame]] | None = None
        position = 0
        for log, files in itertools.groupby(source_input.files, key=_log):
            if log is None:  # only files that were recognised get here
                continue
            for end, tables in _tables(files, position, log, reader):
                if held is not None:
                    yield Batch(*held)
                position, held = end, (end, tables)
        if held is not None:
            tables = held[1]
            # A million names in one frame would need more memory than all that came before.
            left = reader.names.unclaimed()
            first = pl.concat([tables["observations"], left.head(_ROWS)])
            yield Batch(position, tables | {"observations": first}, is_part=left.height > _ROWS)
            for begin in range(_ROWS, left.height, _ROWS):
                rows = left.slice(begin, _ROWS)
                yield Batch(position, {"observations": rows}, is_part=begin + _ROWS < left.height)


def _must_wait(names: Sequence[str | None]) -> bool:
    """True if rows that name connections have to wait for those of another log."""
    return "conn" in names or len(set(_NAMING_LOGS) & set(names)) > 1


def _above(group: tuple[File, ...]) -> str:
    """The folder above that of a group."""
    return os.path.dirname(os.path.dirname(group[0].name))  # noqa: PTH120 - names need not be paths


def _newest(folders: Iterable[list[File]], most_bytes: int, most_files: int) -> tuple[File, ...]:
    """Files of `folders`, the newest first, so many bytes and files at most; in the order of reading."""
    taken: list[File] = []
    size = 0
    for file in (file for files in folders for file in sorted(files, key=lambda file: file.name)[::-1]):
        size += file.size or 0
        if size > most_bytes or len(taken) == most_files:
            break
        taken.append(file)
    return tuple(sorted(taken, key=_place))


@lru_cache(maxsize=100_000)
def _log(file: File) -> str | None:
    """The log that a file is. Found out once: heads are not kept where there are many files."""
    return log_of(file.head)


def _place(file: File) -> tuple[int, str]:
    log = _log(file)
    return (_ORDER.index(log) if log else len(_ORDER), file.name)


def _tables(
    files: Iterable[File], start: int, log: str, reader: _Reader
) -> Iterator[tuple[int, dict[str, pl.DataFrame]]]:
    """Tables of each block of files of one log that begin at byte `start` of the input, with its end."""
    text = Text(log)
    with closing(ahead(_chained(files, start))) as coming:
        for block in coming:
            rows = logs.READERS[log](text.read(block))
            yield block.end, reader.tables(log, records.sampled(rows, block), block)


def _chained(files: Iterable[File], start: int) -> Iterator[Block]:
    """The blocks of one file after the other, as places of the input; those of small files as one, because
    Zeek rotates by the hour, and each block costs hundreds of steps."""
    held: list[Block] = []
    for file in files:
        end = start
        with file.open() as stream:
            for block in blocks(stream):
                end = start + block.end
                placed = replace(block, start=start + block.start, end=end)
                if held and not (block.start == 0 and _go_together(held, placed)):
                    yield _joined(held)
                    held = []
                held.append(placed)
        start = end
    if held:
        yield _joined(held)


def _go_together(held: list[Block], block: Block) -> bool:
    """True if `block` can be read after `held` as if all were one file, with every line at its place."""
    last = held[-1]
    is_plain = last.fault is None and len(last.text) == last.end - last.start and last.text.endswith(b"\n")
    are_alike = (block.text[:1] == b"{") == (last.text[:1] == b"{") and block.overlong is None
    size = sum(len(one.text) for one in held) + len(block.text)
    return is_plain and are_alike and size <= BLOCK_BYTES and len(held) < MOST_TOGETHER


def _joined(held: list[Block]) -> Block:
    if len(held) == 1:
        return held[0]
    return replace(held[-1], start=held[0].start, text=b"".join(block.text for block in held))


class _Reader:
    """What is remembered from block to block: names by uid, and the latest uids of conn."""

    def __init__(self, *, waits: bool) -> None:
        """`waits`: names are kept until their connection, or a better name of it, has come."""
        self._waits = waits
        self.names = _Names()
        self._recent = pl.Series("uid", [], dtype=pl.UInt64)

    def tables(self, log: str, read: pl.DataFrame, block: Block) -> dict[str, pl.DataFrame]:
        """Observations, answers, coverage and rejects of the rows of one block."""
        if log == "conn" or (log in ("ssl", "quic", "socks") and not self._waits):
            read = self._once(read)
        used = read.filter(pl.col("reason").is_null())
        lines = records.complete(_records(read), block)
        rejected, coverage = records.rejects(lines, block), records.coverage(lines)
        if log in _HOLDERS:
            held = logs.leases(read)
            nothing = schema.OBSERVATIONS.empty()
            return {"observations": nothing, "leases": held, "coverage": coverage, "rejects": rejected}
        if log == "conn":
            flows = self.names.claim(used)
            coverage = _added(coverage, _flows(flows))
            return {"observations": _observed(flows), "coverage": coverage, "rejects": rejected}
        if log == "dns" or not self._waits:
            answers = {"answers": logs.answers(read)} if log == "dns" else {}
            return {"observations": _observed(used), **answers, "coverage": coverage, "rejects": rejected}
        evicted = self.names.keep(used)
        coverage = _added(coverage, _evictions(evicted))
        return {"observations": evicted, "coverage": coverage, "rejects": rejected}

    def recall(self, files: Sequence[File]) -> None:
        """Remember the names in logs that were read before; they are not observed again."""
        for log, some in itertools.groupby(files, key=_log):
            if log is None:
                continue
            text = Text(log)
            with suppress(OSError):
                for block in _chained(some, 0):
                    rows = logs.READERS[log](text.read(block))
                    self.names.recall(rows.filter(pl.col("reason").is_null()))

    def _once(self, read: pl.DataFrame) -> pl.DataFrame:
        """Rows of conn whose uid came before (a mirror port that repeats itself) are set aside."""
        known = pl.col("uid").is_in(self._recent.implode()) | ~pl.col("uid").is_first_distinct()
        again = known & pl.col("reason").is_null()
        self._recent = pl.concat([self._recent, read["uid"]]).tail(RECENT_UIDS)
        return read.with_columns(reason=pl.when(again).then(pl.lit(REPEATED)).otherwise(pl.col("reason")))


class _Names:
    """Rows of ssl, quic, http and socks, waiting for the conn row of their uid."""

    def __init__(self) -> None:
        self._waiting: list[pl.DataFrame] = []
        self._recalled: list[pl.DataFrame] = []
        self._claimed: list[pl.DataFrame] = []
        self._first: pl.DataFrame | None = None
        self._further: pl.DataFrame | None = None

    def keep(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Remember `rows`; the oldest that no longer fit are returned as observations."""
        self._waiting.append(rows.select("uid", "rank", *_waiting_columns(rows)))
        evicted = []
        while sum(part.height for part in self._waiting) > MAX_NAMES:
            evicted.append(self._waiting.pop(0))
        return _observed(pl.concat(evicted)) if evicted else schema.OBSERVATIONS.empty()

    def recall(self, rows: pl.DataFrame) -> None:
        """Remember `rows` for their connections only; the oldest that no longer fit are forgotten."""
        self._recalled.append(rows.select("uid", "rank", *_waiting_columns(rows)))
        while sum(part.height for part in self._recalled) > MAX_NAMES:
            self._recalled.pop(0)

    def claim(self, flows: pl.DataFrame) -> pl.DataFrame:
        """`flows` (rows of conn) with what is known of their uid."""
        first = self._known()
        if first.is_empty():
            nothing = (pl.lit(None, dtype=_WAITING_TYPES[name]).alias(name) for name in _NAMING)
            return flows.with_columns(nothing)
        self._claimed.append(flows.select("uid"))
        known = first.select("uid", *_NAMING, named="kind", refused="action")
        refused = pl.when(pl.col("refused").is_in(["blocked", "reset"])).then("refused")
        return flows.join(known, on="uid", how="left", maintain_order="left").with_columns(
            kind=pl.coalesce("named", "kind"), action=refused.otherwise(pl.col("action"))
        )

    def unclaimed(self) -> pl.DataFrame:
        """What is left at the end: names without a conn row, and further requests of a connection.

        A claimed connection's volume is conn's; its further requests keep theirs only where the
        connection could not be given to one host.
        """
        first, further = self._settled()
        if first.is_empty() and further.is_empty():
            return schema.OBSERVATIONS.empty()
        claimed = pl.concat(self._claimed) if self._claimed else first.select("uid").clear()
        counted = pl.col("uid").is_in(claimed["uid"].implode()) & ~pl.col("several")
        sizes = [pl.when(~counted).then(name).alias(name) for name in ("bytes_up", "bytes_down")]
        left = first.join(claimed, on="uid", how="anti", maintain_order="left")
        return pl.concat([_observed(left), _observed(further.with_columns(sizes))])

    def _known(self) -> pl.DataFrame:
        """The row that names each uid, also of those recalled."""
        first, _ = self._settled()
        if self._recalled:
            earlier, _ = _settle(pl.concat(self._recalled))
            self._recalled = [earlier.drop("several").join(first, on="uid", how="anti")]
            return pl.concat([first, *self._recalled], how="diagonal")
        return first

    def _settled(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The row that names each uid, and the further http requests (with `several` hosts or not)."""
        if self._first is None or self._further is None:
            empty = [pl.DataFrame(schema={"uid": pl.UInt64, "rank": pl.Int64, **_WAITING_TYPES})]
            self._first, self._further = _settle(pl.concat(self._waiting or empty))
            self._waiting = []
        return self._first, self._further


def _settle(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split `rows` into the one that names each uid and further requests; repeats are dropped.

    A row without a name ranks after every row with one. Several hosts on one connection: none of
    them names it, so all its rows are further requests.
    """
    if (asked := rows.filter(pl.col("rank") == logs.SOCKS_RANK, pl.col("user_name").is_not_null())).height:
        accounts = asked.group_by("uid").agg(account=pl.col("user_name").first())
        rows = rows.join(accounts, on="uid", how="left", maintain_order="left")
        rows = rows.with_columns(user_name=pl.coalesce("user_name", "account")).drop("account")
    rank = pl.col("rank") + pl.col("host").is_null().cast(pl.Int64) * 10
    best = rows.filter(rank == rank.min().over("uid"))
    best = best.with_columns(several=pl.col("host").n_unique().over("uid") > 1)
    leads = pl.col("uid").is_first_distinct() & ~pl.col("several")
    return best.filter(leads), best.filter(~leads, pl.col("kind") == "http")


#: DNS, NetBIOS name service, mDNS, LLMNR
_RESOLVER_PORTS = (53, 137, 5353, 5355)
#: Multicast, and the limited broadcast.
_GROUP = r"^(?:22[4-9]\.|23\d\.|255\.255\.255\.255$|ff[0-9a-f]{2}:)"

_WAITING_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    name: dtype for name, dtype in schema.OBSERVATIONS.dtypes.items() if name in _WAITING
}


def _waiting_columns(rows: pl.DataFrame) -> list[pl.Expr]:
    """The columns of `_WAITING_TYPES`, NULL where this log has none."""
    return [
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _WAITING_TYPES.items()
    ]


def _observed(rows: pl.DataFrame) -> pl.DataFrame:
    return schema.OBSERVATIONS.conform(rows)


def _records(read: pl.DataFrame) -> pl.DataFrame:
    """Each row as a record for coverage and rejects."""
    return read.select(
        "at",
        "offset",
        "bytes",
        "reason",
        rejected=pl.col("reason").eq_missing(logs.UNREADABLE),
        line=pl.when(pl.col("reason").is_not_null()).then("line"),
    )


def _flows(flows: pl.DataFrame) -> pl.DataFrame:
    """Coverage of conn rows: connections per minute of their start, and how much of them was seen.

    Conversations with resolvers are left out: they ask for names and have none. So is what goes to a group:
    it has neither a name nor another direction.
    """
    one_sided = (pl.col("packets_up") == 0) | (pl.col("packets_down") == 0)
    is_none = pl.col("server_port").is_in(_RESOLVER_PORTS), pl.col("server").str.contains(_GROUP)
    connections = flows.filter(~pl.any_horizontal(is_none).fill_null(False))
    return connections.group_by(minute=pl.col("at").dt.truncate("1m")).agg(
        pl.len().cast(pl.Int64).alias("flows"),
        pl.col("host").count().cast(pl.Int64).alias("named_flows"),
        one_sided.sum().cast(pl.Int64).alias("one_sided_flows"),
        pl.col("lost_bytes").sum(),
    )


def _evictions(evicted: pl.DataFrame) -> pl.DataFrame:
    """Coverage of names that had to go before their connection was read."""
    return evicted.group_by(minute=pl.col("seen_at").dt.truncate("1m")).agg(
        pl.len().cast(pl.Int64).alias("names_lost")
    )


def _added(coverage: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """`coverage` with the counts of `more`, minute by minute."""
    return coverage.join(more, on="minute", how="full", coalesce=True).sort("minute")
