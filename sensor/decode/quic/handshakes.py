"""Finds the ClientHello in the Initial packets of a QUIC connection attempt, within a budget.

The keys derive from the connection id that the client chose first (RFC 9001 §5.2). So only packets of the
client decrypt with them, whichever side is seen first. Retry (a new connection id, and the CRYPTO stream
restarts, RFC 9000 §17.2.5) and compatible version negotiation (keys of the other version for the same
connection id, RFC 9369 §4.1) are followed.
Google's own older versions are named by a ClientHello that always fits in one packet (`gquic`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sensor.decode.kernels.strings import own
from sensor.decode.layout import SECOND, Bytes, Records
from sensor.decode.quic.decryption import Initial, Protection, read, read_by
from sensor.decode.quic.gquic import client_hello_name
from sensor.decode.quic.initials import Q050, CryptoStreams, locate
from sensor.decode.quic.protection import Keyring
from sensor.decode.tls.client_hello import server_name

#: Initials tried per side; as many again, once, after a restart.
BUDGET = 4

#: Initials tried per second of traffic, over all connections. Each takes about 15 µs, so that a flood costs
#: at most a third of a core.
BUDGET_PER_S = 20_000

#: Maximum attempts followed at a time. The oldest are abandoned.
MAX_ATTEMPTS = 8192

_TAG = 16


class _Side:
    """The Initials that one endpoint of an attempt sent."""

    __slots__ = ("_keyring", "left", "protection", "renewed", "tried", "unread")

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.protection: Protection | None = None
        self.left = BUDGET
        self.renewed = False
        self.tried: list[bytes] = []
        self.unread: list[Initial] = []

    def is_new(self, packet: Initial) -> bool:
        """False for a packet that was tried before (its authentication tag is the same)."""
        return packet.data[-_TAG:] not in self.tried

    def open(self, packet: Initial) -> tuple[list[bytes], bool]:
        """The payloads that a new packet makes readable, and whether the client restarts with them."""
        self.left -= 1
        self.tried.append(packet.data[-_TAG:])
        known = self.protection
        if known is None:
            return self._open_first(packet), False
        payload = self._open_within(known, packet)
        if payload is not None:
            return [payload], False
        return self._open_anew(known, packet)

    def _open_within(self, known: Protection, packet: Initial) -> bytes | None:
        """Decrypt with the known connection id, in the version of the packet."""
        if packet.connection_id != known.connection_id:
            packet = read_by(self._keyring, packet, packet.version, known.connection_id)
        if packet.version != known.version:
            known = Protection(packet)
        payload = known.open(packet)
        if payload is not None:
            self.protection = known
        return payload

    def _open_first(self, packet: Initial) -> list[bytes]:
        """Before any packet was decrypted: try the keys of its own id, else keep it for those of another."""
        first = Protection(packet)
        payload = first.open(packet)
        if payload is None:
            self.unread.append(packet)
            return []
        self.protection = first
        if not self.unread:
            return [payload]
        earlier = [self._open_within(first, other) for other in self.unread]
        self.unread.clear()
        return [payload, *(other for other in earlier if other is not None)]

    def _open_anew(self, known: Protection, packet: Initial) -> tuple[list[bytes], bool]:
        """After Retry or version negotiation: try the keys of the new id."""
        if packet.connection_id == known.connection_id:
            return [], False
        fresh = Protection(packet)
        payload = fresh.open(packet)
        if payload is None:
            return [], False
        self.protection = fresh
        if not self.renewed:
            self.renewed, self.left = True, BUDGET
        return [payload], True


class _Attempt:
    """One attempt, seen from both sides until the client is known."""

    __slots__ = ("client", "named", "sides", "slot")

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.client = 0  # 1 the lower endpoint, 2 the upper
        self.named = False
        self.sides: list[_Side | None] = [None, None]


@dataclass
class Found:
    """The ClientHellos and names in a batch of Initials; rows are those of the events that completed them."""

    hellos: list[bytes] = field(default_factory=list)
    hello_rows: list[int] = field(default_factory=list)
    hello_clients: list[int] = field(default_factory=list)
    #: Names of ClientHellos that are not complete yet, and may never be.
    names: list[str] = field(default_factory=list)
    name_rows: list[int] = field(default_factory=list)
    name_clients: list[int] = field(default_factory=list)
    #: Times (microseconds) of Initials skipped for lack of budget.
    skipped: list[int] = field(default_factory=list)

    def add_name(self, host: str, row: int, client: int) -> None:
        """Add the name of a ClientHello that will not be completed."""
        self.names.append(host)
        self.name_rows.append(row)
        self.name_clients.append(client)


class _Budget:
    """The number of packets that may be tried per second of traffic."""

    __slots__ = ("_second", "_spent")

    def __init__(self) -> None:
        self._second, self._spent = 0, 0

    def affords(self, second: int) -> bool:
        """True if one more may be tried in this second; counts it."""
        if second != self._second:
            self._second, self._spent = second, 0
        self._spent += 1
        return self._spent <= BUDGET_PER_S


class Attempts:
    """The attempts of all connections, across batches.

    The result for an Initial depends only on earlier Initials, not on batch boundaries. So attempts of ended
    connections are kept until newer ones displace them.
    """

    def __init__(self, most: int = MAX_ATTEMPTS) -> None:
        self._most = most
        self._keyring = Keyring()
        self._streams = CryptoStreams(most)
        self._open: dict[int, _Attempt] = {}
        self._ended: dict[int, bool] = {}  # connection → True if its ClientHello was read, False if abandoned
        self._budget, self._clear_budget = _Budget(), _Budget()

    def read(self, arena: Bytes, events: Records) -> Found:
        """Process the INITIAL events of a batch in order; `arena` has their bytes."""
        found = Found()
        packets = locate(arena, own(events["offset"]), own(events["length"]))
        rows = packets["datagram"]
        serials, sides, times = (events[name][rows].tolist() for name in ("serial", "side", "time"))
        for row, serial, side, time, packet in zip(
            rows.tolist(), serials, sides, times, read(self._keyring, arena, packets), strict=True
        ):
            was_read = self._ended.get(serial)
            if was_read is None:
                if not self._take(serial, side, row, packet, time // SECOND, found):
                    found.skipped.append(time)
            elif not was_read:
                found.skipped.append(time)
        if np.unique(rows).size < events.size:
            self._read_clear(arena, events, rows, found)
        return found

    def _read_clear(self, arena: Bytes, events: Records, opened: Records, found: Found) -> None:
        """Names in datagrams without Initials: versions whose ClientHello is not encrypted."""
        view = arena.data
        for row in np.setdiff1d(np.arange(events.size), opened).tolist():
            event = events[row]
            serial, side, time = int(event["serial"]), int(event["side"]), int(event["time"])
            if serial in self._ended:
                continue
            if not self._clear_budget.affords(time // SECOND):
                found.skipped.append(time)
                continue
            begin = int(event["offset"])
            host = client_hello_name(bytes(view[begin : begin + int(event["length"])]))
            if host is not None:
                found.add_name(host, row, side + 1)
                self._ended[serial] = True

    def _take(self, serial: int, side: int, row: int, packet: Initial, second: int, found: Found) -> bool:
        """Read a packet if it is useful; False if there is no budget for it."""
        attempt = self._open.get(serial) or self._begin(serial)
        if attempt.client not in (0, side + 1):
            return True
        sender = attempt.sides[side]
        if sender is None:
            sender = attempt.sides[side] = _Side(self._keyring)
        if not sender.is_new(packet):
            return True
        if sender.left == 0 or not self._budget.affords(second):
            return False
        payloads, anew = sender.open(packet)
        if anew:
            self._streams.restart(attempt.slot)
        for payload in payloads:
            attempt.client = side + 1
            if packet.version == Q050:
                if (host := client_hello_name(payload)) is not None:
                    found.add_name(host, row, attempt.client)
                    self._end(serial, read=True)
                    return True
                continue
            hello, name = self._streams.add(attempt.slot, payload, named=attempt.named)
            if hello is not None:
                found.hellos.append(hello)
                found.hello_rows.append(row)
                found.hello_clients.append(attempt.client)
                self._end(serial, read=True)
                return True
            if name is not None and (host := server_name(name)) is not None:
                attempt.named = True
                found.add_name(host, row, attempt.client)
        return True

    def is_crowded(self, living: int) -> bool:
        """True if most entries belong to other than the `living` connections (their number)."""
        return len(self._ended) > 2 * living + MAX_ATTEMPTS

    def forget(self, living: Records) -> None:
        """Free what belongs to connections that are not among the serials `living`."""
        if self.is_crowded(living.size):
            serials = np.fromiter(self._ended, np.int64, len(self._ended))
            for serial in serials[~np.isin(serials, living)].tolist():
                del self._ended[serial]

    def _begin(self, serial: int) -> _Attempt:
        if len(self._open) == self._most:
            self._end(next(iter(self._open)), read=False)
        attempt = self._open[serial] = _Attempt(self._streams.take())
        return attempt

    def _end(self, serial: int, *, read: bool) -> None:
        self._streams.release(self._open.pop(serial).slot)
        self._ended[serial] = read
