"""Protocols over IP as logs name them."""

from __future__ import annotations

import polars as pl


def has_ports(protocol: pl.Expr) -> pl.Expr:
    """True for TCP and UDP, by name (in any case) or number. NULL without a protocol."""
    return protocol.str.to_lowercase().is_in(["tcp", "udp", "6", "17"])
