"""A statement of one message about the holder of an address, and the validation of names."""

from __future__ import annotations

from typing import NamedTuple

#: Maximum lengths: of a DNS label (RFC 1035 §2.3.4) or NetBIOS name, and of an account with its realm.
_LONGEST_DEVICE = 63
_LONGEST_ACCOUNT = 256

#: Factory default names of devices.
_NOBODYS = frozenset(("localhost", "unknown", "(none)", "android", "iphone", "ipad"))


class Statement(NamedTuple):
    """An account or a device holds, or gives up, an address."""

    address: str
    origin: str  # the protocol, as in `leases.origin`
    confidence: float  # 0 to 1
    mac: str | None = None
    user_name: str | None = None  # as the message writes it
    device: str | None = None  # host name, lower case
    lease_s: float | None = None  # lifetime from its beginning; None for an endless one
    began_s: float = 0.0  # how long before the message the lease began
    closes: bool = False  # the holder gives the address up: earlier statements end


def mac(data: bytes) -> str | None:
    """A MAC address as `aa:bb:…`; None unless unicast (six bytes, not zero, not multicast)."""
    if len(data) != 6 or not any(data) or data[0] & 1:
        return None
    return data.hex(":")


def device(data: bytes) -> str | None:
    """The first label of a host name, lower case; None if it is invalid or a factory default."""
    name = _text(data.split(b"\0", 1)[0]).partition(".")[0].strip().lower()
    if not 0 < len(name) <= _LONGEST_DEVICE or name in _NOBODYS or not _is_plain(name):
        return None
    return name


def account(data: bytes, encoding: str = "utf-8") -> str | None:
    """The name of an account; None if it is empty, too long or not printable."""
    name = _text(data, encoding).strip()
    return name if 0 < len(name) <= _LONGEST_ACCOUNT and _is_plain(name) else None


def _text(data: bytes, encoding: str = "utf-8") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _is_plain(name: str) -> bool:
    return name.isprintable() and not any(letter in name for letter in "<>\"'`{}|;")
