"""dnstap: what a resolver itself recorded of its messages, as a Frame Streams file or stream.

    fstrm_capture -t protobuf:dnstap.Dnstap -u /run/dnstap.sock -w dns.fstrm      (or `dnstap -u … -w …`)

A file is frames, each four bytes of length (most significant first) and a protobuf `Dnstap`; length
0 escapes a control frame (Frame Streams 0.6, dnstap.proto). The DNS messages inside go the way of
those from packets (`decode.dns.lookups`): a question and its answer are one row, blocked where refused or
answered with nowhere, and the answers name later connections.

Read are CLIENT_QUERY and CLIENT_RESPONSE: what was asked *of* the resolver, whose `query_address`
is the client. RESOLVER, FORWARDER, AUTH, STUB, TOOL and UPDATE messages repeat the same names on
their way upstream and are set aside.

Protobuf is read field by field over all frames of a chunk at once; only finding where frames begin
is a walk, because each says where the next one is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor import schema
from sensor.chunks import fault_of
from sensor.decode.layout import EVENT, TCP, UDP, Bytes, Records
from sensor.sources.interface import Batch, Input, Source
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.rows import records
from sensor.sources.logs.text.reasons import RESOLVERS_OWN

if TYPE_CHECKING:
    from sensor.decode.dns.lookups import Lookups

UNREADABLE = "no dnstap message"
NO_QUESTION = "DNS message without a readable question"
TOO_LONG = "frame too long"

#: Size of a chunk of frames that are read together, and of the longest valid frame (a DNS message has 64 KB).
CHUNK_BYTES = 4 << 20
MAX_FRAME_BYTES = 256 * 1024
_CONTENT = b"protobuf:dnstap.Dnstap"
_START = (0).to_bytes(4, "big")

#: Numbers of dnstap.proto.
_MESSAGE, _KIND = 14, 15
_TYPE, _PROTOCOL, _QUERY_ADDRESS, _RESPONSE_ADDRESS, _QUERY_PORT, _RESPONSE_PORT = 1, 3, 4, 5, 6, 7
_QUERY_S, _QUERY_NS, _QUERY, _RESPONSE_S, _RESPONSE_NS, _RESPONSE = 8, 9, 10, 12, 13, 14
_VALUES = {
    "type": _TYPE, "protocol": _PROTOCOL, "query_address": _QUERY_ADDRESS,
    "response_address": _RESPONSE_ADDRESS,
    "query_port": _QUERY_PORT, "response_port": _RESPONSE_PORT,
}  # fmt: skip
_WANTED = (*_VALUES.values(), _QUERY_S, _QUERY_NS, _QUERY, _RESPONSE_S, _RESPONSE_NS, _RESPONSE)
_CLIENT_QUERY, _CLIENT_RESPONSE = 5, 6
#: SocketProtocol: UDP, TCP, DOT, DOH, DNSCryptUDP, DNSCryptTCP, DOQ.
_OVER_TCP = (2, 3, 4, 6)
#: A message has no more fields than these.
_MAX_FIELDS = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Field:
    """One protobuf field over all messages: its number, or where its bytes begin; -1 in `size` if absent."""

    value: _Numbers
    size: _Numbers


class DnstapSource(Source):
    """Reads dnstap frame streams."""

    name = "dnstap"
    help = (
        "dnstap frame streams (fstrm_capture, dnstap -w, dnsdist, Unbound, BIND, Knot, CoreDNS): client "
        "queries and responses over UDP, TCP, DoT, DoH, DoQ"
    )
    vantage = "dns"
    proof = ("host", "action")
    advice = (
        "Client responses (Unbound: dnstap-log-client-response-messages; BIND: dnstap { client; };) tell "
        "what was blocked, and their addresses name later connections."
    )

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the control frame that says what the frames are."""
        return 1.0 if head.startswith(_START) and _CONTENT in head[:512] else 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per chunk: lookups, answers, coverage, rejects."""
        # Numba is imported and kernels are loaded only when messages are really read.
        from sensor.decode.dns.lookups import Lookups

        lookups = Lookups()
        (file,) = source_input.files
        position = 0
        with file.open() as stream:
            for chunk in _chunks(stream):
                position += chunk.end - chunk.start
                yield Batch(position, _tables(chunk, lookups))
        ended = lookups.read(np.zeros(0, np.uint8), np.zeros(0, EVENT), None)
        yield Batch(position + 1, {"observations": ended.questions, "answers": ended.answers})


@dataclass(frozen=True)
class _Chunk:
    """Whole frames: their bytes, where each one's content begins and ends, and what was amiss."""

    start: int
    end: int
    data: Bytes
    begins: _Numbers
    ends: _Numbers
    fault: str | None


