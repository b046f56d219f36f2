"""Shared by formats of DHCP logs: the client's MAC address, and the duration of leases."""

from __future__ import annotations

import polars as pl

#: Where the log does not say how long: twelve hours, dhcpd's own default. Clients renew at half time, so
#: leases of a day are covered without a gap, and whoever gets the address next ends it.
ASSUMED_S = 43_200.0
#: Confidence of a lease with a logged duration, with an assumed one, and of a client known by its DUID only.
TOLD, ASSUMED, BY_DUID = 0.9, 0.8, 0.7
#: Longer leases are stored without an end.
LONGEST_S = 10 * 365 * 86_400


def mac_of_duid(duid: pl.Expr) -> pl.Expr:
    """The Ethernet address in a DUID (hexadecimal, any notation) of type 1 or 3, RFC 8415 section 11."""
    bare = duid.str.to_lowercase().str.replace_all(r"[^0-9a-f]", "")
    return pl.coalesce(
        bare.str.extract(r"^00010001[0-9a-f]{8}([0-9a-f]{12})$"),
        bare.str.extract(r"^00030001([0-9a-f]{12})$"),
    )


def length(seconds: pl.Expr) -> pl.Expr:
    """How long a lease lasts (text, s) as a number; NULL for endless ones."""
    told = seconds.cast(pl.Float64, strict=False)
    return pl.when(told.is_between(0, LONGEST_S)).then(told)
