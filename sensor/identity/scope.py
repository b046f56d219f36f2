"""Classifies addresses and names as internal, external, guest or proxy, and finds their network segment.

Each distinct value is classified once, before anything becomes a token.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache

import polars as pl

from sensor.settings import PRIVATE_ZONES, Networks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: A necessary condition for texts that `parse_address` accepts.
_LIKE_ADDRESS = r"^[\[\]0-9.]+(?:%|$)|:"
#: Scopes of addresses inside the organisation.
_OURS = ("internal", "guest", "proxy")
Net = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_address(text: str) -> Address | None:
    """The IP address in `text`, without brackets and zone id, IPv4-mapped ones as IPv4; None if invalid."""
    bare = text.strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


class Scopes:
    """Classifies addresses and names by the networks and internal zones of the settings."""

    def __init__(self, networks: Networks) -> None:
        self._internal = _nets(networks.internal)
        #: how texts of addresses inside start: most servers are outside, and need not be parsed
        self._starts = "^(?:" + "|".join(sorted({_start(net) for net in self._internal})) + ")"
        self._guest = _nets(networks.guest)
        self._proxy = _nets(networks.proxies)
        self._segments = sorted(
            ((ipaddress.ip_network(net, strict=False), name) for name, net in networks.segments.items()),
            key=lambda pair: -pair[0].prefixlen,
        )
        zones = (zone.strip().lower().lstrip("*.").rstrip(".") for zone in (*PRIVATE_ZONES, *networks.zones))
        self._zones = tuple(f".{zone}" for zone in zones if zone)
        self.scope = lru_cache(maxsize=1 << 16)(self._scope)
        self.segment = lru_cache(maxsize=1 << 16)(self._segment)

    def _scope(self, text: str) -> str:
        address = parse_address(text)
        if address is None:
            return "unknown"
        for name, nets in (("proxy", self._proxy), ("guest", self._guest), ("internal", self._internal)):
            if _within(address, nets):
                return name
        return "external"

    def _segment(self, text: str) -> str | None:
        address = parse_address(text)
        if address is None:
            return None
        return next((name for net, name in self._segments if _within(address, (net,))), None)

    def is_internal(self, values: pl.Series) -> pl.Series:
        """True for the unique `values` that are internal addresses, single labels, or names in an internal
        zone."""
        value = pl.col("value")
        in_zone = pl.any_horizontal(
            value.str.ends_with(zone) | (value == zone.removeprefix(".")) for zone in self._zones
        )
        names = ~value.str.contains(".", literal=True) | in_zone
        return (
            values.rename("value")
            .to_frame()
            .with_columns(scope=pl.when(value.str.contains(_LIKE_ADDRESS)).then(value))
            .with_columns(pl.col("scope").map_elements(self.scope, return_dtype=pl.String))
            .with_columns(scope=pl.col("scope").replace("unknown", None))
            .select(internal=pl.coalesce(pl.col("scope").is_in(_OURS), names))["internal"]
        )

    def is_server_inside(self, values: pl.Series) -> pl.Series:
        """True for the unique `values` that are internal, but no declared proxy, forwarder or NAT gateway."""
        near = values.filter(~values.str.contains(_LIKE_ADDRESS) | values.str.contains(self._starts))
        inside = near.filter(self.is_internal(near) & ~self.is_proxy(near))
        return values.is_in(inside.implode())

    def is_proxy(self, values: pl.Series) -> pl.Series:
        """True for the unique `values` that are a declared proxy, forwarder or NAT gateway."""
        if not self._proxy:
            return values.is_null() & values.is_not_null()
        return values.map_elements(lambda text: self.scope(text) == "proxy", return_dtype=pl.Boolean)

    def add(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with client_scope, server_scope, segment (of the client) and server_segment (String)."""
        return (
            frame.pipe(_by_value, "client", "client_scope", self.scope)
            .pipe(_by_value, "server", "server_scope", self.scope)
            .pipe(_by_value, "client", "segment", self.segment)
            .pipe(_by_value, "server", "server_segment", self.segment)
            .with_columns(pl.col("client_scope", "server_scope").fill_null("unknown"))
        )


def _nets(texts: Iterable[str]) -> tuple[Net, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _start(net: Net) -> str:
    """The start of the texts of all addresses of a network, as a regular expression."""
    if isinstance(net, ipaddress.IPv6Network):
        first = f"{int(net.network_address) >> 112:x}"
        if net.prefixlen >= 16:
            return "[0:]" if first == "0" else f"{first}:"
        return first[: net.prefixlen // 4] if len(first) == 4 else ""
    octets = str(net.network_address).split(".")[: net.prefixlen // 8]
    return "".join(rf"{octet}\." for octet in octets[:3])


def _within(address: Address, nets: Iterable[Net]) -> bool:
    return any(address.version == net.version and address in net for net in nets)


def _by_value(frame: pl.DataFrame, column: str, new: str, of: Callable[[str], str | None]) -> pl.DataFrame:
    values = frame.get_column(column).drop_nulls().unique().to_list()
    table = {value: of(value) for value in values}
    return frame.with_columns(
        pl.col(column).replace_strict(table, default=None, return_dtype=pl.String).alias(new)
        if table
        else pl.lit(None, dtype=pl.String).alias(new)
    )