def _chunks(stream: IO[bytes]) -> Iterator[_Chunk]:
    """The stream in chunks of whole frames."""
    rest, position, more = b"", 0, True
    while more:
        text = stream.read(CHUNK_BYTES)
        more = len(text) == CHUNK_BYTES
        text = rest + text
        begins, ends, used, fault = _frames(text)
        if not more and fault is None and used < len(text):
            fault = "ends in the middle of a frame"
        if not more:
            fault = fault or fault_of(stream)
        done = len(text) if fault or not more else used
        data = np.frombuffer(text[:used] + bytes(16), np.uint8)
        if done:
            yield _Chunk(position, position + done, data, begins, ends, fault)
        if fault:
            return
        rest, position = text[used:], position + done


def _frames(text: bytes) -> tuple[_Numbers, _Numbers, int, str | None]:
    """Where the data frames of `text` begin and end, the bytes of whole frames, and what is wrong."""
    found: list[int] = []
    at, size = 0, len(text)
    fault = None
    while at + 4 <= size:
        length = int.from_bytes(text[at : at + 4], "big")
        is_control = length == 0
        if is_control:
            if at + 8 > size:
                break
            length = int.from_bytes(text[at + 4 : at + 8], "big") + 4
        if length > MAX_FRAME_BYTES:
            fault = TOO_LONG
            break
        if at + 4 + length > size:
            break
        if not is_control:
            found.append(at)
        at += 4 + length
    begins = np.array(found, dtype=np.int64) + 4
    ends = begins + np.array([int.from_bytes(text[b : b + 4], "big") for b in found], dtype=np.int64)
    return begins, ends, at, fault


def _tables(chunk: _Chunk, lookups: Lookups) -> dict[str, pl.DataFrame]:
    """Observations, answers, coverage and rejects of a chunk."""
    messages = _messages(chunk)
    used = messages.filter(pl.col("reason").is_null())
    events = _events(used, chunk.data)
    newest = int(events["time"].max()) if len(events) else 0
    paired = lookups.read(chunk.data, events, newest)
    block = Block(chunk.start, chunk.end, b"", fault=chunk.fault)
    return {
        "observations": paired.questions,
        "answers": paired.answers,
        "coverage": _covered(messages, paired.unusable),
        "rejects": _rejected(records.rejects(messages, block), paired.unusable),
    }


def _covered(messages: pl.DataFrame, unreadable: pl.DataFrame) -> pl.DataFrame:
    """Coverage of the frames; messages without a readable question count as rejected, too."""
    minutes = unreadable.group_by(pl.col("minute").cast(schema.TIME)).agg(
        pl.col("rejected").sum().alias("more")
    )
    coverage = records.coverage(messages).join(minutes, on="minute", how="left", maintain_order="left")
    return coverage.with_columns(pl.col("rejected") + pl.col("more").fill_null(0)).drop("more")


def _rejected(rejects: pl.DataFrame, unreadable: pl.DataFrame) -> pl.DataFrame:
    if unreadable.is_empty():
        return rejects
    row = {
        "rejected_at": [unreadable["last_seen"].max()],
        "reason": [NO_QUESTION],
        "count": [unreadable.height],
    }
    more = pl.DataFrame(row).with_columns(pl.col("rejected_at").cast(schema.TIME))
    return pl.concat([schema.REJECTS.conform(part) for part in (rejects, more)])


def _messages(chunk: _Chunk) -> pl.DataFrame:
    """One row per frame: the columns of `records.RECORD`, and where the DNS message and its addresses are."""
    outer = fields(chunk.data, chunk.begins, chunk.ends, (_MESSAGE, _KIND))[_MESSAGE]
    found = fields(chunk.data, outer.value, outer.value + np.maximum(outer.size, 0), _WANTED)
    answers = found[_TYPE].value == _CLIENT_RESPONSE
    late = answers & (found[_RESPONSE_S].size >= 0)

    def either(part: str, where: _Numbers, this: int, that: int) -> _Numbers:
        chosen: _Numbers = np.where(where, getattr(found[this], part), getattr(found[that], part))
        return chosen

    table = pl.DataFrame(
        {
            "seconds": either("value", late, _RESPONSE_S, _QUERY_S),
            "nanos": either("value", late, _RESPONSE_NS, _QUERY_NS),
            "offset": chunk.begins + chunk.start - 4,
            "bytes": chunk.ends - chunk.begins + 4,
            "answer": answers,
            "body": either("value", answers, _RESPONSE, _QUERY),
            "body_size": either("size", answers, _RESPONSE, _QUERY),
            "query_size": found[_QUERY_ADDRESS].size,
            "response_size": found[_RESPONSE_ADDRESS].size,
        }
        | {name: found[number].value for name, number in _VALUES.items()}
    )
    messages = table.with_columns(_time().alias("at")).with_columns(reason=_reason())
    return messages.with_columns(
        rejected=pl.col("reason").eq_missing(UNREADABLE), line=pl.lit(None, dtype=pl.String)
    )


