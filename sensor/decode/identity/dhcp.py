"""DHCP (RFC 2131 §2; options, RFC 2132) and DHCPv6 (RFC 8415 §8, §21): leases and releases of addresses.

A client sends its name in the request (options 12 and 81, RFC 4702; option 39, RFC 4704), and the server
often does not repeat it in the reply. So names are kept until the reply of their transaction.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterator

from sensor.decode.identity import statement
from sensor.decode.identity.statement import Statement

ORIGIN = "dhcp"
CONFIDENCE = 0.9
#: Confidence if the client is identified by its DUID only.
BY_DUID = 0.7
#: A lease of this many seconds or more is treated as endless.
_LONGEST_S = 10 * 365 * 86_400
#: Maximum names waiting for a reply. The oldest are evicted.
_MOST_WAITING = 4096

_OPTIONS = 240
_REPLY = 2
_ACK, _RELEASE, _DECLINE = 5, 7, 4
_HOST_NAME, _REQUESTED, _LEASE_TIME, _TYPE, _FQDN = 12, 50, 51, 53, 81
_FQDN_ENCODED = 0x04
_PAD, _END = 0, 255

_RELAY_FORWARD, _RELAY_REPLY, _REPLY6, _RELEASE6, _DECLINE6 = 12, 13, 7, 8, 9
_CLIENT_ID6, _IA_NA, _IA_ADDRESS, _RELAYED, _FQDN6 = 1, 3, 5, 9, 39
_MOST_RELAYS = 4


class Names:
    """Self-announced client names by transaction."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[bytes, str] = OrderedDict()

    def note(self, transaction: bytes, name: str | None) -> None:
        """Store the name that the client sends in a transaction."""
        if name is not None:
            self._waiting[transaction] = name
            self._waiting.move_to_end(transaction)
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)

    def of(self, transaction: bytes) -> str | None:
        """The name of the client, if it sent one."""
        return self._waiting.get(transaction)


def read(data: bytes, names: Names) -> list[Statement]:
    """The statements of a DHCP message."""
    if len(data) < _OPTIONS:
        return []
    options = _options4(data)
    kind = options.get(_TYPE, b"")[:1]
    transaction = data[4:8] + data[28:44]
    name = _name4(options)
    hardware = statement.mac(data[28:34]) if data[1:3] == b"\x01\x06" else None
    if data[0] == _REPLY:
        if kind != bytes([_ACK]) or not any(data[16:20]):
            return []
        held = int.from_bytes(options.get(_LEASE_TIME, b""), "big")
        if len(options.get(_LEASE_TIME, b"")) != 4 or held == 0:
            return []
        address = str(ipaddress.IPv4Address(data[16:20]))
        return [
            Statement(address, ORIGIN, CONFIDENCE, hardware, None, name or names.of(transaction),
                 float(held) if held < _LONGEST_S else None)
        ]  # fmt: skip
    # A client declines an address that another host uses (RFC 2131, section 4.4.4).
    left = {bytes([_RELEASE]): data[12:16], bytes([_DECLINE]): options.get(_REQUESTED, b"")}.get(kind, b"")
    if len(left) == 4 and any(left):
        address = str(ipaddress.IPv4Address(left))
        return [Statement(address, ORIGIN, CONFIDENCE, hardware, lease_s=0.0, closes=True)]
    names.note(transaction, name)
    return []


def _options4(data: bytes) -> dict[int, bytes]:
    """Options by number, with split options joined (RFC 3396); without those in `sname` and `file`."""
    found: dict[int, bytes] = {}
    at = _OPTIONS
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            break
        value = data[at + 2 : at + 2 + data[at + 1]]
        found[data[at]] = found.get(data[at], b"") + value
        at += 2 + len(value)
    return found


def _name4(options: dict[int, bytes]) -> str | None:
    name = statement.device(options.get(_HOST_NAME, b""))
    full = options.get(_FQDN, b"")
    if name is None and len(full) > 3:
        name = statement.device(_first_label(full[3:]) if full[0] & _FQDN_ENCODED else full[3:])
    return name


def _first_label(name: bytes) -> bytes:
    """The first label of a name in DNS wire format."""
    return name[1 : 1 + name[0]] if name and name[0] < 64 else b""


def read6(data: bytes, names: Names) -> list[Statement]:
    """The statements of a DHCPv6 message, also inside relay messages."""
    for _ in range(_MOST_RELAYS):
        if data[:1] not in (bytes([_RELAY_FORWARD]), bytes([_RELAY_REPLY])):
            break
        data = dict(_options6(data[34:])).get(_RELAYED, b"")
    if len(data) < 4:
        return []
    options = list(_options6(data[4:]))
    by_number = dict(options)
    client = by_number.get(_CLIENT_ID6, b"")
    full = by_number.get(_FQDN6, b"")
    name = statement.device(_first_label(full[1:]))
    transaction = data[1:4] + client
    held = [lease for number, value in options if number == _IA_NA for lease in _addresses6(value)]
    hardware = _of_duid(client)
    if data[0] in (_RELEASE6, _DECLINE6):
        return [Statement(a, ORIGIN, CONFIDENCE, hardware, lease_s=0.0, closes=True) for a, _ in held]
    if data[0] != _REPLY6:
        names.note(transaction, name)
        return []
    sure = CONFIDENCE if hardware else BY_DUID
    return [
        Statement(address, ORIGIN, sure, hardware, None, name or names.of(transaction),
             float(valid) if valid < _LONGEST_S else None)
        for address, valid in held
        if valid > 0
    ]  # fmt: skip


def _options6(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        number, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 + size > len(data):
            return
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + size


def _addresses6(association: bytes) -> Iterator[tuple[str, int]]:
    """Addresses of an IA_NA and their valid lifetimes (s)."""
    for number, value in _options6(association[12:]):
        if number == _IA_ADDRESS and len(value) >= 24:
            yield str(ipaddress.IPv6Address(value[:16])), int.from_bytes(value[20:24], "big")


def _of_duid(duid: bytes) -> str | None:
    """The Ethernet address in a DUID of type 1 or 3 (RFC 8415 §11)."""
    if duid[:4] == b"\0\1\0\1" and len(duid) == 14:
        return statement.mac(duid[8:])
    return statement.mac(duid[4:]) if duid[:4] == b"\0\3\0\1" else None
