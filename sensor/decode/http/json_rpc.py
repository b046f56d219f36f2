"""Reads JSON-RPC in cleartext HTTP: Model Context Protocol and Agent2Agent.

Reads methods, protocol version, and names of client, server and tools. The slow path, for segments that
`later_messages` selects. Arguments, results and texts are skipped: only the members of `_WANTED` are read,
and an implausible name becomes `other`. A segment may be truncated; its complete members count.

References: JSON-RPC 2.0 §4 and §5; modelcontextprotocol.io/specification, 2024-11-05 to 2026-07-28;
a2a-protocol.org, 0.3 and 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from sensor.decode.kernels.strings import columns, own
from sensor.decode.layout import Bytes, Records

#: Columns of labels of calls, in addition to `mcp_version` of the head.
COLUMNS: dict[str, pl.DataType] = {
    "mcp_methods": pl.String(),
    "mcp_version": pl.String(),
    "mcp_client": pl.String(),
    "mcp_server": pl.String(),
    "mcp_tools": pl.String(),
}
#: A method name of MCP, such as `tools/call`.
METHOD = re.compile(
    rb"(?:initialize|ping|server/discover|notifications/[a-z_/]{1,40}|(?:tools|prompts|resources|tasks|"
    rb"completion|logging|roots|sampling|elicitation|subscriptions)/[A-Za-z_/]{1,40})\Z"
)
#: Methods of Agent2Agent, 0.3 and 1.0. MCP has `tasks/get` and `tasks/cancel`, too.
_A2A = re.compile(
    rb"(?:message/(?:send|stream)|tasks/(?:resubscribe|send|pushNotificationConfig/[a-z]{1,8})|"
    rb"agent/getAuthenticatedExtendedCard|SendMessage|SendStreamingMessage|GetTask|ListTasks|CancelTask|"
    rb"SubscribeToTask|GetExtendedAgentCard|[A-Z][a-z]{1,8}TaskPushNotificationConfig)\Z"
)
#: What a server may be called with (Streamable HTTP, protocol version).
VERSION = re.compile(rb"20\d\d-\d\d-\d\d\Z")
_NAME = re.compile(rb"[\w .:/@-]{1,64}\Z", re.A)

_META = b"io.modelcontextprotocol/"
_OF_CLIENTS = ((b"params", b"clientInfo", b"name"), (b"params", b"_meta", _META + b"clientInfo", b"name"))
_OF_SERVERS = ((b"result", b"serverInfo", b"name"), (b"result", b"_meta", _META + b"serverInfo", b"name"))
_OF_VERSIONS = (
    (b"result", b"protocolVersion"), (b"params", b"protocolVersion"),
    (b"params", b"_meta", _META + b"protocolVersion"),
)  # fmt: skip
_OFFERED = (b"result", b"tools", b"*", b"name")
_CALLED = (b"params", b"name")
_WANTED = frozenset(
    (*_OF_CLIENTS, *_OF_SERVERS, *_OF_VERSIONS, _OFFERED, _CALLED, (b"method",), (b"jsonrpc",))
)

_TOKEN = re.compile(rb'[ \t\r\n]*(?:([][{},:])|"((?:[^"\\\x00-\x1f]|\\.)*+)"|([-+.\w]++))', re.S)
_TOKENS, _DEPTH = 2048, 16
_EVENT = re.compile(rb"^data: ?", re.M)
_HEADER = re.compile(rb"^mcp-protocol-version:[ \t]*(20\d\d-\d\d-\d\d)[ \t]*\r?$", re.M | re.I)

#: Maximum connections, and entries per connection.
_CONNECTIONS, _METHODS, _TOOLS, _TEXT = 4096, 32, 64, 1024

Members = list[tuple[tuple[bytes, ...], bytes]]


@dataclass
class _Spoken:
    """The content of the calls of one connection so far."""

    methods: set[str] = field(default_factory=set)
    version: str | None = None
    client: str | None = None
    server: str | None = None
    #: tool → number of calls; 0 for tools only listed
    tools: dict[str, int] = field(default_factory=dict)
    #: hashes of the segments read, to skip retransmissions
    segments: set[int] = field(default_factory=set)

    def row(self) -> tuple[str | None, ...]:
        """In the order of COLUMNS."""
        tools = ",".join(f"{name}={calls}" for name, calls in sorted(self.tools.items()))
        return ",".join(sorted(self.methods)) or None, self.version, self.client, self.server, tools or None


class Calls:
    """The calls of open connections, across batches."""

    def __init__(self) -> None:
        self._spoken: dict[int, _Spoken] = {}

    def read(self, data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
        """Labels for the messages at data[begins:][:lengths], with the content of their connections so far.

        `known` has serial, ordinal and time of each. Messages that are neither MCP nor A2A have no row.
        """
        rows: list[tuple[object, ...]] = []
        ends = zip(known["serial"].to_list(), begins.tolist(), lengths.tolist(), strict=True)
        for serial, begin, length in ends:
            spoken = self._learn(serial, data[begin : begin + length].tobytes())
            rows.append(spoken.row() if spoken else (None,) * len(COLUMNS))
        labels = known.with_columns(**columns(COLUMNS, rows))
        return labels.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in COLUMNS))

    def forget(self, living: Records) -> None:
        """Free the entries of connections that are no longer open."""
        if self._spoken:
            open_ones = set(own(living).tolist())
            self._spoken = {s: spoken for s, spoken in self._spoken.items() if s in open_ones}

    def _learn(self, serial: int, segment: bytes) -> _Spoken | None:
        spoken = self._spoken.get(serial) or _Spoken()
        if hash(segment) in spoken.segments:
            return spoken
        spoken.segments.add(hash(segment))
        for members in messages(segment):
            _note(spoken, members)
        if spoken.methods or spoken.server:
            if version := _HEADER.search(segment):
                spoken.version = version[1].decode()
            if serial not in self._spoken and len(self._spoken) >= _CONNECTIONS:
                del self._spoken[next(iter(self._spoken))]
            self._spoken[serial] = spoken
            return spoken
        return None


def _note(spoken: _Spoken, members: Members) -> None:
    """Add the content of one message, if it belongs to MCP or A2A."""
    values: dict[tuple[bytes, ...], bytes] = {}
    for path, value in members:
        values.setdefault(path, value)
    method = values.get((b"method",))
    name_of_method = _method(method) if method is not None else None
    if method is not None and name_of_method is None and not spoken.methods:
        return  # another use of JSON-RPC
    if method is not None and len(spoken.methods) < _METHODS:
        spoken.methods.add(name_of_method or "other")
    if method is None and not (spoken.methods or any(path in values for path in _OF_SERVERS)):
        return
    spoken.client = _first(values, _OF_CLIENTS) or spoken.client
    spoken.server = _first(values, _OF_SERVERS) or spoken.server
    for path in _OF_VERSIONS:
        if VERSION.match(values.get(path, b"")):
            spoken.version = values[path].decode()
            break
    for name in (_name(value) for path, value in members if path == _OFFERED):
        _count(spoken, name, 0)
    if method == b"tools/call" and _CALLED in values:
        _count(spoken, _name(values[_CALLED]), 1)


def _method(method: bytes) -> str | None:
    if METHOD.match(method):
        return method.decode()
    return f"a2a:{method.decode()}" if _A2A.match(method) else None


def _first(values: dict[tuple[bytes, ...], bytes], paths: tuple[tuple[bytes, ...], ...]) -> str | None:
    return next((_name(values[path]) for path in paths if path in values), None)


def _name(value: bytes) -> str:
    return value.decode() if _NAME.match(value) else "other"


def _count(spoken: _Spoken, name: str, calls: int) -> None:
    room = sum(map(len, spoken.tools)) + len(name) < _TEXT and len(spoken.tools) < _TOOLS
    if name in spoken.tools or room:
        spoken.tools[name] = spoken.tools.get(name, 0) + calls


def messages(segment: bytes) -> Iterator[Members]:
    """The wanted members of each JSON-RPC message in a segment: a body, chunk or server-sent events,
    optionally after an HTTP head."""
    if segment.startswith((b"POST ", b"HTTP/1")):
        segment = re.split(rb"\n\r?\n", segment, maxsplit=1)[-1]
    events = [match.end() for match in _EVENT.finditer(segment)][:8]
    begins = events or [at for at in (segment.find(b"{"),) if at >= 0]
    for at in begins:
        yield from _objects(segment, at)


def _objects(text: bytes, at: int) -> Iterator[Members]:
    """The wanted string members of the object, or of each object of the array, at `at`; may be truncated."""
    path: list[bytes] = []  # per open bracket: the key, or * in an array
    members: Members = []
    is_key = False
    for _ in range(_TOKENS):
        token = _TOKEN.match(text, at)
        if token is None:
            break
        at = token.end()
        mark, string = token[1], token[2]
        if mark in (b"{", b"["):
            if len(path) == _DEPTH:
                break
            path.append(b"" if mark == b"{" else b"*")
            is_key = mark == b"{"
        elif mark in (b"}", b"]"):
            if not path:
                break
            path.pop()
            if not path or (path == [b"*"] and mark == b"}"):
                yield members
                members = []
            if not path:
                return
            is_key = False
        elif mark == b",":
            is_key = bool(path) and path[-1] != b"*"
        elif mark == b":":
            is_key = False
        elif string is not None and is_key:
            path[-1] = string
        elif string is not None:
            where = tuple(path[1:] if path[:1] == [b"*"] else path)
            if where in _WANTED:
                members.append((where, string))
    if members:
        yield members
