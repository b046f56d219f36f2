r"""Microsoft Defender for Endpoint, table DeviceNetworkEvents: streams, hunting exports, Log Analytics.

    {"category": "AdvancedHunting-DeviceNetworkEvents", "properties": {"Timestamp", "DeviceName", …}}

`RemoteUrl` is a bare name or a URL, often empty; the `…Inspected` events keep host, SNI or question in
`AdditionalFields` (JSON in a string). There are no bytes. `InboundConnectionAccepted` and `direction`
In are turned round: the remote side is the client of a service on this device. A device reports some
events more than once: same DeviceName, ReportId and Timestamp count once. Other tables of the stream
are set aside, except UrlClickEvents: links followed from mails and chats, by account; and of DeviceEvents
what network protection and SmartScreen kept a browser from; and IdentityLogonEvents, sign-ins that domain
controllers saw, as leases of the address that the account used. Source: Microsoft, "DeviceNetworkEvents
table", "UrlClickEvents table", "IdentityLogonEvents table", "Network protection", "Aggregated reporting".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, lookups, objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_CONNECTION, REPEATED
from sensor.sources.logs.text.words import one_of, said

_COLUMNS = (
    "ActionType", "DeviceName", "ReportId", "LocalIP", "LocalPort", "RemoteIP", "RemotePort", "RemoteUrl",
    "Protocol",
    "InitiatingProcessAccountUpn", "InitiatingProcessAccountName", "InitiatingProcessAccountDomain",
    "AdditionalFields",
)  # fmt: skip
_WANTED: dict[str, str] = {
    "category": "category|Type|$table",
    "time": "properties.Timestamp|Timestamp|TimeGenerated|properties.TimeGenerated",
    "click": "properties.Url",
    "upn": "properties.AccountUpn",
    "address": "properties.IPAddress",
    "account": "properties.AccountName",
    "domain": "properties.AccountDomain",
} | {name: f"properties.{name}|{name}" for name in _COLUMNS}
_HEADED = {"time": "timestamp|timegenerated|timegenerated [utc]"} | {name: name for name in _COLUMNS}
_MORE: dict[str, str] = {
    "host": "host|Host", "uri": "uri|Uri", "agent": "user_agent|UserAgent", "sni": "server_name|ServerName",
    "query": "query|DnsQueryString|Query", "direction": "direction|Direction", "method": "method|Method",
    "status": "status_code|StatusCode", "qtype": "qtype_name|QueryType", "rcode": "rcode_name",
}  # fmt: skip
#: What the device itself refused, at the sites of a block list or of apps that are not sanctioned.
_REFUSED = ("ExploitGuardNetworkProtectionBlocked", "SmartScreenUrlWarning")
_INBOUND = ("InboundConnectionAccepted", "InboundConnectionAttempt", "InboundInternetScanInspected")
_SERVICE_PORTS = 1024


class DefenderFormat(LogFormat):
    """Reads Defender's network events."""

    name = "defender"
    help = (
        "Microsoft Defender for Endpoint DeviceNetworkEvents: Event Hub and storage streaming, hunting "
        "CSV or JSON, "
        "Log Analytics"
    )
    vantage = "endpoint"
    usual_zone = "UTC"
    proof = ("host", "path", "user", "device", "action", "user_agent")
    advice = "Defender counts no bytes: for uploads, add a proxy log, a firewall log or packets."
    header = (
        r"(?i)^[^{;\t]*\b(?:DeviceName\b[^;\t]*\bRemote(?:Url|IP)|Remote(?:Url|IP)\b[^;\t]*\bDeviceName)\b"
    )
    marks = (
        "advancedhunting-",
        "devicenetworkevents",
        '"remoteurl"',
        "devicename",
    )
    claims = (
        pl.col("line").str.contains(r'(?i)"category"\s*:\s*"AdvancedHunting-')
        # Rows of an exported table have the table's name, too; they are read when they are objects.
        | (objects.having() & pl.col("line").str.contains("DeviceNetworkEvents", literal=True))
    ) | (objects.having("RemoteUrl") & pl.col("line").str.contains_any(["DeviceName", "InitiatingProcess"]))

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        read = filled(read, commas.read_headed(lines.select("line", "header"), _HEADED))
        more = objects.read(read["AdditionalFields"], _MORE)
        return _fields(read.hstack(more))


def _fields(read: pl.DataFrame) -> pl.DataFrame:
    event = pl.col("ActionType")
    told = read.with_columns(
        clicked=pl.col("category").str.contains("UrlClickEvents").fill_null(False),
        signed_in=pl.col("category").str.contains("IdentityLogonEvents").fill_null(False),
        inbound=_inbound(event),
        remote=said("RemoteUrl"),
        dns=event.str.contains("(?i)^dns").fill_null(False),
        web=event.str.contains("(?i)^http").fill_null(False),
    )
    return told.select(**_who(), **_what(), time="time", action=_action(event), reason=_reason(event))


