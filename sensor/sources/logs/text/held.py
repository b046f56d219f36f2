"""The assumed duration of a lease in seconds, for logs without its end.

What ends it earlier: a logout, or the next lease of the same address. DHCP has its own length (`dhcp.py`).
"""

from __future__ import annotations

import polars as pl

#: A sign-in, or a session whose end may not be logged; also the usual life of a Kerberos ticket.
WORKING_DAY_S = 36_000.0
#: A session whose end is logged, or that is logged again while it lasts.
HALF_DAY_S = 43_200.0
#: A sign-in at a service outside, and its confidence.
SIGN_IN_S, SIGN_IN_CONFIDENCE = 3600.0, 0.3


def signed_in() -> dict[str, pl.Expr]:
    """Columns of a sign-in at a service that mostly sees public addresses.

    Many share such an address: that an account was used there is no more than a hint who holds it.
    """
    return {
        "kind": pl.lit("lease"),
        "origin": pl.lit("directory"),
        "lease_s": pl.lit(SIGN_IN_S),
        "confidence": pl.lit(SIGN_IN_CONFIDENCE),
    }
