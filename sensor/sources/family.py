"""What a log format declares, and the room that does everything else for it.

A family says which lines are its own (`claims`) and turns them into `FIELDS` (`parse`, pure and
columnar). This module reads blocks, peels envelopes, gives each line to the family that claims it,
finishes the fields (addresses, names, times, actions), and yields the batches.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

import polars as pl

from sensor import schema
from sensor.sources import finish, headers, records, scanner
from sensor.sources.flows import Pairs
from sensor.sources.framing import Framing, framed
from sensor.sources.interface import Batch, Input, Source
from sensor.sources.leases import LeaseTracker
from sensor.sources.lines import Block, ahead, blocks
from sensor.sources.sessions import Sessions
from sensor.sources.sorting import Sorter, framing_of, shares

#: Of a file that has grown, so much before what is new is read again: what its lines began (sessions,
#: one-way records, leases, lookups) goes on. What was silent for longer begins anew.
REPLAY_BYTES = 64 * 1024 * 1024
#: A file is a family's if at least this share of its first lines is; the rest may be other families'.
SHARE = 0.05

TEXT, WHOLE = pl.String(), pl.Int64()
#: What `parse` may return; all optional, NULL or absent where the line does not say. Text may be raw.
FIELDS: dict[str, tuple[pl.DataType, str]] = {
    # --- which record it is from; needed only where one record gives none or several rows
    "row": (WHOLE, "number of the record, from 0; absent: row n is record n"),
    "reason": (TEXT, "why it is no observation: `set aside: …` on purpose, else it could not be read"),
    # --- time
    "time": (TEXT, "the stamp as written (formats: text/stamps.py); NULL: the envelope's"),
    "zone": (TEXT, "offset or zone name of the stamp, where another field says it"),
    "at": (schema.TIME, "the time, where the family reads it itself"),
    "at_end": (pl.Boolean(), "the stamp is the end: `duration_s` is subtracted"),
    "duration_s": (pl.Float64(), "how long it lasted"),
    "ended": (TEXT, "the stamp of its end, where `time` is its beginning; gives `duration_s`"),
    # --- what it is
    "kind": (TEXT, "dns, tls, quic, http, proxy, flow; or `lease`: it tells who held an address"),
    "action": (TEXT, "allowed, blocked … or the product's own word (text/verdicts.py)"),
    # --- who
    "client": (TEXT, "address of who asked or connected"),
    "client_port": (WHOLE, ""),
    "client_mac": (TEXT, ""),
    "user_name": (TEXT, "account as written; machine accounts become `device`"),
    "device": (TEXT, "host name of the client"),
    # --- what for
    "url": (TEXT, "URL, with or without scheme, or host:port; gives host, path, server, server_port"),
    "url_rest": (TEXT, "path of `url` without query, where the family has cut it off"),
    "host": (TEXT, "a bare name: question, SNI, URL host"),
    "name_from": (TEXT, "qname, sni, quic_sni, http_host, url, certificate, address …; default by kind"),
    "path": (TEXT, "URL path, query string allowed (it is dropped)"),
    "method": (TEXT, ""),
    "status": (WHOLE, "HTTP status"),
    "user_agent": (TEXT, ""),
    "model": (TEXT, "AI model the request names (text/models.py)"),
    "mcp_methods": (TEXT, "MCP methods it calls, comma separated"),
    "mcp_client": (TEXT, "what an MCP client calls itself"),
    "mcp_server": (TEXT, "what an MCP server calls itself"),
    "mcp_tools": (TEXT, "MCP tools by name, each with its calls: `search=2,read=0`"),
    "mcp_version": (TEXT, "MCP protocol version it names"),
    "cname": (TEXT, "last name of a CNAME chain"),
    "ja4": (TEXT, ""),
    "server": (TEXT, "address of the origin server, never a proxy's; of a lookup, the resolver's"),
    "server_port": (WHOLE, ""),
    "transport": (TEXT, "tcp or udp; protocol numbers 6 and 17 are understood"),
    "software": (TEXT, "what the server says it runs, lower case: `server: llama.cpp`, names of x- headers"),
    "tunnel": (TEXT, ""),
    "key_type": (TEXT, "of an AI key, where the family itself has taken it out (else the line is looked at)"),
    "key_print": (TEXT, "its fingerprint (decode/keys.py)"),
    "decrypted": (pl.Boolean(), "was inside TLS; default: so says the scheme of `url`"),
    # --- how much (client's view: up is what the client sent)
    "bytes_up": (WHOLE, ""),
    "bytes_down": (WHOLE, ""),
    "packets_up": (WHOLE, ""),
    "packets_down": (WHOLE, ""),
    # --- DNS answers, for naming later flows
    "answers": (pl.List(TEXT), "addresses told to the client"),
    "ttl_s": (WHOLE, ""),
    # --- sessions told in several lines (sessions.py); absent: every line stands for itself
    "session": (TEXT, "what the lines of one session have in common"),
    "phase": (
        TEXT,
        "`begin` (opens it), `name`, `update`, `end`: bytes are those of the session so far; `delta`, "
        "`end-delta`: bytes are those since the line before",
    ),
    "total_bytes_up": (WHOLE, "bytes of the session so far, beside those of a `delta`"),
    "total_bytes_down": (WHOLE, ""),
    # --- one-way records (flows.py)
    "one_way": (pl.Boolean(), "only what client sent to server; the way back is a record of its own"),
    "eye": (TEXT, "which interface, exporter or end saw it: several may report one and the same record"),
    # --- leases (kind `lease`); the address is `client`
    "lease_from": (schema.TIME, "first moment; NULL: the time of the line"),
    "lease_to": (schema.TIME, "first moment it no longer holds; NULL: open"),
    "lease_s": (pl.Float64(), "how long it holds, where the line says that instead"),
    "closes": (
        pl.Boolean(),
        "the holder let go at `lease_to` (NULL: the time of the line): leases told before end, too",
    ),
    "origin": (
        TEXT,
        "of a lease: dhcp, directory, vpn, radius, proxy …; default: the family's vantage. Of a request: its "
        "Origin header, by which browser add-ons are known",
    ),
    "confidence": (pl.Float64(), ""),
    "shared": (pl.Boolean(), "more than one person behind the address"),
}


@dataclass(frozen=True)
class Cut:
    """Lines of a block that were read by the compiled scanner, and the others."""

    #: `FIELDS`, one row a plain line; text may be Categorical
    parsed: pl.DataFrame
    #: offset (in the block's text) and bytes of these
    places: pl.DataFrame
    #: line, offset, bytes of what is left for `parse`
    odd: pl.DataFrame


class Family(Source):
    """One log format in all its versions. Subclasses declare; see formats/README.md."""

    #: which lines are mine: a cheap expression over `line` (peeled) and `tag` (the syslog program)
    claims: ClassVar[pl.Expr]
    #: texts in lower case: every line it claims (or its tag) and every header of its own holds one of them in
    #: any case; looked for first, as that costs a hundredth of `claims`; none: it is always asked
    marks: ClassVar[tuple[str, ...]] = ()
    #: True for normalised schemas (ECS, OCSF, plain CEF …) that any product's lines may look like
    generic: ClassVar[bool] = False
    #: regular expression of the lines that say what the next ones hold (CSV header, `#Fields:`)
    header: ClassVar[str] = ""
    #: where its stamps without an offset are local, whatever the settings say
    own_zone: ClassVar[str | None] = None
    #: its bytes include headers, where it counts packets, too
    counts_headers: ClassVar[headers.Layer | None] = None
    #: how its records are found, where one is more than a line (framing.py); JSON documents are found anyway
    framing: ClassVar[Framing | None] = None
    resumable: ClassVar[bool] = True
    splits_lines: ClassVar[bool] = True

    def __init__(
        self, internal_networks: Sequence[str] = (), *, zone: str = "UTC", reference: datetime | None = None
    ) -> None:
        """`zone`: where stamps without an offset are local; `reference`: for stamps without a year."""
        super().__init__(internal_networks)
        self.zone = self.own_zone or zone
        self.reference = reference
        self._zones: Mapping[str, str] = {}

    def localise(self, zones: Mapping[str, str], default: str | None) -> None:
        """As `Source`; a family's own setting goes before the sensor's."""
        self._zones = dict(zones)
        self.zone = self.own_zone or self._zones.get(self.name, default or self.zone)

    def other(self, kind: type[Family]) -> Family:
        """A family for other lines of the same input."""
        return kind(
            self.internal_networks, zone=self._zones.get(kind.name, self.zone), reference=self.reference
        )

    @abstractmethod
    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """`FIELDS` of `lines`, one row per line unless `row` says otherwise; pure, never raises.

        `lines` has columns `line` (without envelopes), `tag` (syslog program), `sender` (host that
        logged it), `header` (the latest line matching `header` above it); all String.
        """

    def cut(self, text: bytes) -> Cut | None:
        """What the compiled scanner reads of whole lines: the same as `parse` of those that are plain, which
        are claimed, in no envelope and under no header. None where it has no layout for them."""
        return None

    @classmethod
    def may_own(cls, text: str) -> bool:
        """Could a line of this text, in lower case, be one it claims or its header?"""
        return not cls.marks or any(mark in text for mark in cls.marks)

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the share of the first lines that are this family's; generic families stand back."""
        share = shares(head).get(cls.name, 0.0)
        if share < SHARE:
            return 0.0
        return (0.5 if cls.generic else 0.6) + 0.35 * share

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per block, in one part for each family that owns lines of it."""
        (file,) = source_input.files
        reader = self.reader(file.head, file.modified, resumed=start > 0)
        with (
            file.open() as raw,
            framed(raw, framing_of(file.head)) as stream,
            closing(ahead(blocks(stream, start=start, replay=REPLAY_BYTES))) as coming,
        ):
            for block in coming:
                yield from reader.batches(block)

    def reader(
        self, head: bytes = b"", reference: datetime | None = None, *, resumed: bool = False
    ) -> Reader:
        """For a stream whose blocks come one by one; `resumed`: they do not begin with `head`."""
        self.reference = self.reference or reference
        return Reader(self, Sorter(type(self), head, resumed=resumed))


@dataclass
class _OpenRecords:
    """What lines before said that later ones of the same family go on with."""

    sessions: Sessions = field(default_factory=Sessions)
    pairs: Pairs = field(default_factory=Pairs)
    leases: LeaseTracker = field(default_factory=LeaseTracker)


class Reader:
    """Turns blocks of lines into batches; keeps what must outlive a block."""

    def __init__(self, first: Family, sorter: Sorter) -> None:
        self._first = first
        self._sorter = sorter
        self._families: dict[str, Family] = {first.name: first}
        self._open_records: dict[str, _OpenRecords] = {}

    def batches(self, block: Block) -> Iterator[Batch]:
        """The parts of a block, the first family's last, because it carries the block's own troubles."""
        cut = self._cut(block)
        lines = block.lines() if cut is None else cut.odd
        parts = self._sorter.split(lines)
        own = parts.pop(self._first.name, None)
        for name in sorted(parts):
            family = self._family(type_of=parts[name][0])
            tables = self._tables(family, parts[name][1], replace(block, overlong=None, fault=None))
            yield self._batch(block, tables, family, is_part=True)
        mine = own[1] if own is not None else self._sorter.empty_part(lines)
        tables = self._tables(self._first, mine, block, cut)
        del cut, lines, parts, own, mine  # whoever takes the batch may be long
        yield self._batch(block, tables, self._first, is_part=block.replayed)

    def _cut(self, block: Block) -> Cut | None:
        """What the compiled scanner reads of a block, offsets being those in the stream; None for nothing."""
        if not (scanner.is_worth(block) and self._sorter.is_first(type(self._first))):
            return None
        cut = self._first.cut(block.text)
        if cut is None:
            return None
        in_stream = pl.col("offset") + block.start
        return replace(cut, places=cut.places.with_columns(in_stream), odd=cut.odd.with_columns(in_stream))

    def _batch(
        self, block: Block, tables: dict[str, pl.DataFrame], family: Family, *, is_part: bool
    ) -> Batch:
        return Batch(block.end, tables, is_part=is_part, is_replay=block.replayed, source=family.name)

    def _tables(
        self, family: Family, lines: pl.DataFrame, block: Block, cut: Cut | None = None
    ) -> dict[str, pl.DataFrame]:
        """The tables of one family's lines of a block."""
        open_records = self._open_records.setdefault(family.name, _OpenRecords())
        if cut is None:
            read = rows(family, lines)
        else:
            read, lines = _merged(family, cut, lines)
        rejoined = open_records.pairs.take(open_records.sessions.take(read))
        used = rejoined.filter(pl.col("reason").is_null())
        is_lease = (used["kind"] == "lease").fill_null(False)
        leases = open_records.leases.update(finish.leases(used.filter(is_lease), family.vantage))
        others = used.filter(~is_lease) if is_lease.any() else used
        if family.counts_headers:
            others = headers.on_the_wire(others, family.counts_headers)
        seen = {"observations": others, "answers": finish.answers(rejoined)}
        if block.replayed:
            return seen
        read = records.complete(records.sampled(_records(rejoined, lines), block), block)
        return seen | {
            "leases": leases,
            "coverage": _carried(records.coverage(read), used, family.reference),
            "rejects": records.rejects(read, block),
        }

    def _family(self, type_of: type[Family]) -> Family:
        if type_of.name not in self._families:
            self._families[type_of.name] = self._first.other(type_of)
        return self._families[type_of.name]


