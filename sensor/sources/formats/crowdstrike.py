"""CrowdStrike Falcon Data Replicator and event streams (NDJSON): DnsRequest, NetworkConnectIP4 and IP6.

`ContextTimeStamp` is when it happened, `timestamp` when the sensor said so (seconds or milliseconds).
`LocalAddress…` is the client, `aip` the public address and used only where nothing else names the
device. `OriginatingURL` (iOS) is a name or a URL. No bytes. Events in which the device is the server
(`NetworkReceiveAccept…`, `ConnectionDirection` 1) are turned round. Source: CrowdStrike events data
dictionary.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import lookups, objects

_NAMES = (
    "event_simpleName", "ContextTimeStamp", "timestamp", "DomainName", "RequestType", "IP4Records",
    "IP6Records", "aid",
    "aip", "ComputerName", "UserName", "UserPrincipal", "LocalAddressIP4", "LocalAddressIP6", "LocalPort",
    "RemoteAddressIP4",
    "RemoteAddressIP6", "RemotePort", "Protocol", "ConnectionDirection", "OriginatingURL", "FirstIP4Record",
    "RespondingDnsServer",
)  # fmt: skip
_EXTRA = {"event_simpleName": "#event_simpleName|EventSimpleName", "timestamp": "@timestamp|time"}
_WANTED = {
    name: "|".join([name, f"event.{name}", *([_EXTRA[name]] if name in _EXTRA else [])]) for name in _NAMES
}
OTHER = "set aside: event that names no connection"
_NOWHERE = ("0.0.0.0", "::", "0:0:0:0:0:0:0:0")  # noqa: S104


class CrowdstrikeFamily(Family):
    """Reads CrowdStrike Falcon telemetry."""

    name: ClassVar[str] = "crowdstrike"
    help: ClassVar[str] = (
        "CrowdStrike Falcon telemetry (FDR NDJSON): DnsRequest, NetworkConnectIP4, NetworkConnectIP6"
    )
    vantage: ClassVar[str] = "endpoint"
    proof: ClassVar[Proof] = Proof(host=True, path=True, user=True, device=True)
    advice: ClassVar[str] = (
        "Falcon counts no bytes, and names a device by its sensor id unless ComputerName is enriched."
    )
    claims: ClassVar[pl.Expr] = pl.col("line").str.contains(r'"#?(?:event_simpleName|EventSimpleName)"\s*:')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        event = pl.col("event_simpleName").fill_null("")
        dns = event.str.contains("DnsRequest")
        inbound = (
            event.str.contains("Accept|Receive|Listen") | (pl.col("ConnectionDirection") == "1")
        ).fill_null(False)
        local, remote = (
            pl.coalesce(_real(f"{side}AddressIP4"), _real(f"{side}AddressIP6"))
            for side in ("Local", "Remote")
        )
        url = pl.col("OriginatingURL")
        is_url = url.str.contains("/", literal=True)
        records = pl.concat_str(
            pl.col("IP4Records").fill_null(""), pl.lit(";"), pl.col("IP6Records").fill_null("")
        )
        device = pl.coalesce("ComputerName", "aid")
        return read.select(
            time=pl.coalesce("ContextTimeStamp", "timestamp"),
            kind=pl.when(dns).then(pl.lit("dns")).otherwise(pl.lit("flow")),
            client=pl.when(inbound).then(remote).otherwise(local),
            client_port=pl.when(inbound)
            .then("RemotePort")
            .when(pl.col("LocalPort") != "0")
            .then("LocalPort"),
            server=pl.when(~dns).then(pl.when(inbound).then(local).otherwise(remote)),
            server_port=pl.when(~dns).then(pl.when(inbound).then("LocalPort").otherwise("RemotePort")),
            device=pl.when(~inbound).then(device),
            user_name=pl.when(~inbound).then(pl.coalesce("UserPrincipal", "UserName")),
            host=pl.coalesce("DomainName", pl.when(~is_url).then(url)),
            name_from=pl.when(~dns & url.is_not_null()).then(pl.lit("url")),
            url=pl.when(is_url).then(url),
            transport="Protocol",
            answers=pl.when(dns).then(records.str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+")),
            action=pl.lit("allowed"),
            reason=pl.when(~dns & ~event.str.contains("^Network(?:Connect|ReceiveAccept)IP|^NetworkListen"))
            .then(pl.lit(OTHER))
            .when(event.str.contains("Listen"))
            .then(pl.lit(OTHER))
            .when(dns)
            .then(lookups.reverse(pl.col("RequestType"))),
        )


def _real(name: str) -> pl.Expr:
    return pl.when(~pl.col(name).is_in(_NOWHERE)).then(name)
