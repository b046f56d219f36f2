"""Cloudflare Zero Trust Logpush (NDJSON): Gateway DNS, HTTP and network, and network sessions.

Which kind a line is tell its keys, because the field set is chosen per job. `SourceInternalIP` (behind
a tunnel) goes before `SourceIP`, the device's public or WARP address. A device that a service token
enrolled has no account, but `non_identity@` its team's domain. Only sessions have volume (`BytesSent` from
the client to the origin, `BytesReceived` back); they share `SessionID` with the network log, which has the
name. Times: RFC 3339, or epoch seconds or nanoseconds, as the job says. Authoritative DNS logs of a zone
tell who in the world asked for the organisation's own names: set aside. Source: Cloudflare Logs, datasets
reference.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import HOSTED_ZONE, NO_CONNECTION
from sensor.sources.logs.text.words import one_of, said

_WANTED: dict[str, str] = {
    "time": "Datetime|SessionStartTime|Timestamp",
    "end": "SessionEndTime",
    "query": "QueryName",
    "type": "QueryTypeName|QueryType",
    "decision": "ResolverDecision",
    "action": "Action",
    "rcode": "RCode|ResponseCode",
    "client": "SourceInternalIP|SrcIP|SourceIP",
    "public": "SrcIP|SourceIP",
    "port": "SourcePort|SrcPort",
    "email": "Email",
    "device": "DeviceName|DeviceID",
    "url": "URL",
    "host": "HTTPHost",
    "method": "HTTPMethod",
    "status": "HTTPStatusCode",
    "agent": "UserAgent",
    "sni": "SNI",
    "fqdn": "ResolvedFQDN",
    "server": "DestinationIP|OriginIP",
    "server_port": "DestinationPort|OriginPort",
    "transport": "Transport|Protocol",
    "session": "SessionID",
    "up": "BytesSent",
    "down": "BytesReceived",
    "begun": "SessionStartTime",
    "closed": "ConnectionCloseReason",
    "other": "SinkholeID",
    "location": "Location|LocationID|Policy|PolicyID|DeviceID",
}
#: Keys no other product writes.
_ONLY_HERE = (
    *("ResolverDecision", "QueryNameReversed", "MatchedCategoryNames", "QueryCategoryNames", "EDNSSubnet"),
    *("HTTPHost", "SourceInternalIP", "EgressColoName", "ConnectionCloseReason"),
)
#: Why a session came to an end before it reached anybody.
_FAILED = (
    *("ORIGIN_UNREACHABLE", "ORIGIN_UNROUTABLE", "PROXY_CONN_REFUSED", "MISMATCHED_IP_VERSIONS"),
    *("TOO_MANY_ACTIVE_SESSIONS_FOR_ACCOUNT", "TOO_MANY_ACTIVE_SESSIONS_FOR_USER"),
    *("TOO_MANY_NEW_SESSIONS_FOR_ACCOUNT", "TOO_MANY_NEW_SESSIONS_FOR_USER"),
)


class CloudflareFormat(LogFormat):
    """Reads Cloudflare Zero Trust logs."""

    name = "cloudflare"
    help = "Cloudflare Zero Trust Logpush: gateway_dns, gateway_http, gateway_network, network sessions"
    vantage = "proxy"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "gateway_http and gateway_dns carry no sizes: push zero_trust_network_sessions, too (fields "
        "SessionID, BytesSent, "
        "BytesReceived), and gateway_network with SessionID and SNI."
    )
    marks = (
        '"connectionclosereason"', '"ednssubnet"', '"egresscoloname"', '"httphost"',
        '"httpmethod"', '"matchedcategorynames"', '"querycategorynames"', '"queryname"',
        '"querynamereversed"', '"resolverdecision"', '"responsecode"', '"sessionid"', '"sinkholeid"',
        '"sourceip"', '"sourceinternalip"',
    )  # fmt: skip
    claims = (
        objects.having_any(*_ONLY_HERE)
        | objects.having("QueryName", "ResponseCode", "Timestamp")
        | objects.having("QueryName", "SrcIP")
        | objects.having("HTTPMethod", "SourceIP")
        | objects.having("SNI", "SourceIP")
        | objects.having("SessionID", "OriginIP")
        # Sinkholed malware.
        | objects.having("AccountID", "SinkholeID")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _WANTED).with_columns(
            is_dns=pl.col("query").is_not_null(),
            is_session=pl.col("begun").is_not_null(),
            is_http=pl.col("url").is_not_null() | pl.col("host").is_not_null(),
        )
        return read.select("time", **_who(), **_what(), **_volume(), action=_action(), reason=_reason())


def _who() -> dict[str, pl.Expr]:
    return {
        "client": pl.coalesce(said("client"), "public"),
        "client_port": pl.col("port"),
        "user_name": pl.when(~pl.col("email").str.starts_with("non_identity@")).then("email"),
        "device": pl.col("device"),
        "server": pl.when(~pl.col("is_dns")).then("server"),
        "server_port": pl.when(~pl.col("is_dns")).then("server_port"),
        "transport": pl.when(~pl.col("is_dns")).then("transport"),
    }


def _what() -> dict[str, pl.Expr]:
    return {
        "qtype": pl.col("type"),
        "kind": one_of(
            {"dns": pl.col("is_dns"), "flow": pl.col("is_session"), "http": pl.col("is_http")},
            otherwise="tls",
        ),
        "host": pl.coalesce("query", "sni", pl.when(said("url").is_null()).then("host"), said("fqdn")),
        # A session's name is that of the lookup that gave the client its address.
        "name_from": one_of({"dns_answer": pl.col("is_session") & pl.col("sni").is_null()}),
        "url": pl.col("url"),
        "method": pl.col("method"),
        "status": pl.col("status"),
        "user_agent": pl.col("agent"),
    }


def _volume() -> dict[str, pl.Expr]:
    """Of a session; the network log's line of the same session names it."""
    named = ~pl.col("is_dns") & ~pl.col("is_http")
    return {
        "bytes_up": pl.col("up"),
        "bytes_down": pl.col("down"),
        "duration_s": (_time("end") - _time("begun")).dt.total_microseconds() / 1_000_000,
        "session": pl.col("session"),
        "phase": one_of({"end": pl.col("is_session"), "name": named}),
    }


def _action() -> pl.Expr:
    word = pl.coalesce("decision", "action").str.to_lowercase()
    passed = word.str.contains("^(?:allow|(?:l4_)?override|forward|bypass|off|on|isolate|no)")
    blocked = word.str.contains("^(?:block|redirect)") | (
        pl.col("is_dns") & (lookups.verdict(pl.col("rcode")) == "blocked")
    )
    stated = one_of({"blocked": blocked, "allowed": passed}, otherwise="unknown")
    failed = pl.when(pl.col("closed").is_in(_FAILED)).then(pl.lit("reset"))
    return pl.when("is_session").then(failed).otherwise(stated)


def _reason() -> pl.Expr:
    gateway = pl.any_horizontal(pl.col(name).is_not_null() for name in ("decision", "location", "email"))
    return one_of(
        {NO_CONNECTION: pl.col("other").is_not_null(), HOSTED_ZONE: pl.col("is_dns") & ~gateway},
    )


def _time(name: str) -> pl.Expr:
    return pl.col(name).str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
