"""Converts the identity messages of a batch to rows of address holders.

Hosts announce their names every few minutes, and clients request a ticket for every server. So a statement
that repeats the last one of its kind within the first half of its lifetime is dropped.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import polars as pl

from sensor.decode.dissection.addresses import addresses
from sensor.decode.identity import dhcp, hostnames, kerberos, ntlm, radius
from sensor.decode.identity import packets as identity_packets
from sensor.decode.identity.statement import Statement
from sensor.decode.kernels.strings import own
from sensor.decode.layout import SECOND, TCP, Bytes, Records
from sensor.decode.tcp.messages import IDENTITY, REQUEST

#: Maximum addresses whose last holders are kept. The oldest are evicted.
_MOST_REMEMBERED = 1 << 16
#: Link-local, unspecified and loopback addresses.
_OF_ONE_LINK = ("fe8", "fe9", "fea", "feb", "169.254.", "0.", "::", "127.")
#: Lifetime of an endless lease, for the detection of repetitions.
_ENDLESS_S = 86_400.0

SCHEMA: dict[str, pl.DataType] = {
    "said_at": pl.Int64(),  # time of the message, microseconds since 1970
    "began_at": pl.Int64(),  # likewise; when the address was taken
    "address": pl.String(),
    "mac": pl.String(),
    "user_name": pl.String(),
    "device": pl.String(),
    "lease_s": pl.Float64(),  # from `began_at`; NULL for an endless one
    "closes": pl.Boolean(),
    "origin": pl.String(),
    "confidence": pl.Float64(),
}

#: Kind of a statement: origin, whether it names a machine account, confidence.
_Kind = tuple[str, bool, float]
_Who = tuple[str | None, str | None, str | None]

_FIELD = re.compile(ntlm.BASE64_MARK + rb"[A-Za-z0-9+/]*={0,2}")


class IdentityReader:
    """Reads identity messages; keeps state across batches: open Kerberos requests and recent statements."""

    def __init__(self) -> None:
        self._names = dhcp.Names()
        self._attempts = kerberos.Attempts()
        self._emitted: OrderedDict[str, dict[_Kind, tuple[_Who, float]]] = OrderedDict()

    def read(self, arena: Bytes, events: Records, now: int | None = None) -> pl.DataFrame:
        """Rows of `SCHEMA` from the `events` of a batch, whose bytes are in `arena`.

        `now` is the newest packet time so far (microseconds since 1970), None at the end of the input.
        """
        rows = [
            (time, time - round(it.began_s * SECOND), it.address, it.mac, it.user_name, it.device,
             it.lease_s, it.closes, it.origin, it.confidence)
            for time, statements in self._settled(arena, events, now)
            for it in statements
            if self._is_new(it, time)
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    def _settled(
        self, arena: Bytes, events: Records, now: int | None
    ) -> Iterator[tuple[int, list[Statement]]]:
        """Statements by time; logon attempts only when no error reply can withdraw them any more."""
        yield from self._messages(arena, events)
        yield from self._attempts.unanswered(now)

    def _messages(self, arena: Bytes, events: Records) -> Iterator[tuple[int, list[Statement]]]:
        telling = np.isin(own(events["kind"]), (IDENTITY,))
        telling[self._with_ntlm(arena, events)] = True
        events = events[telling]
        if events.size == 0:
            return
        parts = events["address"]
        sides = (addresses(own(parts[:, i]), own(parts[:, i + 1])).to_list() for i in (0, 2))
        fields = (events[name].tolist() for name in ("kind", "time", "offset", "length", "port", "protocol"))
        view = arena.data
        for kind, time, offset, length, ports, protocol, sender, receiver in zip(
            *fields, *sides, strict=True
        ):
            yield from self._attempts.unanswered(time)
            data = bytes(view[offset : offset + length])
            if kind == REQUEST:
                found = _FIELD.search(data)
                yield time, ntlm.read_field(found[0], sender) if found else []
            else:
                yield time, self._read(data, time, ports, protocol == TCP, sender, receiver)

    @staticmethod
    def _with_ntlm(arena: Bytes, events: Records) -> list[int]:
        """Indices of HTTP requests that carry an NTLM message; all requests are searched in one pass."""
        requests = np.flatnonzero(events["kind"] == REQUEST)
        if requests.size == 0:
            return []
        begins, lengths = own(events["offset"])[requests], own(events["length"])[requests]
        used = arena[: int((begins + lengths).max())]
        found = np.array([match.start() for match in re.finditer(ntlm.BASE64_MARK, used.data)], np.int64)
        rows = np.searchsorted(begins, found, side="right") - 1
        inside = (rows >= 0) & (found < begins[rows] + lengths[rows])
        return requests[rows[inside]].tolist()  # type: ignore[no-any-return]

    def _read(
        self, data: bytes, time: int, ports: list[int], tcp: bool, sender: str, receiver: str
    ) -> list[Statement]:
        """The statements of one message; its lower port identifies the protocol."""
        port = min(ports)
        if port == identity_packets.KERBEROS:
            client = receiver if ports[0] == port else sender
            return self._attempts.take(data[4:] if tcp else data, client, max(ports), time)
        if port == identity_packets.SMB:
            return ntlm.read(data, sender)
        if port in (identity_packets.DHCP_SERVER, identity_packets.DHCP_CLIENT):
            return dhcp.read(data, self._names)
        if port in (identity_packets.DHCP6_CLIENT, identity_packets.DHCP6_SERVER):
            return dhcp.read6(data, self._names)
        if port == identity_packets.NETBIOS_NAMES:
            return hostnames.read_netbios(data, sender)
        if port in (identity_packets.MDNS, identity_packets.LLMNR):
            return hostnames.read(data, sender, "mdns" if port == identity_packets.MDNS else "llmnr")
        return radius.read(data)

    def _is_new(self, statement: Statement, time: int) -> bool:
        """True unless it repeats the last statement of its kind within the first half of its lifetime.

        Statements about link-local addresses are never new, because such an address is not unique.
        """
        if statement.address.startswith(_OF_ONE_LINK):
            return False
        if statement.closes:
            self._emitted.pop(statement.address, None)
            return True
        known = self._emitted.setdefault(statement.address, {})
        self._emitted.move_to_end(statement.address)
        if len(self._emitted) > _MOST_REMEMBERED:
            self._emitted.popitem(last=False)
        is_machine = (statement.user_name or "$").partition("@")[0].endswith("$")
        who = (statement.mac, statement.user_name, statement.device)
        for (origin, _, sure), (holder, until) in known.items():
            if origin == statement.origin and sure >= statement.confidence and holder == who and time < until:
                return False
        held = _ENDLESS_S if statement.lease_s is None else statement.lease_s - statement.began_s
        known[statement.origin, is_machine, statement.confidence] = who, time + held / 2 * SECOND
        return True
