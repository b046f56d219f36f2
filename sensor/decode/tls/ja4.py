"""JA4 client fingerprints (TLS, QUIC) from their raw text form.

JA4 is BSD 3-Clause, FoxIO; technical_details/JA4.md of its repository describes the algorithm. The later JA4+
fingerprints have another licence and are not computed here.
"""

from __future__ import annotations

import hashlib

_NOTHING = "000000000000"


def fingerprint(raw: str) -> str:
    """JA4 of the raw form `a_ciphers_extensions[_algorithms]`: both lists hashed to 12 hex digits."""
    start, ciphers, rest = raw.split("_", 2)
    # Without extensions there are no signature algorithms.
    return f"{start}_{_hash(ciphers)}_{_hash(rest)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING
