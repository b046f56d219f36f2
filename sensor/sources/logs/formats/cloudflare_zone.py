"""Cloudflare Logpush of an organisation's own zones (NDJSON): HTTP requests, firewall events, Spectrum.

They tell who reached names of one's own through Cloudflare (a self-hosted model, say).
`ClientRequestBytes` is what the client sent, `EdgeResponseBytes` what it got; a subrequest of a Worker
is the edge's, not a client's. Spectrum tells a connection when it opens and closes. The GraphQL API's
firewall events spell the names smaller. Zero Trust's logs are format `cloudflare`. Source: Cloudflare
Logs, datasets reference: HTTP requests, Firewall events, Spectrum events.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import OWN_REQUEST
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "EdgeStartTimestamp|Datetime|ConnectTimestamp|Timestamp|datetime",
    "end": "EdgeEndTimestamp|DisconnectTimestamp",
    "client": "ClientIP|clientIP",
    "client_port": "ClientSrcPort|ClientPort",
    "host": "ClientRequestHost|clientRequestHTTPHost",
    "path": "ClientRequestURI|ClientRequestPath|clientRequestPath",
    "method": "ClientRequestMethod|clientRequestHTTPMethodName",
    "status": "EdgeResponseStatus",
    "agent": "ClientRequestUserAgent|userAgent",
    "server": "OriginIP",
    "port": "OriginPort",
    "sni": "ClientTlsClientHelloServerName",
    "transport": "ClientProto",
    "up": "ClientRequestBytes|ClientBytes",
    "down": "EdgeResponseBytes|OriginBytes",
    "action": "SecurityAction|WAFAction|Action|action",
    "event": "Event",
    "app": "Application",
    "subrequest": "WorkerSubrequest",
    "scheme": "ClientRequestScheme",
}
_PHASES = {"connect": "begin", "disconnect": "end", "closed": "end"}
_REFUSED = ("clientFiltered", "tlsError", "resolveOriginError", "originError")


class CloudflareZoneFormat(LogFormat):
    """Reads Cloudflare logs of zones."""

    name = "cloudflare-zone"
    help = "Cloudflare Logpush of zones: http_requests, firewall_events, spectrum_events"
    vantage = "proxy"
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Push ClientRequestBytes and EdgeResponseBytes with http_requests; no field has the user."
    marks = (
        '"clientrequesthost"', '"clientrequesthttphost"', '"connecttimestamp"',
    )  # fmt: skip
    claims = (
        objects.having("ClientIP", "ClientRequestHost")
        | objects.having("ClientIP", "ConnectTimestamp")
        | objects.having("clientIP", "clientRequestHTTPHost")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http) or end of a Spectrum connection (kind flow)."""
        read = objects.read(lines["line"], _FIELDS)
        read = read.with_columns(
            spectrum=pl.col("host").is_null(),
            end=pl.when(~pl.col("end").str.starts_with("1970") & (pl.col("end") != "0")).then("end"),
        )
        word = pl.col("action").str.to_lowercase()
        blocked = word.str.contains("block|drop|challenge|deny").fill_null(False)
        refused = pl.col("event").is_in(_REFUSED).fill_null(False)
        phase = pl.col("event").replace_strict(_PHASES, default="update", return_dtype=pl.String)
        ends = ("app", "client", "client_port", "time")
        https = (pl.col("scheme") == "https").fill_null(False)
        return read.select(
            "time",
            "client",
            "method",
            "path",
            "status",
            "transport",
            ended="end",
            client_port=pl.when(pl.col("client_port") != "0").then("client_port"),
            kind=one_of({"flow": pl.col("spectrum")}, otherwise="http"),
            host=pl.coalesce("host", "sni"),
            name_from=one_of({"sni": pl.col("spectrum")}, otherwise="http_host"),
            user_agent="agent",
            server="server",
            server_port=pl.coalesce("port", one_of({"443": https})),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": blocked | refused}, otherwise="allowed"),
            session=pl.when("spectrum").then(pl.concat_str(ends, separator="|", ignore_nulls=True)),
            phase=pl.when("spectrum").then(phase),
            reason=one_of({OWN_REQUEST: pl.col("subrequest") == "true"}),
        )
