"""What one message says about an address, and the checks that every name in it has to pass."""

from __future__ import annotations

from typing import NamedTuple

#: Longest names: a label of DNS (RFC 1035 §2.3.4) and a NetBIOS name fit; an account with its realm does.
_LONGEST_DEVICE = 63
_LONGEST_ACCOUNT = 256

#: Names that devices of any kind carry as they leave the factory.
_NOBODYS = frozenset(("localhost", "unknown", "(none)", "android", "iphone", "ipad"))


class Said(NamedTuple):
    """That somebody or something holds an address. `user_name` is as the message writes it."""

    address: str
    origin: str
    confidence: float
    mac: str | None = None
    user_name: str | None = None
    device: str | None = None
    lease_s: float | None = None  # from its beginning; None for an endless one
    began_s: float = 0.0  # so long before the message
    closes: bool = False  # ends what was said before about the address


def mac(data: bytes) -> str | None:
    """A hardware address; None for none, or one that stands for nothing or for many."""
    if len(data) != 6 or not any(data) or data[0] & 1:
        return None
    return data.hex(":")


def device(data: bytes) -> str | None:
    """A host name: the first label, in lower case; None for what cannot be one, or is anybody's."""
    name = _text(data.split(b"\0", 1)[0]).partition(".")[0].strip().lower()
    if not 0 < len(name) <= _LONGEST_DEVICE or name in _NOBODYS or not _is_plain(name):
        return None
    return name


def account(data: bytes, encoding: str = "utf-8") -> str | None:
    """An account's name; None for what cannot be one."""
    name = _text(data, encoding).strip()
    return name if 0 < len(name) <= _LONGEST_ACCOUNT and _is_plain(name) else None


def _text(data: bytes, encoding: str = "utf-8") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _is_plain(name: str) -> bool:
    return name.isprintable() and not any(letter in name for letter in "<>\"'`{}|;")
