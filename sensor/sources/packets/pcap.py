"""Reads capture files: pcap and pcapng, as tcpdump, Wireshark and SPAN recorders write them, and older
kinds."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from sensor.decode.capture import formats
from sensor.decode.layout import CONNECTIONS
from sensor.schema import REJECTS
from sensor.settings import PRIVATE_NETWORKS
from sensor.sources.interface import Batch, File, Input, Source
from sensor.sources.packets.leases import PacketLeases

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sensor.decode.capture.merge import Merged
    from sensor.decode.capture.reader import Capture
    from sensor.decode.decoder import Decoder

    _Cut = tuple[int, Future[dict[str, pl.DataFrame]], bool]

#: Batches are cut about this often, in bytes of input: half a second's work. What a batch costs by itself is
#: a tenth of that (some thousand calls of Polars, six files made durable); its memory is bounded by what the
#: decoder holds, not by this.
BATCH_BYTES = 512 << 20

_SECOND = 1_000_000
#: bytes that hold any frame of ordinary Ethernet
_WHOLE = 1514

#: what differs in the names of one input
_VARYING = re.compile(r"\.(?:gz|zst|bz2|xz)$|\d+")
_UNDECODED = "link type not taken apart here (try --replace --engine tshark)"


class PcapSource(Source):
    """Packets from files: names from DNS, TLS, QUIC and HTTP, byte counts from the headers."""

    name = "pcap"
    help = (
        "pcap (micro- and nanoseconds, both byte orders, modified headers), pcapng, snoop, Network Monitor, "
        "Sniffer for Windows, iptrace, ERF; Ethernet, raw IP, loopback, Linux cooked 1 and 2, PPP, PPPoE, "
        "Cisco HDLC, 802.11 that is not encrypted and rarer ones; VLAN tags of any depth, MPLS, GRE, PPTP, "
        "ERSPAN I to III, VXLAN, GENEVE, GTP, L2TP, TZSP, Teredo, CAPWAP, IP in IP; tried with tcpdump 4.99, "
        "tshark and editcap 4.0, scapy 2.6"
    )
    vantage = "packets"
    is_capture = True
    needs_kernels = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint")

    def __init__(
        self,
        internal_networks: Sequence[str] = PRIVATE_NETWORKS,
        *,
        connections: int = CONNECTIONS,
        batch_bytes: int = BATCH_BYTES,
        seed: int | None = None,
    ) -> None:
        super().__init__(internal_networks)
        self._connections = connections
        self._batch_bytes = batch_bytes
        self._seed = seed

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the magic number."""
        return 1.0 if formats.recognise(head) else 0.0

    @classmethod
    def group(cls, files: Sequence[File]) -> list[tuple[File, ...]]:
        """Groups files of a folder whose names only differ in digits and compression: rotated (tcpdump -C,
        -G), or legs of a TAP."""
        groups: dict[tuple[str, str], list[File]] = {}
        for file in files:
            folder, _, base = file.name.rpartition("/")
            members = groups.setdefault((folder, _VARYING.sub("", base)), [])
            if all(file.identity != other.identity for other in members):
                members.append(file)
            else:
                groups[(file.name, "copy")] = [file]
        return [tuple(sorted(members, key=_order)) for members in groups.values()]

    @classmethod
    def doubt(cls, source_input: Input) -> str:
        """A warning if packets were cut when they were recorded; known from the header."""
        snap = min((s for s in map(_snap_length, source_input.files) if s), default=_WHOLE)
        if snap >= _WHOLE:
            return ""
        return (
            f"{source_input.name}: recorded with {snap} bytes of each packet: names in what was cut off are "
            "lost; record whole packets (tcpdump -s 0)"
        )

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Batches of connections in slices of a minute, DNS questions and answers, coverage and rejects.

        Files that overlap in time are merged; others are read one after another.
        """
        # Numba is imported and kernels are loaded only when a capture is really read.
        from sensor.decode.capture.merge import Merged
        from sensor.decode.decoder import Decoder

        decoder = Decoder(self.internal_networks, connections=self._connections, seed=self._seed)
        leases, rejects = PacketLeases(self.vantage), list[pl.DataFrame]()

        def end(capture: Capture) -> None:
            decoder.add_drops(capture.kernel_drops)
            rejects.extend(_rejects(capture, decoder.clock))

        files = sorted(source_input.files, key=_order)
        of = [f"file {n} of {len(files)}, " if len(files) > 1 else "" for n in range(1, len(files) + 1)]
        opens = [(_order(file)[0], partial(_open, file, n)) for file, n in zip(files, of, strict=True)]
        merged = Merged(opens, end)
        with closing(merged):
            for position, made, is_part in _one_behind(self._cuts(decoder, merged)):
                yield Batch(position, leases.put(made.result(), last=False), last=False, is_part=is_part)
        frames = leases.put(decoder.batch(last=True), last=True)
        frames["rejects"] = pl.concat(rejects) if rejects else REJECTS.empty()
        yield Batch(merged.size, frames, last=True)

    def _cuts(self, decoder: Decoder, merged: Merged) -> Iterator[_Cut]:
        """Where batches are cut, their tables (made on another thread), and whether more parts follow."""
        from sensor.decode.decoder import decode_capture

        cut = 0
        for position in decode_capture(decoder, merged, self._batch_bytes):
            if position > cut:
                cut = position
                yield cut, decoder.cut(), False
        for _ in decoder.ending():
            yield merged.size, decoder.cut(), True


def _one_behind(cuts: Iterator[_Cut]) -> Iterator[_Cut]:
    """Yields each batch once the next has come; until then its tables are made on another thread."""
    held = next(cuts, None)
    for cut in cuts:
        if held is not None:
            yield held
        held = cut
    if held is not None:
        yield held


def _open(file: File, name: str) -> Capture:
    from sensor.decode.capture.reader import Capture

    return Capture(file.open(), file.head, name)


def _snap_length(file: File) -> int:
    """Bytes of each packet that a capture keeps, as its first interface says; 0 if it does not say."""
    head, kind = file.head, formats.recognise(file.head)
    if kind == formats.PCAP:
        order, at = ">" if formats.PCAP_MAGIC[head[:4]].big_endian else "<", 16
    elif kind == formats.PCAPNG:
        order = "<" if head[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
        block = int(struct.unpack_from(f"{order}I", head, 4)[0])
        if head[block : block + 4] != struct.pack(f"{order}I", 1):  # no interface yet
            return 0
        at = block + 12
    else:
        return 0
    return int(struct.unpack_from(f"{order}I", head, at)[0]) if at + 4 <= len(head) else 0


def _rejects(capture: Capture, clock: int | None) -> Iterator[pl.DataFrame]:
    """The parts of a capture that could not be read."""
    if capture.reject:
        reason, place = capture.reject
        yield _reject(reason, f"{capture.name}byte {place}", 1, clock)
    for link, count in sorted(capture.undecoded.items()):
        what = f"link type {link}" if link >= 0 else "interface not described"
        yield _reject(_UNDECODED, f"{capture.name}{what}", count, clock)


def _order(file: File) -> tuple[int, str]:
    return formats.first_time(file.head) or 0, file.name


def _reject(reason: str, place: str, count: int, clock: int | None) -> pl.DataFrame:
    when = datetime.fromtimestamp(clock / _SECOND, UTC) if clock else None
    row = {"rejected_at": [when], "place": [place], "reason": [reason], "count": [count], "shape": [""]}
    return REJECTS.conform(pl.DataFrame(row))
