"""Evidence: keeps the packets that opened matched connections, encrypted, and writes them to a pcap on
request.

Only SYN segments and hellos are kept (`decode/capture/handshakes.py`), nothing a person wrote or read. They
wait in memory, because a connection is matched when its first minute is over or when it ends; if it is not
matched within `WAIT_S`, they are forgotten. The others are encrypted (`sensor/store/evidence.py`) with
`<state>/keys/evidence.key`, which lies outside the lake. Keeping and reading evidence is entered in the audit
log before it happens.

There are limits on packets and bytes per connection (below), and on megabytes and days on disk (`Bounds`).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from sensor.decode.capture.handshakes import Kept
from sensor.decode.dissection.addresses import addresses
from sensor.decode.kernels.strings import own
from sensor.decode.layout import TCP
from sensor.durable import explained, write
from sensor.errors import LakeError, UsageError, reason_of
from sensor.privacy.audit import AuditLog
from sensor.privacy.keys import Keys
from sensor.store.evidence import SealedFiles, blocks, expire, files

#: How long packets wait for their connection to be matched: its first minute, and the batch after it.
WAIT_S = 180
#: How much memory they take at most; the oldest are forgotten first.
MEMORY_BYTES = 64 << 20
#: Limits per connection: enough for the SYN of each side, sent twice, and hellos in several segments.
CONNECTION_PACKETS = 16
CONNECTION_BYTES = 32 << 10
#: Number of connections, the latest, for which the limits are kept.
_COUNTED = 1 << 16

_PACKET = struct.Struct("<qIII")  # time (microseconds), link type, original length, captured length
_PCAP = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<4I")
_SNAP = 262_144
_ENDS = ("client", "client_port", "server", "server_port", "transport")
_THERE = ("source", "source_port", "target", "target_port", "transport")
_BACK = ("target", "target_port", "source", "source_port", "transport")


@dataclass(frozen=True)
class Packet:
    """A packet that was kept: its link type (as in pcap), its length on the wire, and the bytes captured."""

    time_us: int
    link: int
    length: int
    data: bytes


class _Waiting(NamedTuple):
    """Packets of one batch of one worker: their addresses and times (`rows`), and their bytes."""

    newest_us: int
    rows: pl.DataFrame
    data: bytes


class Evidence:
    """Packets that wait for their connection to be matched, and the files they go to then. Not
    thread-safe."""

    def __init__(self, sealed: SealedFiles) -> None:
        self._sealed = sealed
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._counts: dict[tuple[object, ...], tuple[int, int]] = {}
        #: packets sealed; and those for which the decoder or the memory here had no room, matched or not
        self.packets = self.missed = 0

    def hold(self, kept: Kept) -> None:
        """Let the packets in `kept` wait for their connections to be matched."""
        self.missed += kept.missed
        if not kept.packets.size:
            return
        newest = int(kept.packets["time"].max())
        self._waiting.append(_Waiting(newest, _rows(kept), kept.data.tobytes()))
        self._waiting_bytes += kept.data.size
        oldest = newest - WAIT_S * 1_000_000
        while self._waiting and self._waiting[0].newest_us < oldest:
            self._forget_oldest()
        while self._waiting_bytes > MEMORY_BYTES:
            self.missed += self._forget_oldest().rows.height

    def _forget_oldest(self) -> _Waiting:
        oldest = self._waiting.popleft()
        self._waiting_bytes -= len(oldest.data)
        return oldest

    def matched(self, hits: pl.DataFrame, now: datetime | None = None) -> None:
        """Seal the waiting packets of the connections in `hits`, then delete files that exceed the bounds.

        `hits` needs the columns client, client_port, server, server_port, transport and kind. Raises
        LakeError.
        """
        moment = now or datetime.now(UTC)
        wanted = hits.filter(pl.col("kind") != "dns").select(_ENDS).drop_nulls().unique()
        chosen = b"".join(self._chosen(wanted)) if wanted.height else b""
        if chosen:
            self._sealed.append(chosen, moment)
        self._sealed.expire(moment)

    def _chosen(self, wanted: pl.DataFrame) -> Iterator[bytes]:
        """The encoded packets of `wanted` connections, removed from those that wait."""
        there, back = (wanted.rename(dict(zip(_ENDS, ends, strict=True))) for ends in (_THERE, _BACK))
        both = pl.concat([there, back.select(_THERE)]).unique()
        for place, waiting in enumerate(self._waiting):
            is_wanted = waiting.rows.join(both, on=_THERE, how="semi", maintain_order="left")
            if is_wanted.is_empty():
                continue
            rest = waiting.rows.join(both, on=_THERE, how="anti", maintain_order="left")
            self._waiting[place] = waiting._replace(rows=rest)
            for row in is_wanted.select(*_THERE, "time", "link", "length", "captured", "offset").iter_rows():
                *ends, time_us, link, length, captured, at = row
                if self._has_room(tuple(ends), captured):
                    self.packets += 1
                    yield _PACKET.pack(time_us, link, length, captured) + waiting.data[at : at + captured]

    def _has_room(self, ends: tuple[object, ...], size: int) -> bool:
        """True, and counted, if the connection may have one more packet of `size` bytes."""
        source, source_port, target, target_port, transport = ends
        key = (*sorted([(source, source_port), (target, target_port)], key=str), transport)
        packets, before = self._counts.pop(key, (0, 0))
        fits = packets < CONNECTION_PACKETS and before + size <= CONNECTION_BYTES
        self._counts[key] = (packets + 1, before + size) if fits else (packets, before)
        if len(self._counts) > _COUNTED:
            del self._counts[next(iter(self._counts))]
        return fits


def _rows(kept: Kept) -> pl.DataFrame:
    """The HANDSHAKE records of `kept` as columns, with addresses as text."""
    packets, address, port = kept.packets, kept.packets["address"], kept.packets["port"]
    names = ("time", "offset", "captured", "length", "link")
    return pl.DataFrame({name: own(packets[name]) for name in names}).with_columns(
        addresses(own(address[:, 0]), own(address[:, 1])).alias("source"),
        pl.Series("source_port", own(port[:, 0])),
        addresses(own(address[:, 2]), own(address[:, 3])).alias("target"),
        pl.Series("target_port", own(port[:, 1])),
        pl.Series("transport", np.where(packets["protocol"] == TCP, "tcp", "udp"), dtype=pl.String),
    )


@dataclass
class Read:
    """Result of `read`."""

    packets: int = 0
    #: one line for each file that was damaged or sealed with another key, and for packets left out
    problems: list[str] = field(default_factory=list)


def read(lake: Path, keys: Keys, log: AuditLog, to: Path, *, now: datetime, reason: str = "") -> Read:
    """Write all evidence that has not expired to the pcap file `to`, ordered by time; no file if there is
    none.

    Reading is entered in `log` first. Raises UsageError if `keys` has no key for evidence, LakeError if a
    file cannot be read or written.
    """
    if not keys.has_evidence():
        hint = "name the state folder of the capture"
        raise UsageError("no key for evidence in this state folder", place="--state", hint=hint)
    log.append("evidence.read", now=now, reason=reason or None)
    expire(lake, now)
    result, key = Read(), keys.evidence()
    with explained(lake):
        found = [
            p for file in files(lake) for block in blocks(file, key, result.problems) for p in _packets(block)
        ]
    found.sort(key=lambda packet: packet.time_us)
    chosen = [packet for packet in found if packet.link == found[0].link]
    if len(chosen) < len(found):
        result.problems.append(f"{to}: {len(found) - len(chosen)} packets of another link type left out")
    if chosen:
        _write(to, chosen)
    result.packets = len(chosen)
    return result


def _packets(block: bytes) -> Iterator[Packet]:
    at = 0
    while at < len(block):
        time_us, link, length, captured = _PACKET.unpack_from(block, at)
        at += _PACKET.size
        yield Packet(time_us, link, length, block[at : at + captured])
        at += captured


def _write(to: Path, packets: list[Packet]) -> None:
    """Write a pcap (microseconds, mode 0600), completely or not at all. Raises LakeError."""
    content = bytearray(_PCAP.pack(0xA1B2C3D4, 2, 4, 0, 0, _SNAP, packets[0].link))
    for packet in packets:
        seconds, micros = divmod(packet.time_us, 1_000_000)
        content += _RECORD.pack(seconds, micros, len(packet.data), packet.length) + packet.data
    try:
        write(to, bytes(content))
    except OSError as error:
        raise LakeError(reason_of(error), place=str(to)) from None
