"""Text and classification of addresses as kernels store them: two halves of 64 bits.

IPv4 addresses are stored as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). All functions work on whole columns; the text
of IPv6 addresses is computed once per distinct address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

Half = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_OCTETS = pl.Series([str(value) for value in range(256)], dtype=pl.String)
_HALF = (1 << 64) - 1
#: Multicast (RFC 5771, RFC 4291 §2.7) and the limited broadcast (RFC 919).
_GROUPS = ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")


def addresses(high: Half, low: Half) -> pl.Series:
    """Canonical text of addresses (RFC 5952)."""
    v4 = _is_v4(high, low)
    dotted = _dotted(low)
    if v4.all():
        return dotted
    frame = pl.DataFrame({"high": high, "low": low, "dotted": dotted, "v4": v4})
    known = frame.filter(~pl.col("v4")).select("high", "low").unique()
    text = [str(ipaddress.IPv6Address(h << 64 | n)) for h, n in known.iter_rows()]
    known = known.with_columns(pl.Series("text", text, dtype=pl.String))
    joined = frame.join(known, on=["high", "low"], how="left", maintain_order="left")
    return joined.select(address=pl.coalesce("text", "dotted"))["address"]


def _is_v4(high: Half, low: Half) -> Flags:
    mapped: Flags = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    return mapped


def _dotted(low: Half) -> pl.Series:
    """The lowest 32 bits as four decimal numbers."""
    octets = [_OCTETS.gather(((low >> np.uint64(bit)) & np.uint64(255)).astype(np.uint32))
              for bit in (24, 16, 8, 0)]  # fmt: skip
    return pl.select(address=pl.concat_str(octets, separator="."))["address"]


class Networks:
    """Classifies addresses as internal, or as group addresses (multicast, broadcast)."""

    def __init__(self, internal: tuple[str, ...]) -> None:
        self._internal = [ipaddress.ip_network(text, strict=False) for text in internal]
        self._groups = [ipaddress.ip_network(text) for text in _GROUPS]

    def internal(self, high: Half, low: Half) -> Flags:
        """True for internal addresses."""
        return _within(high, low, self._internal)

    def group(self, high: Half, low: Half) -> Flags:
        """True for multicast and broadcast addresses."""
        return _within(high, low, self._groups)


def _within(
    high: Half, low: Half, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> Flags:
    """True where an address is in one of `networks` of its own version."""
    v4 = _is_v4(high, low)
    inside = np.zeros(high.size, np.bool_)
    for network in networks:
        first, mask = int(network.network_address), int(network.netmask)
        same = _agree(low, first & _HALF, mask & _HALF)
        if network.version == 4:
            inside |= v4 & same
        else:
            inside |= ~v4 & same & _agree(high, first >> 64, mask >> 64)
    return inside


def _agree(half: Half, value: int, mask: int) -> Flags:
    same: Flags = half & np.uint64(mask) == np.uint64(value)
    return same