def rows(family: Family, lines: pl.DataFrame) -> pl.DataFrame:
    """`parse` of `lines` (from `Sorter.split`), finished: one row or more per line, `row` is its number."""
    wanted = (
        lines.filter(pl.col("reason").is_null()) if lines["reason"].null_count() < lines.height else lines
    )
    numbers = wanted["number"]
    # Of no lines, literals alone would make one row.
    parsed = (
        pl.DataFrame()
        if wanted.is_empty()
        else family.parse(wanted.select("line", "tag", "sender", "header"))
    )
    if "row" not in parsed.columns:
        parsed = parsed.with_row_index("row")
    return finish.rows(parsed, wanted, family).with_columns(row=numbers.gather(parsed["row"]))


def _merged(family: Family, cut: Cut, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Finished rows and lines of a block: those that were cut, and between them what is read of `lines`."""
    places = cut.places.select(
        pl.lit(None, dtype=dtype).alias(name) if name not in cut.places.columns else name
        for name, dtype in lines.schema.items()
        if name != "number"
    )
    finished = finish.rows(cut.parsed.with_row_index("row"), places, family)
    if lines.is_empty():
        return finished, places.with_row_index("number")
    both = (
        pl.concat([places, lines.drop("number")]).with_row_index("place").sort("offset", maintain_order=True)
    )
    order = pl.Series(range(both.height), dtype=lines.schema["number"])
    number = order.clone().scatter(both["place"], order)
    read = rows(family, lines)
    done = [
        finished.with_columns(row=number.head(places.height).gather(finished["row"])),
        read.with_columns(row=number.slice(places.height).gather(read["row"])),
    ]
    whole = pl.concat(done, how="vertical_relaxed").sort("row", maintain_order=True)
    return whole, both.drop("place").with_row_index("number")


def _records(done: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Each line as a record for coverage and rejects; a line of several rows is used if one of them is."""
    if done["row"].equals(lines["number"]):  # one row a line, as nearly all formats have it
        joined = lines.with_columns(done["at"], done["reason"].alias("row_reason"))
    else:
        by_line = done.group_by("row").agg(
            pl.col("at").min(),
            pl.when(pl.col("reason").null_count() == 0).then(pl.col("reason").first()).alias("row_reason"),
        )
        joined = lines.with_columns(row=pl.col("number")).join(
            by_line, on="row", how="left", maintain_order="left"
        )
    reason = pl.coalesce("reason", "row_reason")
    return joined.with_columns(reason=reason).select(
        "at",
        "offset",
        "bytes",
        "reason",
        rejected=(pl.col("reason").is_not_null() & ~pl.col("reason").str.starts_with("set aside")),
        line=pl.when(pl.col("reason").is_not_null()).then("line"),
    )


#: Column of coverage to the columns of an observation of which one must be there.
_CARRIED = {
    "with_user": ("user_name",),
    "with_host": ("host",),
    "with_path": ("path",),
    "with_bytes_up": ("bytes_up",),
    "with_bytes_down": ("bytes_down",),
}


def _carried(coverage: pl.DataFrame, used: pl.DataFrame, reference: datetime | None) -> pl.DataFrame:
    """`coverage` with how many records of each minute were used, and what they carried.

    A record without a time of its own has that of its file, the `reference`.
    """
    counts = {
        name: pl.any_horizontal(pl.col(c).is_not_null() for c in of).sum() for name, of in _CARRIED.items()
    }
    counts["with_time"] = (pl.col("at") != pl.lit(reference, dtype=schema.TIME)).fill_null(True).sum()
    counts |= {"used": pl.len(), "with_action": pl.col("action").is_in(["allowed", "blocked", "reset"]).sum()}
    by_minute = used.group_by(minute=pl.col("at").dt.truncate("1m")).agg(
        count.cast(pl.Int64).alias(name) for name, count in counts.items()
    )
    return coverage.join(by_minute, on="minute", how="left", maintain_order="left")
