r"""Envoy (and Istio, Ambassador, Contour): the default access log as text and JSON, HTTP and TCP.

    [2026-10-06T10:00:00.123Z] "GET /p HTTP/1.1" 200 - [details] BYTES_RECEIVED BYTES_SENT DURATION
    UPSTREAM_TIME
    "X-FORWARDED-FOR" "USER-AGENT" "REQUEST-ID" "AUTHORITY" "UPSTREAM_HOST" [cluster local downstream_local
    downstream_remote sni route]                                                             (Istio appends
    these)

BYTES_RECEIVED is what the client sent, BYTES_SENT what it got (bodies only, except for TCP). The time is the
start. The default text has no client but X-Forwarded-For, and quotes in what clients say are not escaped. A
403 without an upstream host is Envoy's own. Source: Envoy, "Access logging"; Istio, "Envoy Access Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects, patterns
from sensor.sources.logs.text.reasons import UNREADABLE
from sensor.sources.logs.text.words import one_of, said

_LINE = (
    r'^(?:ACCESS )?\[(?<time>\d{4}-\d\d-\d\dT[^\]]+)\] "(?<method>\S+) (?<path>\S+) (?<protocol>[^"]*)" '
    r"(?<status>\d+) (?<flags>\S+) "
    r"(?<details>.*?)(?<up>\d+) (?<down>\d+) (?<taken>\d+|-) (?<upstream_time>\d+|-) "
    r'"(?<forwarded>[^"]*)" "(?<agent>.*?)" "(?<id>[^"]*)" "(?<authority>[^"]*)" "(?<upstream>[^"]*)"'
    r"(?: (?<cluster>\S+) (?<local>\S+) (?<here>\S+) (?<remote>\S+) (?<sni>\S+))?"
)
_OBJECT = {
    "time": "start_time|timestamp", "method": "method|:method",
    "path": "path|:path|x_envoy_original_path|x-envoy-origin-path",
    "status": "response_code", "flags": "response_flags", "details": "response_code_details",
    "up": "bytes_received",
    "down": "bytes_sent", "taken": "duration", "forwarded": "x_forwarded_for|x-forwarded-for|forwarded_for",
    "agent": "user_agent|user-agent", "authority": "authority|:authority|host", "upstream": "upstream_host",
    "remote": "downstream_remote_address|downstream_direct_remote_address", "sni": "requested_server_name",
    "protocol": "protocol",
}  # fmt: skip
_IS_OBJECT = r"^\s*\{"
#: Response flags: no connection upstream came about.
_FAILED = r"\b(?:UF|UH|NR|URX|UC|UT|LR|UO|NC|DI|UPE|UMSDR|OM|DF)\b"


class EnvoyFormat(LogFormat):
    """Reads Envoy access logs."""

    name = "envoy"
    help = "Envoy 1.10 and later, Istio, Ambassador: default access log, text and JSON"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Add %DOWNSTREAM_REMOTE_ADDRESS% and %REQUESTED_SERVER_NAME%: the default text names no client "
        "and no SNI."
    )
    marks = ('] "', '"response_flags"')
    claims = pl.col("line").str.contains(
        r'^(?:ACCESS )?\[\d{4}-\d\d-\d\dT[^\]]+\] "\S+ \S+ [^"]*" \d+ \S+ .*"[^"]*" ".*?" "[^"]*" '
        r'"[^"]*" "[^"]*"'
    ) | (
        pl.col("line").str.contains(_IS_OBJECT)
        & pl.col("line").str.contains(r'"response_flags"\s*:')
        & pl.col("line").str.contains(r'"(?:upstream_host|upstream_cluster|downstream_remote_address)"\s*:')
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy) or connection (kind tls)."""
        return layouts.read(
            lines,
            [
                (_IS_OBJECT, lambda part: _rows(objects.read(part["line"], _OBJECT))),
                (pl.lit(True), lambda part: _rows(patterns.read(part["line"], _LINE))),
            ],
        )


def _told(name: str) -> pl.Expr:
    return said(name, "-")


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    is_request = _told("method").is_not_null()
    upstream = pl.col("upstream").str.extract_groups(r"^\[?(?<ip>[0-9a-fA-F.:]+?)\]?:(?<port>\d+)$")
    details = pl.concat_str(pl.col("flags").fill_null(""), pl.col("details").fill_null(""), separator=" ")
    own_refusal = (pl.col("status") == "403") & (pl.col("upstream") == "-")
    host = pl.coalesce(pl.when(is_request).then(_told("authority")), _told("sni"))
    return fields.select(
        time="time",
        duration_s=pl.col("taken").cast(pl.Float64, strict=False) / 1000,
        kind=one_of({"proxy": is_request}, otherwise="tls"),
        client=pl.coalesce(
            _told("forwarded").str.extract(r"^([^,\s]+)"),
            _told("remote").str.replace(r"^\[?(.*?)\]?:\d+$", "$1"),
        ),
        client_port=_told("remote").str.extract(r":(\d+)$"),
        url=pl.when(is_request).then(host),
        host=pl.when(~is_request).then(host),
        path=pl.when(pl.col("path").str.starts_with("/")).then("path"),
        method=_told("method"),
        status="status",
        user_agent=_told("agent"),
        server=upstream.struct.field("ip"),
        server_port=upstream.struct.field("port"),
        transport=one_of({"udp": pl.col("protocol").str.contains("HTTP/3")}, otherwise="tcp"),
        bytes_up="up",
        bytes_down="down",
        action=one_of(
            {
                "blocked": details.str.contains(r"\b(?:UAEX|RLSE|RL)\b|denied") | own_refusal,
                "reset": details.str.contains(_FAILED),
            },
            otherwise="allowed",
        ),
        reason=one_of({UNREADABLE: pl.col("time").is_null()}),
    )
