r"""Kea DHCP: lease files (memfile), its log, and what the legal-log hook writes.

    address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,…
    address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,…,hwaddr,state
    … [kea-dhcp4.leases/831.1] DHCP4_LEASE_ALLOC [hwtype=1 02:00:…], cid=[…], tid=0x1: lease 10.1.0.7
      has been allocated for 3600 seconds
    … Address: 10.1.0.7 has been assigned for 1 hrs 0 mins 0 secs to a device with hardware
      address: hwtype=1 02:…

A lease file is a journal: every renewal is a row, held from `expire` − `valid_lifetime` to `expire` (epoch,
s). A row of lifetime 0 deletes, but its `expire` is the last renewal, not the deletion: the rows before it
stand as they are, and a release (state 3 since Kea 3) is told by the log. Commas inside values are `&#x2c`.
Sources: Kea ARM, "Memfile" and "Forensic logging"; Kea Messages Manual.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, dhcp, layouts, patterns, stamps
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_ADDRESS, NOT_HELD
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "address": "address", "mac": "hwaddr", "duid": "duid", "s": "valid_lifetime", "expire": "expire",
    "device": "hostname", "state": "state", "type": "lease_type",
}  # fmt: skip
_AT = r"^(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?)"
_IP = r"(?P<ip>[0-9a-fA-F.:]+)"
_KEA = (
    r"\[kea-dhcp[46](?:\.[\w-]+)?(?:/\d+[^\]]*)?\]|\bDHCP[46]_[A-Z][A-Z0-9_]+ "
    r"|\bALLOC_ENGINE_V[46]_[A-Z0-9_]+ "
)
_GIVEN = (
    r"DHCP[46]_(?:LEASE_ALLOC|LEASE_REUSE|LEASE_RENEW|LEASE_REBIND) .*?: lease (?:for address )?"
    rf"{_IP} .*?has been (?:allocated|reused|renewed|rebound)(?: for (?P<s>\d+) seconds)?"
)
_GIVEN_UP = (
    rf"DHCP[46]_RELEASE(?:_NA)? .*?: (?:address|binding for address) {_IP} .*?released properly"
    r"|(?:ALLOC_ENGINE_V[46]_LEASE_RECLAIM) .*?: reclaiming expired lease for address (?P<ip2>[0-9a-fA-F.:]+)"
)
_LEGAL = rf"\bAddress: ?{_IP} has been (?P<how>assigned|renewed|released)\b"
_LASTS = r"for (?:(?P<h>\d+) hrs? )?(?:(?P<m>\d+) mins? )?(?P<sec>\d+) secs?"
_MAC = r"\[?hwtype=1 (?P<mac>[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5})"
_DUID = r"(?i)duid(?:=\[|: )([0-9a-f:]+)"


class KeaFormat(LogFormat):
    """Reads lease files and logs of Kea."""

    name = "kea"
    help = "Kea 1 to 3: kea-leases4.csv, kea-leases6.csv, log (DHCP4_LEASE_ALLOC …), legal log"
    vantage = "identity"
    proof = ("device",)
    advice = "Kea's clean-up drops history from lease files: collect its log or the legal log, too."
    header = r"^(?:\ufeff)?address,(?:hwaddr,client_id|duid),valid_lifetime,expire,"
    marks = (
        "kea-dhcp",
        "dhcp4_",
        "dhcp6_",
        "alloc_engine_v",
        " has been ",
        "valid_lifetime",
    )
    claims = pl.col("line").str.contains(f"{_KEA}|{_LEGAL}") | (
        pl.col("tag").str.contains(r"^kea-dhcp[46]$").fill_null(False)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per row of a lease file, allocation or assignment."""
        return layouts.read(
            lines,
            [
                (pl.col("header").is_not_null() & ~pl.col("line").str.contains(f"{_KEA}|{_LEGAL}"), _rows),
                (_GIVEN, _given),
                (_GIVEN_UP, _given_up),
                (_LEGAL, _legal),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _rows(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read_headed(lines, _FIELDS, quote="\0")
    held, expire = dhcp.length(pl.col("s")), pl.col("expire").cast(pl.Int64, strict=False)
    mac = pl.coalesce(_hardware(pl.col("mac")), dhcp.mac_of_duid(pl.col("duid")))
    device = pl.col("device").str.replace_all("&#x2c", ",").str.strip_suffix(".")
    device = pl.when(device != "").then(device)
    by_file = pl.col("s").cast(pl.Int64, strict=False)
    gone = (
        (by_file == 0)
        | ~pl.col("state").fill_null("0").is_in(["0", "2"])
        | pl.col("type").is_in(["2", "IA_PD"])
    )
    begin = stamps.epoch(expire - by_file.clip(0, 1 << 33))
    return read.select(
        at=begin,
        kind=pl.lit("lease"),
        client="address",
        client_mac=mac,
        device=device,
        lease_from=begin,
        lease_s=held,
        origin=pl.lit("dhcp"),
        confidence=pl.when(_hardware(pl.col("mac")).is_null() & pl.col("duid").is_not_null())
        .then(dhcp.BY_DUID)
        .otherwise(dhcp.TOLD),
        reason=one_of(
            {
                NOT_HELD: gone,
                LEASE_OF_NOBODY: mac.is_null() & device.is_null(),
                "row whose lifetime or end is no number": begin.is_null(),
            }
        ),
    )


def _hardware(mac: pl.Expr) -> pl.Expr:
    return pl.when(mac.str.contains(r"^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$")).then(mac)


def _client(text: pl.Series) -> dict[str, pl.Expr]:
    """Columns that every message has."""
    mac = text.str.extract(_MAC)
    by_duid = pl.select(dhcp.mac_of_duid(pl.lit(text.str.extract(_DUID)))).to_series()
    return {
        "time": pl.lit(text.str.extract(_AT)),
        "kind": pl.lit("lease"),
        "client_mac": pl.coalesce(pl.lit(mac), pl.lit(by_duid)),
        "origin": pl.lit("dhcp"),
        "confidence": pl.when(pl.lit(mac).is_null() & pl.lit(by_duid).is_not_null())
        .then(dhcp.BY_DUID)
        .otherwise(dhcp.TOLD),
    }


def _given(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _GIVEN)
    # What is renewed or rebound for version 6 does not say for how long.
    held = pl.when(pl.col("s").is_null()).then(dhcp.ASSUMED_S).otherwise(dhcp.length(pl.col("s")))
    return found.select(**_client(lines["line"]), client="ip", lease_s=held)


def _given_up(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _GIVEN_UP)
    return found.select(
        **_client(lines["line"]), client=pl.coalesce("ip", "ip2"), lease_s=pl.lit(0.0), closes=pl.lit(True)
    )


def _legal(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _LEGAL)
    lasts = patterns.read(lines["line"], _LASTS).cast(pl.Float64, strict=False).fill_null(0)
    released = pl.col("how") == "released"
    seconds = pl.lit(lasts["h"] * 3600 + lasts["m"] * 60 + lasts["sec"])
    held = pl.when(seconds.is_between(1, dhcp.LONGEST_S)).then(seconds)
    return found.select(
        **_client(lines["line"]),
        client="ip",
        lease_s=pl.when(released).then(pl.lit(0.0)).otherwise(held.fill_null(dhcp.ASSUMED_S)),
        closes=released,
    )