def _time() -> pl.Expr:
    plausible = pl.col("seconds").is_between(1, records.LATEST_S) & pl.col("nanos").is_between(0, 999_999_999)
    micros = pl.when(plausible).then(pl.col("seconds") * 1_000_000 + pl.col("nanos") // 1000)
    return pl.from_epoch(micros, time_unit="us").cast(schema.TIME)


def _reason() -> pl.Expr:
    readable = pl.col("at").is_not_null() & (pl.col("body_size") >= 12) & pl.col("query_size").is_in([4, 16])
    ours = pl.col("type").is_in([_CLIENT_QUERY, _CLIENT_RESPONSE])
    return (
        pl.when((pl.col("type") > 0) & ~ours)
        .then(pl.lit(RESOLVERS_OWN))
        .when(~readable)
        .then(pl.lit(UNREADABLE))
    )


def _events(used: pl.DataFrame, data: Bytes) -> Records:
    """The DNS messages as the decoder hands them on: sender first."""
    from sensor.decode.tcp.messages import DNS_MESSAGE

    events = np.zeros(used.height, EVENT)
    answer = used["answer"].to_numpy()
    asker = _addresses(data, used["query_address"].to_numpy(), used["query_size"].to_numpy())
    asked = _addresses(data, used["response_address"].to_numpy(), used["response_size"].to_numpy())
    sides = np.where(answer[:, None], np.hstack([asked, asker]), np.hstack([asker, asked]))
    ports = used.select("query_port", "response_port").to_numpy() & 0xFFFF
    events["kind"] = DNS_MESSAGE
    events["time"] = used["at"].dt.epoch("us").to_numpy()
    events["offset"], events["length"] = used["body"].to_numpy(), used["body_size"].to_numpy()
    events["protocol"] = np.where(np.isin(used["protocol"].to_numpy(), _OVER_TCP), TCP, UDP)
    events["address"] = sides
    events["port"] = np.where(answer[:, None], ports[:, ::-1], ports)
    return events


def _addresses(data: Bytes, at: _Numbers, size: _Numbers) -> npt.NDArray[np.uint64]:
    """Two halves each, IPv4 as ::ffff:a.b.c.d, absent ones as ::."""
    known = np.isin(size, (4, 16))
    places = np.where(known, at, 0)[:, None] + np.arange(16)
    octets = np.ascontiguousarray(data[np.minimum(places, data.size - 1)])
    high, low = octets.view(">u8").astype(np.uint64).T if len(at) else np.zeros((2, 0), np.uint64)
    mapped = np.uint64(0xFFFF << 32) | high >> np.uint64(32)
    high = np.where(size == 16, high, 0).astype(np.uint64)
    low = np.where(size == 16, low, np.where(size == 4, mapped, 0)).astype(np.uint64)
    return np.stack([high, low], axis=1)


def fields(data: Bytes, begins: _Numbers, ends: _Numbers, wanted: tuple[int, ...]) -> dict[int, Field]:
    """The `wanted` fields of the protobuf messages at data[begins:ends], all at once.

    A field that comes twice keeps its last value; reading of a message stops where it is broken.
    `data` must reach 16 bytes beyond the last message.
    """
    found = {n: Field(np.zeros(begins.size, np.int64), np.full(begins.size, -1)) for n in wanted}
    at = begins.copy()
    for _ in range(_MAX_FIELDS):
        rows = np.flatnonzero(at < ends)
        if rows.size == 0:
            break
        end = ends[rows]
        tag, place = _varint(data, at[rows], end)
        wire, number = tag & 7, tag >> 3
        value, after = _varint(data, place, end)
        fixed = (wire == _FIXED32) & (place + 4 <= end)
        sized = (wire == _BYTES) & (value >= 0) & (value <= end - after)
        value = np.where(fixed, _little(data, place), value)
        plain = (wire == _VARINT) & (after <= end)
        following = np.select(
            [plain, sized, fixed, wire == _FIXED64],
            [after, after + value, place + 4, place + 8],
            np.iinfo(np.int64).max,
        )
        for n, field in found.items():
            here = (number == n) & (plain | sized | fixed)
            field.value[rows[here]] = np.where(sized, after, value)[here]
            field.size[rows[here]] = np.where(sized, value, 0)[here]
        at[rows] = following
    return found


def _varint(data: Bytes, at: _Numbers, end: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Base-128 numbers and where each ends; beyond `end` where it is broken. 63 bits are kept."""
    value, at = np.zeros(at.size, np.int64), at.copy()
    going = np.ones(at.size, np.bool_)
    for shift in range(0, 63, 7):
        byte = data[np.clip(at, 0, data.size - 1)].astype(np.int64)
        value |= np.where(going, (byte & 0x7F) << shift, 0)
        at += going
        going &= byte >= 0x80
        if not going.any():
            break
    return value, np.where(going, end + 1, at)


def _little(data: Bytes, at: _Numbers) -> _Numbers:
    """Four bytes, least significant first."""
    places = np.clip(at[:, None] + np.arange(4), 0, data.size - 1)
    number: _Numbers = (data[places].astype(np.int64) << np.array([0, 8, 16, 24])).sum(axis=1)
    return number
