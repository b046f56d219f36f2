"""CrowdStrike Falcon Data Replicator and event streams (NDJSON): DnsRequest, NetworkConnectIP4 and IP6,
HttpRequest (Linux, macOS).

    CEF:0|CrowdStrike|FalconHost|1.0|FirewallMatchEvent|…|localAddress=10.1.2.3 remoteAddress=… ruleAction=2 …

The SIEM connector's CEF, and the event stream's JSON (`"eventType": "FirewallMatchEvent"`), tell of the host
firewall's matches; their other events name no connection.

`ContextTimeStamp` is when it happened, `timestamp` when the sensor said so (seconds or milliseconds).
`LocalAddress…` is the client, `aip` the public address and used only where nothing else names the
device. `OriginatingURL` (iOS) is a name or a URL. No bytes. Events in which the device is the server
(`NetworkReceiveAccept…`, `ConnectionDirection` 1) are turned round. Source: CrowdStrike events data
dictionary.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, lookups, objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_NAMES = (
    "event_simpleName", "ContextTimeStamp", "timestamp", "DomainName", "RequestType", "IP4Records",
    "IP6Records", "aid",
    "aip", "ComputerName", "UserName", "UserPrincipal", "LocalAddressIP4", "LocalAddressIP6", "LocalPort",
    "RemoteAddressIP4",
    "RemoteAddressIP6", "RemotePort", "Protocol", "ConnectionDirection", "OriginatingURL", "FirstIP4Record",
    "RespondingDnsServer", "QueryStatus", "HttpHost", "HttpPath", "HttpMethod",
)  # fmt: skip
_EXTRA = {"event_simpleName": "#event_simpleName|EventSimpleName", "timestamp": "@timestamp|time"}
_WANTED = {
    name: "|".join([name, f"event.{name}", *([_EXTRA[name]] if name in _EXTRA else [])]) for name in _NAMES
}
#: The same in the SIEM connector's CEF.
_CEF = {
    "timestamp": "rt", "ComputerName": "hostName", "LocalAddressIP4": "localAddress",
    "LocalPort": "localPort", "RemoteAddressIP4": "remoteAddress", "RemotePort": "remotePort",
    "Protocol": "protocol", "ConnectionDirection": "connectionDirection", "rule_action": "ruleAction",
}  # fmt: skip
#: And in the event stream's objects.
_STREAMED = {
    "timestamp": "event.Timestamp|metadata.eventCreationTime", "ComputerName": "event.HostName",
    "LocalAddressIP4": "event.LocalAddress", "LocalPort": "event.LocalPort",
    "RemoteAddressIP4": "event.RemoteAddress", "RemotePort": "event.RemotePort",
    "Protocol": "event.Protocol", "ConnectionDirection": "event.ConnectionDirection",
    "rule_action": "event.RuleAction", "event": "metadata.eventType",
}  # fmt: skip
_MATCH = r'"eventType"\s*:\s*"FirewallMatchEvent"'
#: A rule's verdict: 1 and 3 let through, 2 stops.
_RULES = {"1": "allowed", "2": "blocked", "3": "allowed"}
_NOWHERE = ("0.0.0.0", "::", "0:0:0:0:0:0:0:0")


class CrowdstrikeFormat(LogFormat):
    """Reads CrowdStrike Falcon telemetry."""

    name = "crowdstrike"
    help = (
        "CrowdStrike Falcon telemetry (FDR NDJSON): DnsRequest, NetworkConnectIP4, NetworkConnectIP6, "
        "HttpRequest; host firewall matches (FalconHost CEF, event stream)"
    )
    vantage = "endpoint"
    proof = ("host", "path", "user", "device")
    advice = "Falcon counts no bytes, and names a device by its sensor id unless ComputerName is enriched."
    marks = ("event_simplename", "eventsimplename", "|falconhost|", '"firewallmatchevent"')
    claims = pl.col("line").str.contains_any(
        ["event_simpleName", "EventSimpleName", "|FalconHost|"]
    ) | pl.col("line").str.contains(_MATCH)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                (r"\|FalconHost\|", lambda part: _matches(cef.read(part["line"], _CEF))),
                (_MATCH, lambda part: _matches(objects.read(part["line"], _STREAMED))),
                (pl.lit(True), self._events),
            ],
        )

    def _events(self, lines: pl.DataFrame) -> pl.DataFrame:
        read = objects.read(lines["line"], _WANTED)
        answered = lookups.windows_verdict(pl.col("QueryStatus"))
        return _rows(read.with_columns(action=pl.coalesce(answered, pl.lit("allowed"))))


def _matches(read: pl.DataFrame) -> pl.DataFrame:
    """What a rule of the host's firewall met."""
    # One of the names that tell of a connection.
    told = one_of({"NetworkConnectIP": pl.col("event") == "FirewallMatchEvent"})
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in _NAMES if name not in _CEF]
    action = pl.col("rule_action").replace_strict(_RULES, default="unknown", return_dtype=pl.String)
    found = read.select(*_CEF, *absent, told=told, action=action)
    return _rows(found.with_columns(event_simpleName="told"))


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    event = pl.col("event_simpleName").fill_null("")
    served = event.str.contains("Accept|Receive|Listen") | (pl.col("ConnectionDirection") == "1")
    told = read.with_columns(
        event=event,
        dns=event.str.contains("DnsRequest"),
        http=event.str.starts_with("HttpRequest") & pl.col("HttpHost").is_not_null(),
        inbound=served.fill_null(False),
        here=pl.coalesce(_real("LocalAddressIP4"), _real("LocalAddressIP6")),
        there=pl.coalesce(_real("RemoteAddressIP4"), _real("RemoteAddressIP6")),
    )
    return told.select(**_who(), **_what(), reason=_reason())


