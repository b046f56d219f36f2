"""JA4 client fingerprints (TLS, QUIC) from their raw text form.

JA4 is BSD 3-Clause, FoxIO; the algorithm is described in technical_details/JA4.md of its repository. The
later JA4+ fingerprints are under another licence and not made here.
"""

from __future__ import annotations

import hashlib

_NOTHING = "000000000000"


def fingerprint(raw: str) -> str:
    """JA4 of the raw form `a_ciphers_extensions[_algorithms]`: both lists hashed to 12 hex digits."""
    start, ciphers, rest = raw.split("_", 2)
    # Without extensions there are no signature algorithms either.
    return f"{start}_{_hash(ciphers)}_{_hash(rest)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING
