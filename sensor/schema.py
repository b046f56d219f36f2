"""The tables of the sensor: their columns with dtype, unit, meaning and protection.

This is the only definition of them. Frames are conformed to it (`Table.conform`), Parquet files are written
from it, and the data dictionary, the privacy sheet and many tests are generated from it. The module imports
nothing else of the project.

    made by sources, never stored   OBSERVATIONS, ANSWERS
    about traffic                   SIGHTINGS, NAMES, NAMES_BY_CLIENT
    about people                    LEASES, DIRECTORY, COUNTING, ERASURES
    about the sensors               COVERAGE, SENSORS, REJECTS
    about the catalog               CATALOG, RESTATED, NAME_HITS
    about decisions and access      DECISIONS, AUDIT

Conventions: times are UTC with microseconds and zone. The only other dtypes are Int16, Int64, Float64, String
and Boolean, because Spark and Delta have no unsigned integers. What is unknown is NULL, never 0 or ''. No
column is called `user`, which is a reserved word in SQL.

`Column.protect` says what happens to a column before anything reaches a disk, at each of the three privacy
levels. There are four acts: `clear` stores the value; `token` stores a keyed token of the column's `kind`;
`internal` stores a keyed token if the value lies inside the organisation (an internal address or zone, or an
IP literal) and the value otherwise; `drop` stores nothing.

                 pseudonymous   aggregate   clear
    CLEAR        clear          clear       clear      identifies nobody
    DETAIL       clear          drop        clear      no person, but more than a rollup needs
    TOKEN        token          token       clear
    MARK         token          drop        clear      a person, and more than a rollup needs
    INTERNAL     internal       internal    clear
    DROP         drop           drop        clear
    SECRET       token          drop        drop        fingerprint of an AI key: only ever keyed

At level `aggregate` the restricted tables stay empty as well: until their week is closed, their rows are kept
encrypted outside the lake (store/sealed.py). Level `clear` has to be chosen explicitly, and every report
mentions it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import polars as pl

Level = Literal["pseudonymous", "aggregate", "clear"]
#: The privacy levels, the strictest first.
LEVELS: tuple[Level, ...] = ("aggregate", "pseudonymous", "clear")
Act = Literal["clear", "token", "internal", "drop"]


class Protect(NamedTuple):
    """What happens to a column at each privacy level; the constants below are all there are."""

    pseudonymous: Act
    aggregate: Act
    clear: Act = "clear"

    def at(self, level: Level) -> Act:
        """The act for this column at `level`."""
        act: Act = getattr(self, level)
        return act


CLEAR = Protect("clear", "clear")
DETAIL = Protect("clear", "drop")
TOKEN = Protect("token", "token")
MARK = Protect("token", "drop")
INTERNAL = Protect("internal", "internal")
DROP = Protect("drop", "drop")
#: For fingerprints of secrets: only ever stored keyed, so that they are worthless without the key.
SECRET = Protect("token", "drop", "drop")

TIME = pl.Datetime("us", "UTC")

#: Shapes of an encrypted answer, the one most typical of a language model first: one event per token, all
#: with the same overhead; one event per token; batches of events; anything else.
STREAM_CLASSES = ("A+", "A", "B", "none")


#: A table caches the expressions of `conform` for this many different sets of columns.
_MOST_FORMS = 32


@dataclass(frozen=True)
class Column:
    """One column: dtype, meaning, unit and protection."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    protect: Protect = CLEAR
    #: kind of token that may replace it: address, user, device, mac, host or key; "" if none does
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """One table: what a row is, where it is stored, and its columns in order."""

    name: str
    #: what one row describes
    row: str
    #: restricted (tokens, mode 0750), open (published), or transit (never stored)
    zone: Literal["restricted", "open", "transit"]
    columns: tuple[Column, ...]
    #: the column whose UTC date decides the event day a stored row belongs to
    time: str = ""
    #: columns that identify a row: compaction and readers keep one row per key, see also HISTORIES
    key: tuple[str, ...] = ()
    #: what it is kept for; printed in the privacy sheet
    purpose: str = ""
    #: name of the table whose retention also applies to this one; '' if it has its own
    kept_with: str = ""

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @cached_property
    def dtypes(self) -> dict[str, pl.DataType]:
        """Polars dtypes by column name, in order."""
        return {c.name: c.dtype() if isinstance(c.dtype, type) else c.dtype for c in self.columns}

    @cached_property
    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.dtypes)

    def empty(self) -> pl.DataFrame:
        """A frame with this table's columns and no rows."""
        return self._empty.clone()

    def of(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """This table's frame among `frames` (by table name), conformed; an empty one if it is not there."""
        return self.conform(frames[self.name]) if self.name in frames else self.empty()

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with exactly this table's columns and dtypes.

        Columns it lacks become NULL, columns the table does not have are dropped. Raises
        polars.exceptions.InvalidOperationError if a value cannot be cast.
        """
        if frame.schema == self._empty.schema:
            return frame
        have = frozenset(frame.columns)
        if have not in self._forms:
            if len(self._forms) == _MOST_FORMS:
                self._forms.clear()
            self._forms[have] = [
                (pl.col(name).cast(dtype) if name in have else pl.lit(None, dtype=dtype)).alias(name)
                for name, dtype in self.dtypes.items()
            ]
        return frame.select(self._forms[have])

    @cached_property
    def _forms(self) -> dict[frozenset[str], list[pl.Expr]]:
        """Cache of `conform`: set of columns of the frame → expressions."""
        return {}


def _times(seen: str) -> tuple[Column, ...]:
    return (
        Column("seen_at", TIME, seen),
        Column("duration_s", pl.Float64, "how long it lasted", "s"),
    )


_ORIGIN = (
    Column("sensor", pl.String, "name of the sensor that saw it"),
    Column("vantage", pl.String, "the place it watched from; inside one vantage rows add"),
    Column("source", pl.String, "kind of input: pcap, zeek, squid …"),
    Column("input", pl.String, "identity of the file or stream (hash of its first 64 KB uncompressed)"),
)

#: Set by the store when a row is committed; `--as-of` selects by it.
LANDED = Column("landed_at", TIME, "when the row first landed in the lake, by the clock of the lake's host")

_WHO = (
    Column("client", pl.String, "address that opened the connection or asked", protect=TOKEN, kind="address"),
    Column("client_port", pl.Int64, "its port", protect=DROP),
    Column(
        "client_mac", pl.String, "its hardware address, where the link shows it", protect=MARK, kind="mac"
    ),
    Column("user_name", pl.String, "account named by the source itself", protect=TOKEN, kind="user"),
    Column(
        "device",
        pl.String,
        "host name of the client, where the source names it",
        protect=TOKEN,
        kind="device",
    ),
)

_WHAT = (
    Column(
        "host", pl.String, "name of the service host, lower case, A-labels", protect=INTERNAL, kind="host"
    ),
    Column(
        "name_from",
        pl.String,
        "where the name was read: qname, sni, quic_sni, http_host, url, dns_answer, ech_dns, certificate, "
        "address, banner, user_agent, path",
    ),
)

_HTTP = (
    Column("method", pl.String, "HTTP method"),
    Column("status", pl.Int64, "HTTP status code"),
    Column(
        "user_agent",
        pl.String,
        "User-Agent: whole in observations, product token only once stored",
        protect=DETAIL,
    ),
    Column(
        "model",
        pl.String,
        "AI model a decrypted request names: a known family's name and version; others `other`",
        protect=DETAIL,
    ),
    Column(
        "mcp_methods",
        pl.String,
        "MCP methods called in decrypted or cleartext requests, comma separated; other JSON-RPC methods "
        "`other`, those of Agent2Agent with `a2a:` before",
        protect=DETAIL,
    ),
    Column(
        "mcp_version",
        pl.String,
        "MCP protocol version the first cleartext request names, or `session` if it only names a session",
        protect=DETAIL,
    ),
    Column("mcp_client", pl.String, "what an MCP client calls itself, in cleartext", protect=DETAIL),
    Column("mcp_server", pl.String, "what an MCP server calls itself, in cleartext", protect=DETAIL),
    Column(
        "mcp_tools",
        pl.String,
        "MCP tools by name, each with its calls in the connection so far: `search=2,read=0`; arguments never",
        protect=DETAIL,
    ),
    Column(
        "credential",
        pl.String,
        "how the cleartext request says who asks: bearer, basic, key, cookie, other or none; NULL: not "
        "readable",
        protect=DETAIL,
    ),
    Column(
        "key_type",
        pl.String,
        "provider and type of an AI key the request carries, where it could be read",
        protect=DETAIL,
    ),
    Column("key_print", pl.String, "its fingerprint", protect=SECRET, kind="key"),
    Column(
        "decrypted",
        pl.Boolean,
        "true: the request was inside TLS, and whatever decrypted it (proxy, browser, server) reported it",
        protect=DETAIL,
    ),
    Column("streamed", pl.Boolean, "the cleartext answer is an event stream", protect=DETAIL),
    Column(
        "server_version",
        pl.String,
        "version that a cleartext answer names in its first bytes or an x-…-version header",
        protect=DETAIL,
    ),
)

_MODEL = (
    Column(
        "repository",
        pl.String,
        "model or data repository a readable request to a hub names: owner/name",
        protect=DETAIL,
    ),
    Column(
        "revision",
        pl.String,
        "how it was asked for: commit, digest or version are pinned; main, master, latest and other are not",
        protect=DETAIL,
    ),
    Column("model_file", pl.String, "name of the file in that repository, without folders", protect=DETAIL),
    Column(
        "model_format",
        pl.String,
        "kind of model file: pickle, pytorch, safetensors, gguf, hdf5, numpy, onnx …",
        protect=DETAIL,
    ),
    Column(
        "format_from",
        pl.String,
        "how the kind is known: content (first bytes) or name (of the file)",
        protect=DETAIL,
    ),
    Column(
        "hands_over",
        pl.String,
        "what a readable request leaves with the service for good: file, dataset, fine-tuning or model",
        protect=DETAIL,
    ),
)

_TLS = (
    Column("ja4", pl.String, "JA4 fingerprint of the TLS or QUIC client hello", protect=DETAIL),
    Column("client_class", pl.String, "browser, program or NULL, by the shape of the hello"),
)

_SHAPE = (
    Column(
        "stream_like",
        pl.String,
        "surest shape of the encrypted answers that ended here: A+ (an event a token, evenly wrapped), A (an "
        "event a token), B (batches of events), none; NULL: nothing was judged. Machine-written text, not "
        "proof of AI",
        protect=DETAIL,
    ),
    Column("judged_turns", pl.Int64, "encrypted answers judged by their shape", "turns", protect=DETAIL),
    Column("stream_turns", pl.Int64, "of those, like streams of tokens: A+, A, B", "turns", protect=DETAIL),
    Column("stream_units", pl.Int64, "TLS records or QUIC datagrams of the surest", protect=DETAIL),
    Column("stream_unit_bytes", pl.Int64, "their median size", "bytes", protect=DETAIL),
    Column(
        "stream_spread",
        pl.Float64,
        "median distance of their sizes from that, as a share of it",
        protect=DETAIL,
    ),
    Column("stream_gap_ms", pl.Float64, "median time between them", "ms", protect=DETAIL),
)

_SERVER = (
    Column("server", pl.String, "address of the other side", protect=INTERNAL, kind="address"),
    Column("server_port", pl.Int64, "its port", protect=DETAIL),
    Column("transport", pl.String, "tcp or udp"),
    Column("tunnel", pl.String, "tunnel the packets came in (vxlan:7, erspan:3 …)"),
)

_VOLUME = (
    Column(
        "bytes_up", pl.Int64, "unique payload the client sent; NULL where the source cannot know", "bytes"
    ),
    Column("bytes_down", pl.Int64, "unique payload the client received", "bytes"),
    Column("wire_bytes_up", pl.Int64, "frames as they were on the wire, client to server", "bytes"),
    Column("wire_bytes_down", pl.Int64, "frames as they were on the wire, server to client", "bytes"),
    Column("packets_up", pl.Int64, "frames, client to server", "packets"),
    Column("packets_down", pl.Int64, "frames, server to client", "packets"),
    Column("lost_bytes", pl.Int64, "acknowledged by the other side but never seen by the sensor", "bytes"),
)

_ACTION = Column("action", pl.String, "allowed, blocked, reset or unknown; blocked is not use")

#: Lines of `software` by which signatures recognise servers of which nothing else is known.
SPEAKS_MCP, SENT_KEY = "speaks: mcp", "sent: ai-key"
#: Prefix of the lines of `software` that give the kind of a body, read from its first bytes.
SENDS = "sends: "
SENDS_STREAMS = SENDS + "token-streams"

OBSERVATIONS = Table(
    "observations",
    "what a source saw, before matching: a slice of a connection, a DNS question, a logged request",
    "transit",
    (
        *_times("start of the slice, question or request (end minus elapsed for lines written at the end)"),
        Column("kind", pl.String, "dns, tls, quic, http, proxy or flow"),
        _ACTION,
        *_WHO,
        *_WHAT,
        Column(
            "roams", pl.Boolean, "the client may be in any network: where it is does not tell who is there"
        ),
        Column("qtype", pl.String, "type of the DNS question: A, AAAA, HTTPS …; NULL if the source has none"),
        Column("cname", pl.String, "last name of the DNS answer's CNAME chain"),
        Column(
            "name_confidence",
            pl.Float64,
            "how sure a name told by DNS is, 0 to 1; NULL: as sure as name_from makes it",
        ),
        Column(
            "ech_config",
            pl.Int64,
            "configuration id of the hello's Encrypted Client Hello, real or GREASE; NULL without one",
        ),
        Column("ech", pl.Boolean, "the hello's true name is hidden by ECH; told by naming"),
        Column("path", pl.String, "URL path without query string", protect=DROP),
        Column("origin", pl.String, "Origin header: which page or browser add-on asks", protect=DROP),
        Column(
            "software",
            pl.String,
            "what the answering server says it runs, lower case, a line each: `server: ` with the value of "
            "its Server header, the names of its x- headers, `speaks: ` with a protocol, `sends: ` with the "
            "kind of a model file or `token-streams`, `sent: ai-key`",
            protect=DROP,
        ),
        *_HTTP,
        *_TLS,
        *_SHAPE,
        *_SERVER,
        *_VOLUME,
        Column("total_bytes_up", pl.Int64, "bytes_up of the connection up to the end of this slice", "bytes"),
        Column(
            "total_bytes_down", pl.Int64, "bytes_down of the connection up to the end of this slice", "bytes"
        ),
        Column(
            "started_at", TIME, "start of the whole connection; NULL where there is none (DNS, log lines)"
        ),
        Column(
            "slice",
            pl.Int64,
            "number of the slice within its connection, from 0: of a minute at most, a gigabyte or a request",
        ),
        Column("asks", pl.Boolean, "the slice begins with a later request of its connection"),
        Column(
            "lookups", pl.Int64, "of a question: 1 if it begins a lookup, 0 if it is part of one", "lookups"
        ),
    ),
    time="seen_at",
)

ANSWERS = Table(
    "answers",
    "one address, or one ECH configuration, a client was told for a name by DNS; names later flows",
    "transit",
    (
        Column("answered_at", TIME, "when the answer passed"),
        Column("client", pl.String, "address that asked", protect=TOKEN, kind="address"),
        Column(
            "address",
            pl.String,
            "address in the answer; NULL in the row of an ECH configuration",
            protect=INTERNAL,
            kind="address",
        ),
        Column("host", pl.String, "the question's name", protect=INTERNAL, kind="host"),
        Column("cname", pl.String, "last name of the CNAME chain"),
        Column("ttl_s", pl.Int64, "lifetime of the answer", "s"),
        Column("hint", pl.Boolean, "the address is only a hint of an SVCB or HTTPS record"),
        Column("unasked", pl.Boolean, "the client's question did not pass, nor any other of it before"),
        Column("ech_config", pl.Int64, "id of the ECH configuration in an HTTPS record; NULL for an address"),
        Column("ech_public_name", pl.String, "the name that stands in hellos of that configuration"),
    ),
    time="answered_at",
)

SIGHTINGS = Table(
    "sightings",
    "a slice of a connection, a lookup burst or a logged request that hit a signature",
    "restricted",
    (
        Column(
            "event_id", pl.Int64, "keyed hash of the normalised row and of its nth repetition in the input"
        ),
        *_times("start of the slice, burst or request"),
        *_ORIGIN,
        Column("kind", pl.String, "dns, tls, quic, http, proxy or flow"),
        Column("grade", pl.Int16, "1 lookup < 2 connected < 3 exchanged < 4 uploaded < 5 confirmed"),
        _ACTION,
        Column("site", pl.String, "site of the sensor"),
        Column("segment", pl.String, "network segment of the client, from the settings", protect=DETAIL),
        Column(
            "server_segment", pl.String, "network segment of the server, from the settings", protect=DETAIL
        ),
        Column("client_scope", pl.String, "internal, external, guest, proxy or unknown; set before tokens"),
        Column("server_scope", pl.String, "internal, external, guest, proxy or unknown; set before tokens"),
        *_WHO,
        *_WHAT,
        Column("path", pl.String, "the catalog's path prefix that matched, nothing more"),
        *_HTTP,
        *_MODEL,
        *_TLS,
        *_SHAPE,
        *_SERVER,
        *_VOLUME,
        Column(
            "connection", pl.Int64, "63-bit keyed hash of tunnel, 5-tuple and start; NULL where there is none"
        ),
        Column("flow", pl.Int64, "63-bit keyed hash of tunnel and 5-tuple without the start"),
        Column(
            "community_id",
            pl.String,
            "Community ID 1 of the 5-tuple (github.com/corelight/community-id-spec): anyone can compute it",
            protect=DROP,
        ),
        Column("started_at", TIME, "start of the whole connection"),
        Column(
            "slice",
            pl.Int64,
            "number of the slice within its connection, from 0: of a minute at most, a gigabyte or a request",
        ),
        Column(
            "connections", pl.Int64, "1 on slice 0 or a request, proxied or later in its connection, else 0"
        ),
        Column("requests", pl.Int64, "logged HTTP requests", "requests"),
        Column(
            "lookups",
            pl.Int64,
            "lookups in the burst: A, AAAA, HTTPS and repeats within 5 s are one",
            "lookups",
        ),
        Column(
            "hunted",
            pl.Boolean,
            "made by `rematch` from a row of names_by_client, the sum of a quarter of an hour; else NULL",
        ),
        Column("signature", pl.String, "the indicator that fired: service id and indicator"),
        Column("app", pl.String, "service id, vendor/service"),
        Column(
            "access", pl.String, "access class: web, api, ide, cli, extension, agent, mcp, telemetry, cdn …"
        ),
        Column(
            "role",
            pl.String,
            "use, embedded (shared host), or support (telemetry, CDN, auth): only use counts",
        ),
        Column("confidence", pl.Float64, "how sure the match is, 0 to 1"),
        Column("catalog_version", pl.String, "version and hash of the catalog that matched"),
        LANDED,
    ),
    time="seen_at",
    key=("event_id",),
    purpose="to count use of AI services per person and department, and to explain a figure",
)

NAMES = Table(
    "names",
    "a name in a 15-minute bucket, matched or not; everyone's browsing, so without any client",
    "restricted",
    (
        Column("bucket", TIME, "start of the 15 minutes"),
        Column("sensor", pl.String, "name of the sensor that saw it"),
        Column("site", pl.String, "site of the sensor"),
        Column("source", pl.String, "kind of input"),
        Column("input", pl.String, "identity of the input"),
        Column("host", pl.String, "the name", protect=INTERNAL, kind="host"),
        Column("domain", pl.String, "its registrable domain", protect=INTERNAL, kind="host"),
        Column("lookups", pl.Int64, "lookups: A, AAAA, HTTPS and repeats within 5 s are one", "lookups"),
        Column("connections", pl.Int64, "connections or requests"),
        Column("bytes_up", pl.Int64, "payload sent to it", "bytes"),
        Column("bytes_down", pl.Int64, "payload received from it", "bytes"),
        Column("streams", pl.Int64, "encrypted answers of it that came like streams of tokens", "turns"),
        Column("even_streams", pl.Int64, "of those, beside one in the surest shape (A+)", "turns"),
        Column("clients", pl.Int64, "distinct client addresses; at least, where two reads share the bucket"),
        Column("near_app", pl.String, "known AI service most often used by the same client within 30 s"),
        Column("near_clients", pl.Int64, "distinct clients for which that was so"),
        Column("cname", pl.String, "last name of the CNAME chain", protect=INTERNAL, kind="host"),
        Column("client_class", pl.String, "browser, program or NULL"),
        Column("first_seen", TIME, "first time in the bucket"),
        Column("last_seen", TIME, "last time in the bucket"),
        LANDED,
    ),
    time="bucket",
    key=("bucket", "sensor", "site", "source", "input", "host"),
    purpose="to find services the catalog does not know yet",
)

NAMES_BY_CLIENT = Table(
    "names_by_client",
    "a client at a name that no signature knows, in a quarter of an hour: somebody's browsing, kept only "
    "where the settings ask for it",
    "restricted",
    (
        Column("event_id", pl.Int64, "keyed hash of the row: the sighting that a later catalog makes of it"),
        Column("seen_at", TIME, "first moment in the quarter of an hour"),
        Column("duration_s", pl.Float64, "until the last thing begun in it ended", "s"),
        *_ORIGIN,
        Column("kind", pl.String, "dns, tls, quic, http, proxy or flow"),
        Column("grade", pl.Int16, "1 lookup < 2 connected < 3 exchanged; a sum does not show an upload"),
        _ACTION,
        Column("site", pl.String, "site of the sensor"),
        Column("segment", pl.String, "network segment of the client, from the settings", protect=DETAIL),
        Column("client_scope", pl.String, "internal, external, guest, proxy or unknown; set before tokens"),
        Column("client", pl.String, "address that asked or connected", protect=MARK, kind="address"),
        Column("user_name", pl.String, "account named by the source itself", protect=MARK, kind="user"),
        Column("device", pl.String, "its host name, where the source names it", protect=MARK, kind="device"),
        Column("host", pl.String, "the name; never an internal one", protect=INTERNAL, kind="host"),
        Column("name_from", pl.String, "where the name was read, as in sightings"),
        Column("client_class", pl.String, "browser, program or NULL, by the shape of the hello"),
        Column("lookups", pl.Int64, "lookups: A, AAAA, HTTPS and repeats within 5 s are one", "lookups"),
        Column("connections", pl.Int64, "connections and requests begun"),
        Column("requests", pl.Int64, "logged HTTP requests", "requests"),
        Column("bytes_up", pl.Int64, "payload sent; NULL where the source cannot know", "bytes"),
        Column("bytes_down", pl.Int64, "payload received", "bytes"),
        Column("catalog_version", pl.String, "the catalog that did not know it"),
        LANDED,
    ),
    time="seen_at",
    key=("event_id",),
    purpose="to find the past use of a service that the catalog learns within a week",
)

LEASES = Table(
    "leases",
    "who held an address when",
    "restricted",
    (
        Column("site", pl.String, "where the address is valid"),
        Column("address", pl.String, "the address", protect=TOKEN, kind="address"),
        Column("mac", pl.String, "hardware address", protect=TOKEN, kind="mac"),
        Column("user_name", pl.String, "account", protect=TOKEN, kind="user"),
        Column("device", pl.String, "host name", protect=TOKEN, kind="device"),
        Column("valid_from", TIME, "first moment"),
        Column("valid_to", TIME, "first moment it no longer holds; NULL while open"),
        Column("origin", pl.String, "csv, dhcp, directory, vpn, gateway …"),
        Column("confidence", pl.Float64, "0 to 1"),
        Column("shared", pl.Boolean, "more than one person behind the address (NAT, terminal server)"),
        Column("closed", pl.Boolean, "the holder let go at valid_to; else that is when it would end"),
        LANDED,
    ),
    time="valid_from",
    key=("site", "address", "user_name", "device", "valid_from", "origin"),
    purpose="to count a person with several devices once",
)

DIRECTORY = Table(
    "directory",
    "what a directory says about an account: department, site, whether it is a person, which devices it owns",
    "restricted",
    (
        Column("user_name", pl.String, "account", protect=TOKEN, kind="user"),
        Column("device", pl.String, "host name of a device the account owns", protect=TOKEN, kind="device"),
        Column("mac", pl.String, "hardware address of that device", protect=TOKEN, kind="mac"),
        Column("kind", pl.String, "person, service or machine: the last two are nobody"),
        Column(
            "department", pl.String, "department; not a person, so clear; other: one of fewer than k people"
        ),
        Column("site", pl.String, "home site"),
        Column(
            "valid_from",
            TIME,
            "start of the token's 13-week epoch; later where the account got the device then, or the files "
            "said something else before",
        ),
        Column(
            "valid_to",
            TIME,
            "end of that epoch, or when the account gave the device up, or the files said something else",
        ),
        Column(
            "origin",
            pl.String,
            "csv (people file), export (CSV of a directory), ldif, owners, settings, name (machine accounts)",
        ),
        Column("confidence", pl.Float64, "how sure the owner of a device is, 0 to 1"),
        LANDED,
    ),
    time="valid_from",
    key=("user_name", "device", "mac", "valid_from", "origin"),
    purpose="to add up by department and site",
)

COUNTING = Table(
    "counting",
    "an account's token and, sealed, a second one that all epochs have in common; only with a count-only key",
    "restricted",
    (
        Column("user_name", pl.String, "token of the account", protect=TOKEN, kind="user"),
        Column("sealed", pl.String, "its second token, sealed under the count-only key and the epoch's"),
        Column("valid_from", TIME, "start of the epoch whose key made the token"),
        Column("valid_to", TIME, "end of that epoch"),
        LANDED,
    ),
    time="valid_from",
    key=("user_name",),
    purpose="to count people over more than an epoch, as a figure of a group",
    kept_with="directory",
)

COVERAGE = Table(
    "coverage",
    "a minute of a sensor and source: what came in, what could be used, what could not",
    "open",
    (
        Column("minute", TIME, "start of the minute"),
        Column("sensor", pl.String, "name of the sensor"),
        Column("site", pl.String, "its site"),
        Column("source", pl.String, "kind of input"),
        Column("input", pl.String, "identity of the input"),
        Column("packets", pl.Int64, "frames read", "packets"),
        Column("bytes", pl.Int64, "wire bytes of those frames, or bytes of log text", "bytes"),
        Column("decoded", pl.Int64, "frames decoded to a flow or DNS message", "packets"),
        Column("non_ip", pl.Int64, "frames without IP (ARP, LLDP, STP …)", "packets"),
        Column("other_transport", pl.Int64, "IP frames that are neither TCP nor UDP", "packets"),
        Column("undecoded_link", pl.Int64, "frames of a link type we do not decode", "packets"),
        Column("malformed", pl.Int64, "frames whose headers contradict themselves", "packets"),
        Column("truncated", pl.Int64, "frames the capture had cut", "packets"),
        Column("fragments", pl.Int64, "IP fragments without ports", "packets"),
        Column("duplicates", pl.Int64, "frames a SPAN delivered twice", "packets"),
        Column("kernel_drops", pl.Int64, "frames the kernel dropped before us", "packets"),
        Column("nic_missed", pl.Int64, "frames the network card had no room for", "packets"),
        Column("softnet_drops", pl.Int64, "frames this machine's receive queues dropped", "packets"),
        Column("ring_freezes", pl.Int64, "times a capture ring was full"),
        Column("link_down_s", pl.Int64, "time without link, all ports together", "s"),
        Column("excluded", pl.Int64, "frames of excluded networks, not looked at", "packets"),
        Column("shortened", pl.Int64, "frames cut on purpose by the overload mode", "packets"),
        Column("lost_bytes", pl.Int64, "acknowledged but never seen", "bytes"),
        Column("flows", pl.Int64, "connections that started; multicasts and broadcasts are none"),
        Column("named_flows", pl.Int64, "of those, with a name"),
        Column("one_sided_flows", pl.Int64, "ended connections seen in one direction only"),
        Column("undecided_flows", pl.Int64, "connections whose client could not be identified"),
        Column("evictions", pl.Int64, "connections dropped from a full table"),
        Column("names_lost", pl.Int64, "names that did not fit the arena"),
        Column("ech", pl.Int64, "connections whose name a real Encrypted Client Hello hid"),
        Column(
            "encrypted_dns",
            pl.Int64,
            "connections to encrypted DNS: DoT, DoQ, known DoH and DNSCrypt resolvers",
        ),
        Column("vpn_relay", pl.Int64, "connections to known VPN, relay and proxy services"),
        Column(
            "internal_connections",
            pl.Int64,
            "connections and requests to servers inside; without any, servers of your own are not in sight",
        ),
        Column("requests_read", pl.Int64, "requests whose URL path was read"),
        Column("local_names", pl.Int64, "mDNS and LLMNR messages: names of this network, not of services"),
        Column("identity_messages", pl.Int64, "messages seen that may tell who holds an address"),
        Column("identity_skipped", pl.Int64, "of those, not read, because there were too many"),
        Column("rpc_messages", pl.Int64, "JSON-RPC messages seen in readable HTTP"),
        Column("rpc_skipped", pl.Int64, "of those, not read: too many in a second or connection"),
        Column(
            "requests_unread",
            pl.Int64,
            "later requests of readable HTTP connections, for something else than the one before or again "
            "after a 401 or 407, not read: too many in a second or connection",
        ),
        Column("turns_judged", pl.Int64, "encrypted answers long enough, and judged by their shape", "turns"),
        Column(
            "turns_unjudged",
            pl.Int64,
            "encrypted answers that were not: over 10 % of them, or their end, was not seen, or no room",
            "turns",
        ),
        Column("quic_unparsed", pl.Int64, "QUIC connections whose Initial gave no name"),
        Column(
            "quic_skipped", pl.Int64, "QUIC Initials not decrypted, because there were too many", "packets"
        ),
        Column("decoder_faults", pl.Int64, "packets skipped because a decoder failed: a bug in shadowai"),
        Column("clock_jumps", pl.Int64, "packets whose timestamp jumped and was not used"),
        Column(
            "clock_offset_ms", pl.Int64, "largest distance of packet times from this machine's clock", "ms"
        ),
        Column("vlans", pl.String, "VLAN tags seen since the capture began, in order of appearance"),
        Column("features_off", pl.String, "what was switched off, comma-separated"),
        Column("records", pl.Int64, "log records read", "records"),
        Column("rejected", pl.Int64, "log records and DNS messages that could not be used", "records"),
        Column("used", pl.Int64, "log records that tell of use, or of who held an address", "records"),
        Column(
            "with_time",
            pl.Int64,
            "of those, with a time of their own; others have that of their file",
            "records",
        ),
        Column("with_user", pl.Int64, "of those, naming an account", "records"),
        Column("with_host", pl.Int64, "of those, naming a host", "records"),
        Column("with_path", pl.Int64, "of those, with a URL path", "records"),
        Column("with_bytes_up", pl.Int64, "of those, with what the client sent", "records"),
        Column("with_bytes_down", pl.Int64, "of those, with what the client got", "records"),
        Column("with_action", pl.Int64, "of those, with a verdict (allowed, blocked)", "records"),
        Column("first_seen", TIME, "first moment in the minute"),
        Column("last_seen", TIME, "last moment in the minute"),
        LANDED,
    ),
    time="minute",
    key=("minute", "sensor", "site", "source", "input"),
    purpose="to say what was not seen",
)

SENSORS = Table(
    "sensors",
    "what should be running, and how its evidence ranks",
    "open",
    (
        Column("sensor", pl.String, "name"),
        Column("site", pl.String, "site"),
        Column("vantage", pl.String, "the place it watches from"),
        Column("rank", pl.Int64, "rank of that vantage: where two saw the same use, the lower rank counts"),
        Column("kind", pl.String, "packets, logs or recordings (HAR), the surest of them; NULL: none yet"),
        Column("zone", pl.String, "IANA time zone of the site; NULL: the report zone"),
        Column("cadence_s", pl.Int64, "longest silence that still counts as running", "s"),
        Column("population", pl.Int64, "people behind it, where known", "people"),
        LANDED,
    ),
    key=("sensor", "site"),
    purpose="to tell silence from absence",
)

REJECTS = Table(
    "rejects",
    "what could not be used, with the shape of one sample only (letters a, digits 9)",
    "open",
    (
        Column("rejected_at", TIME, "time of the batch it was read in"),
        Column("sensor", pl.String, "name of the sensor"),
        Column("source", pl.String, "kind of input"),
        Column("input", pl.String, "identity of the input"),
        Column("place", pl.String, "byte offset or line of the first one"),
        Column("reason", pl.String, "why"),
        Column("count", pl.Int64, "how many", "records"),
        Column("shape", pl.String, "shape of the first one: letters a, digits 9, at most 120 characters"),
        LANDED,
    ),
    time="rejected_at",
    key=("input", "place", "reason"),
    purpose="to say what could not be read",
)

CATALOG = Table(
    "catalog",
    "a service of the signature catalog that the lake's sightings were matched with",
    "open",
    (
        Column("app", pl.String, "service id, vendor/service"),
        Column("service", pl.String, "its name"),
        Column(
            "vendor", pl.String, "company or project behind it; NULL for bulk lists and self-hosted products"
        ),
        Column("category", pl.String, "what it is, a word of categories.yml"),
        Column("country", pl.String, "country of the vendor's head office, ISO 3166-1 alpha-2"),
        Column("shared", pl.Boolean, "every host of it also serves other things: embedded AI possible"),
        Column("experimental", pl.Boolean, "an entry without full proof; reported apart"),
        Column(
            "trains_by_default",
            pl.Boolean,
            "customer data used for training unless refused, if a source says",
        ),
        Column("risk_low", pl.Int16, "least the risk score can be, 0 to 100, by what is known"),
        Column("risk_high", pl.Int16, "most the risk score can be, 0 to 100, by what is known"),
        Column("risk_known", pl.Int16, "facts the score asks for that a source states", "facts"),
        Column("risk_asked", pl.Int16, "facts the score asks for", "facts"),
        Column(
            "upload_baseline_bytes",
            pl.Int64,
            "what a visit sends without any prompt, the most of its access classes; mostly estimated",
            "bytes",
        ),
        Column(
            "affected",
            pl.String,
            "known vulnerabilities: CVE number, first version with it, first without it; comma separated",
        ),
        Column("catalog_version", pl.String, "version and hash of the catalog"),
        LANDED,
    ),
    key=("app",),
    purpose="to name services",
)

ERASURES = Table(
    "erasures",
    "a token whose person was to be erased; its rows are hidden at once and deleted soon after",
    "restricted",
    (
        Column("token", pl.String, "token of the account or device", protect=CLEAR),
        Column("erased_at", TIME, "when it was requested"),
        LANDED,
    ),
    key=("token",),
    purpose="to hide what must be deleted until it is",
)

AUDIT = Table(
    "audit",
    "something done with personal data or its keys: a re-identification, an erasure, a deletion …",
    "open",
    (
        Column("entry", pl.Int64, "number in the hash chain, from 1"),
        Column("done_at", TIME, "when"),
        Column(
            "action",
            pl.String,
            "reveal.request, reveal.approve, reveal.show, report.person, who, erase, export, retain, "
            "keys.shred …",
        ),
        Column("case_id", pl.String, "the request it belongs to"),
        Column(
            "done_by",
            pl.String,
            "who did it: the operating-system account, behind the name of a custodian where one acted",
        ),
        Column("reason", pl.String, "the reason given"),
        Column("people", pl.Int64, "how many tokens it was about", "tokens"),
        Column("deleted_rows", pl.Int64, "rows deleted", "rows"),
        Column("deleted_files", pl.Int64, "files deleted or rewritten", "files"),
        Column("proof", pl.String, "SHA-256 of the list of what was deleted"),
        Column("hash", pl.String, "SHA-256 of this entry and the one before"),
        LANDED,
    ),
    time="done_at",
    key=("entry", "hash"),
    purpose="to show the people concerned, and who speaks for them, what was done with their data",
)

DECISIONS = Table(
    "decisions",
    "what somebody decided about a finding; the latest counts",
    "open",
    (
        Column("decision_id", pl.String, "hash of what was decided, so that saying it twice is one row"),
        Column("decided_at", TIME, "when"),
        Column("finding", pl.String, "the finding's id"),
        Column("decision", pl.String, "accept, restrict or resolve"),
        Column("valid_until", TIME, "end of the day up to which it holds; NULL: until it is seen again"),
        Column("reason", pl.String, "the reason given"),
        Column("decided_by", pl.String, "who decided, in the words of --by"),
    ),
    time="decided_at",
    key=("decision_id",),
    purpose="to show who decided what about use, why and until when",
)

_CLASSIFICATION = (
    Column("signature", pl.String, "the indicator that fires today; NULL: none does any more"),
    Column("app", pl.String, "service id by today's catalog; NULL: the sighting is withdrawn"),
    Column("access", pl.String, "access class by today's catalog"),
    Column("role", pl.String, "use, embedded or support by today's catalog"),
    Column("confidence", pl.Float64, "how sure the match is, 0 to 1"),
)

RESTATED = Table(
    "restated",
    "a sighting that a later catalog classifies differently; the sighting itself stays as it was stored",
    "restricted",
    (
        Column("event_id", pl.Int64, "the sighting"),
        Column("seen_at", TIME, "when that was"),
        Column("site", pl.String, "its site"),
        Column("client", pl.String, "its client, as the sighting has it", protect=TOKEN, kind="address"),
        Column("user_name", pl.String, "its account, as the sighting has it", protect=TOKEN, kind="user"),
        Column("restated_at", TIME, "when it was restated"),
        Column("stored_version", pl.String, "catalog the sighting was stored with: applies to no other"),
        Column("old_version", pl.String, "catalog it was classified by until now"),
        Column("old_signature", pl.String, "the indicator that fired until now"),
        Column("old_app", pl.String, "service id until now; NULL: it was withdrawn, or nothing knew it"),
        Column("old_access", pl.String, "access class until now"),
        Column("old_role", pl.String, "role until now"),
        Column("old_grade", pl.Int16, "grade until now"),
        *_CLASSIFICATION,
        Column("name_from", pl.String, "where the name was read"),
        Column("path", pl.String, "the catalog's path prefix that matches, nothing more"),
        Column("grade", pl.Int16, "grade by today's catalog"),
        Column("catalog_version", pl.String, "the catalog it is classified by from now on"),
        Column("bytes_up", pl.Int64, "bytes_up of the sighting", "bytes"),
        Column("bytes_down", pl.Int64, "bytes_down of the sighting", "bytes"),
        Column("connections", pl.Int64, "connections of the sighting"),
        Column("lookups", pl.Int64, "lookups of the sighting", "questions"),
        LANDED,
    ),
    time="seen_at",
    key=("event_id",),
    purpose="to say what changed because the catalog learned, and to reproduce older reports",
    kept_with="sightings",
)

NAME_HITS = Table(
    "name_hits",
    "a name that was stored without a sighting and that a later catalog knows: gives services a past",
    "restricted",
    (
        Column("host", pl.String, "the name", protect=INTERNAL, kind="host"),
        Column("matched_at", TIME, "when it was matched"),
        *_CLASSIFICATION,
        Column("catalog_version", pl.String, "the catalog that knows it"),
        LANDED,
    ),
    time="matched_at",
    key=("host",),
    purpose="to tell since when a service was visited that nobody knew then",
    kept_with="names",
)

#: Tables in which a later row does not replace an earlier one with the same key: they are histories.
HISTORIES = (CATALOG, DIRECTORY, RESTATED, NAME_HITS)

#: The tables a batch may carry. `sightings` is committed last: its rename is the commit.
STORED = (
    NAMES, NAMES_BY_CLIENT, LEASES, DIRECTORY, COUNTING, COVERAGE, REJECTS, SENSORS, ERASURES, AUDIT,
    DECISIONS, RESTATED, NAME_HITS, SIGHTINGS,
)  # fmt: skip
TABLES = {t.name: t for t in (OBSERVATIONS, ANSWERS, *STORED, CATALOG)}