def _who() -> dict[str, pl.Expr]:
    inbound, outward = pl.col("inbound"), ~pl.col("inbound")
    port = pl.when(inbound).then("LocalPort").otherwise("RemotePort")
    return {
        "client": pl.when(inbound).then("there").otherwise("here"),
        "client_port": pl.when(inbound).then("RemotePort").when(pl.col("LocalPort") != "0").then("LocalPort"),
        "server": pl.when(~pl.col("dns")).then(pl.when(inbound).then("here").otherwise("there")),
        "server_port": pl.when(~pl.col("dns")).then(port),
        "device": pl.when(outward).then(pl.coalesce("ComputerName", "aid")),
        "user_name": pl.when(outward).then(pl.coalesce("UserPrincipal", "UserName")),
        "transport": pl.col("Protocol"),
    }


def _what() -> dict[str, pl.Expr]:
    url = pl.col("OriginatingURL")
    is_url = url.str.contains("/", literal=True)
    records = [pl.col(name).fill_null("") for name in ("IP4Records", "IP6Records")]
    found = pl.concat_str(records, separator=";").str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+")
    return {
        "time": pl.coalesce("ContextTimeStamp", "timestamp"),
        "kind": one_of({"dns": pl.col("dns"), "http": pl.col("http")}, otherwise="flow"),
        "qtype": pl.col("RequestType"),
        "host": pl.coalesce("DomainName", pl.when("http").then("HttpHost"), pl.when(~is_url).then(url)),
        "path": pl.when("http").then("HttpPath"),
        "method": pl.when(pl.col("http") & pl.col("HttpMethod").str.contains("^[A-Z]+$")).then("HttpMethod"),
        "name_from": one_of({"url": ~pl.col("dns") & url.is_not_null()}),
        "url": pl.when(is_url).then(url),
        "answers": pl.when("dns").then(found),
        "action": pl.col("action"),
    }


def _reason() -> pl.Expr:
    connects = pl.col("event").str.contains("^Network(?:Connect|ReceiveAccept)IP")
    return one_of(
        {NO_CONNECTION: ~pl.col("dns") & ~pl.col("http") & ~connects},
    )


def _real(name: str) -> pl.Expr:
    return pl.when(~pl.col(name).is_in(_NOWHERE)).then(name)
