"""Capture files: pcap and pcapng, as tcpdump, dumpcap, Wireshark and SPAN recorders write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar

import polars as pl

from sensor.decode import formats
from sensor.decode.layout import CONNECTIONS
from sensor.schema import REJECTS
from sensor.settings import PRIVATE_NETWORKS
from sensor.sources.interface import Batch, File, Input, Proof, Source

#: Batches are cut about this often, in bytes of input: half a second's work. What a batch costs by itself is
#: a tenth of that (some thousand calls of Polars, six files made durable); its memory is bounded by what the
#: decoder holds, not by this.
BATCH_BYTES = 512 << 20

_SECOND = 1_000_000

_UNDECODED = "link type not taken apart here (try --engine tshark)"


class PcapSource(Source):
    """Packets from files: names from DNS, TLS, QUIC and HTTP, bytes from the headers."""

    name: ClassVar[str] = "pcap"
    help: ClassVar[str] = (
        "pcap (micro- and nanoseconds, both byte orders, modified headers) and pcapng; Ethernet, raw IP, "
        "loopback, Linux cooked 1 and 2, PPP, PPPoE, Cisco HDLC; VLAN tags of any depth, MPLS, GRE, ERSPAN "
        "I to III, VXLAN, GENEVE, IP in IP; tried with tcpdump 4.99, tshark 4.0, scapy 2.6"
    )
    vantage: ClassVar[str] = "packets"
    proof: ClassVar[Proof] = Proof(
        host=True, path=True, bytes_up=True, bytes_down=True, action=True, user_agent=True, fingerprint=True
    )
    advice: ClassVar[str] = ""

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
        """Rotated sets (tcpdump -C, -G): files of one folder whose names differ in digits only."""
        groups: dict[tuple[str, str], list[File]] = {}
        for file in files:
            folder, _, base = file.name.rpartition("/")
            members = groups.setdefault((folder, re.sub(r"\d+", "", base)), [])
            if all(file.identity != other.identity for other in members):
                members.append(file)
            else:
                groups[(file.name, "copy")] = [file]
        return [tuple(sorted(members, key=_order)) for members in groups.values()]

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Connections in slices of a minute, DNS questions and answers, and what could not be read."""
        # Numba is imported and kernels are loaded only when a capture is really read.
        from sensor.decode.capture import Capture
        from sensor.decode.decoder import Decoder, decode_capture

        decoder = Decoder(self.internal_networks, connections=self._connections, seed=self._seed)
        rejects: list[pl.DataFrame] = []
        before, cut = 0, 0
        for file in sorted(source_input.files, key=_order):
            began = formats.first_time(file.head)
            if began is not None and decoder.clock is not None and began < decoder.clock - _SECOND:
                decoder.start_over()
            with file.open() as stream:
                capture = Capture(stream, file.head)
                for position in decode_capture(decoder, capture, self._batch_bytes, before):
                    if before + position > cut:
                        cut = before + position
                        yield Batch(cut, decoder.batch())
            if capture.reject:
                reason, place = capture.reject
                rejects.append(_reject(reason, f"byte {place}", 1, decoder.clock))
            for link, count in sorted(capture.undecoded.items()):
                rejects.append(_reject(_UNDECODED, f"link type {link}", count, decoder.clock))
            before += capture.size
        for _ in decoder.ending():
            yield Batch(before, decoder.batch(), is_part=True)
        frames = decoder.batch(last=True)
        frames["rejects"] = pl.concat(rejects) if rejects else REJECTS.empty()
        yield Batch(before, frames)


def _order(file: File) -> tuple[int, str]:
    return formats.first_time(file.head) or 0, file.name


def _reject(reason: str, place: str, count: int, clock: int | None) -> pl.DataFrame:
    when = datetime.fromtimestamp(clock / _SECOND, UTC) if clock else None
    row = {"rejected_at": [when], "place": [place], "reason": [reason], "count": [count], "shape": [""]}
    return REJECTS.conform(pl.DataFrame(row))