def _inbound(event: pl.Expr) -> pl.Expr:
    """The device was connected to; where a sensor on the wire is silent, the lower port is the server's."""
    here, there = (pl.col(name).cast(pl.Int64, strict=False) for name in ("LocalPort", "RemotePort"))
    served = (here < _SERVICE_PORTS) & (there >= _SERVICE_PORTS) & event.str.contains("Inspected$")
    direction = pl.col("direction").str.to_lowercase()
    told = event.is_in(_INBOUND) | (direction == "in").fill_null(False)
    return told.fill_null(False) | (served & direction.is_null()).fill_null(False)


def _who() -> dict[str, pl.Expr]:
    inbound, here, there = pl.col("inbound"), ("LocalIP", "LocalPort"), ("RemoteIP", "RemotePort")
    domain = said("InitiatingProcessAccountDomain")
    account = pl.concat_str(pl.concat_str(domain, pl.lit("\\")).fill_null(""), "InitiatingProcessAccountName")
    named = pl.concat_str(pl.concat_str("domain", pl.lit("\\")).fill_null(""), "account")
    upn = pl.when(pl.col("InitiatingProcessAccountUpn").str.contains("@")).then("InitiatingProcessAccountUpn")
    return {
        "client": pl.when(pl.col("clicked") | pl.col("signed_in"))
        .then("address")
        .when(inbound)
        .then(there[0])
        .otherwise(here[0]),
        "client_port": pl.when(inbound).then(there[1]).otherwise(here[1]),
        "server": pl.when(~pl.col("dns")).then(pl.when(inbound).then(here[0]).otherwise(there[0])),
        "server_port": pl.when(~pl.col("dns")).then(pl.when(inbound).then(here[1]).otherwise(there[1])),
        "device": pl.when(~inbound).then("DeviceName"),
        "user_name": pl.when("clicked")
        .then("upn")
        .when("signed_in")
        .then(pl.coalesce(pl.when(pl.col("upn") != "").then("upn"), named))
        .when(~inbound)
        .then(pl.coalesce(upn, account)),
        "transport": pl.col("Protocol").str.to_lowercase().str.extract("^(tcp|udp)"),
    }


def _what() -> dict[str, pl.Expr]:
    is_url = pl.col("remote").str.contains("/", literal=True)
    tls = pl.col("ActionType").str.contains("(?i)^(?:ssl|tls)")
    return {
        "kind": one_of(
            {
                "lease": pl.col("signed_in"),
                "dns": pl.col("dns"),
                "http": pl.col("web") | pl.col("clicked"),
                "tls": tls,
            },
            otherwise="flow",
        ),
        "qtype": pl.when("dns").then("qtype"),
        "host": pl.coalesce(pl.when("dns").then("query"), pl.when(~is_url).then("remote"), "host", "sni"),
        "name_from": one_of({"http_host": pl.col("web"), "sni": ~pl.col("dns")}),
        "url": pl.when("clicked").then("click").when(is_url).then("remote"),
        "path": pl.when(pl.col("uri").str.starts_with("/")).then("uri"),
        "method": pl.col("method"),
        "status": pl.col("status"),
        "user_agent": pl.col("agent"),
        "lease_s": pl.when("signed_in").then(WORKING_DAY_S),
        "origin": one_of({"directory": pl.col("signed_in")}),
        "confidence": pl.when("signed_in").then(0.7),
    }


def _action(event: pl.Expr) -> pl.Expr:
    return one_of(
        {
            # `ConnectionFailedAggregatedReport` tells of several.
            "reset": event.str.contains("^Connection(?:Failed|Attempt)"),
            "blocked": event.str.contains("(?i)block")
            | event.is_in(_REFUSED)
            | (pl.col("dns") & (lookups.verdict(pl.col("rcode")) == "blocked")),
            "allowed": event.is_not_null(),
        }
    )


def _reason(event: pl.Expr) -> pl.Expr:
    by_table = pl.col("category").str.contains("DeviceNetworkEvents").fill_null(True)
    looked_up = event == "DnsQueryResponse"  # of DeviceEvents
    network = event.str.contains(r"(?i)connection|inspected|dns") & by_table
    network = network | event.is_in(_REFUSED) | looked_up
    network = network.fill_null(False)
    report = pl.struct("DeviceName", "ReportId", "time")
    succeeded = (event == "LogonSuccess").fill_null(False)
    return one_of(
        {
            FAILED_SIGN_IN: pl.col("signed_in") & ~succeeded,
            NO_CONNECTION: ~network & ~pl.col("clicked") & ~pl.col("signed_in"),
            REPEATED: ~report.is_first_distinct() & pl.col("ReportId").is_not_null(),
        }
    )
