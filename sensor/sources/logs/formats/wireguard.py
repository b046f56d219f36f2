"""WireGuard: `wg show all dump` and `wg show INTERFACE dump`. Keys are never kept, not even public ones.

    wg0 <TAB> private key <TAB> public key <TAB> listen port <TAB> fwmark
    wg0 <TAB> public key <TAB> preshared key <TAB> endpoint <TAB> allowed ips
      <TAB> latest handshake (epoch, s) <TAB> received <TAB> sent <TAB> keepalive

(`wg show wg0 dump` leaves the interface out.) A peer holds its single addresses (/32, /128) from its latest
handshake on; a handshake is good for 180 s and repeated while the peer is in use, so a dump every two
minutes tells all. A dump names nobody: `device` is `wireguard-` and a one-way digest of the public key, the
same in every dump.
Networks behind a peer, the endpoint and byte counts (since the interface came up) make no lease.
Sources: wg(8), "show"; WireGuard whitepaper, section 6 (REJECT_AFTER_TIME).
"""

from __future__ import annotations

import hashlib

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import INTERFACE, NETWORK_BEHIND, NO_HANDSHAKE
from sensor.sources.logs.text.words import one_of

_KEY = r"[A-Za-z0-9+/]{38,43}="
_INTERFACE = (
    rf"^(?:[^\t]{{1,15}}\t)?(?:{_KEY}|\(none\))\t(?:{_KEY}|\(none\))\t\d+\t(?:off|0x[0-9a-f]+|\d+)\s*$"
)
_PEER = (
    rf"^(?:[^\t]{{1,15}}\t)?(?P<key>{_KEY})\t(?:{_KEY}|\(none\))\t(?:[^\t]*)\t(?P<allowed>[^\t]*)"
    r"\t(?P<handshake>\d+)\t\d+\t\d+\t(?:off|\d+)\s*$"
)
#: Anything else with a key in it, so that it is never shown as unreadable.
_ODD = rf"^(?:[^\t]{{1,15}}\t)?{_KEY}\t(?:{_KEY}|\(none\))(?:\t|$)"
_HELD_S = 180.0
_SINGLE = r"^(?:\d+\.\d+\.\d+\.\d+/32|[0-9a-fA-F:.]+/128)$"


class WireguardFormat(LogFormat):
    """Reads dumps of WireGuard."""

    name = "wireguard"
    help = "WireGuard `wg show all dump` (keys are dropped)"
    vantage = "identity"
    proof = ("device",)
    advice = "Take a dump every two minutes: it only has the latest handshake."
    marks = ("\t",)
    claims = pl.col("line").str.contains(_INTERFACE) | pl.col("line").str.contains(_ODD)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per single address of a peer."""
        return layouts.read(
            lines,
            [(_PEER, _peers), (pl.lit(True), layouts.set_aside(INTERFACE))],
        )


def _peers(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _PEER).with_row_index("row")
    each = found.with_columns(one=pl.col("allowed").str.split(",")).explode("one")
    address = pl.when(pl.col("one").str.contains(_SINGLE)).then(pl.col("one").str.replace(r"/\d+$", ""))
    shaken = pl.col("handshake").str.strip_chars_start("0").str.contains(r"^\d{9,10}$")
    return each.select(
        "row",
        time=pl.when(shaken).then("handshake"),
        kind=pl.lit("lease"),
        client=address,
        device=pl.format("wireguard-{}", pl.lit(_digests(each["key"]))),
        lease_s=pl.lit(_HELD_S),
        origin=pl.lit("vpn"),
        reason=one_of({NO_HANDSHAKE: ~shaken, NETWORK_BEHIND: address.is_null()}),
    )


def _digests(keys: pl.Series) -> pl.Series:
    """48 bits that do not lead back to the key, once per unique key."""
    known = {
        key: hashlib.blake2b(key.encode(), digest_size=6, person=b"wg-peer").hexdigest()
        for key in keys.unique().drop_nulls()
    }
    return keys.replace_strict(known, default=None, return_dtype=pl.String)
