"""Google Cloud: VPC flow, firewall, URL filter, NAT and load balancer logs, Secure Web Proxy (Cloud Logging).

    {"jsonPayload": {"connection": {"src_ip", "src_port", "dest_ip", "dest_port", "protocol"}, "bytes_sent":
    "1776", "reporter":
    "SRC", "start_time", "end_time", …}, "logName": "projects/p/logs/compute.googleapis.com%2Fvpc_flows", …}

A flow record counts one direction (`bytes_sent`, a sample scaled up). Between two machines of the network
both ends report each direction: the end that reports first counts (`observer`). What a firewall rule
intercepts is judged by an endpoint, which logs the name it saw (`firewall_url_filter`). A network load
balancer counts from the server's side: `bytesReceived` is what the client sent. What a Secure Web Proxy
refused is told by `action` of the rules that fitted, whatever their names; `serverIp` is the origin. An Agent
Gateway's entries, which are the same, tell MCP methods and the tool that was called. Source: Google Cloud,
"VPC Flow Logs records", "Firewall Rules Logging", "URL filtering service logs", "Cloud NAT logging", "Secure
Web Proxy logs", "Passthrough Network Load Balancer logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import models, objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_BELOW = {
    "client": "connection.src_ip", "client_port": "connection.src_port", "server": "connection.dest_ip",
    "port": "connection.dest_port", "proto": "connection.protocol", "bytes": "bytes_sent",
    "filter_client": "connection.clientIp", "filter_client_port": "connection.clientPort",
    "filter_server": "connection.serverIp", "filter_port": "connection.serverPort", "seen": "detectionTime",
    "filter_sni": "sessionLayerDetails.sni", "filter_uri": "applicationLayerDetails.uri",
    "matched": "uriMatched", "deny": "denyType", "filter_action": "action",
    "packets": "packets_sent",
    "start": "start_time", "end": "end_time", "began": "startTime", "ended": "endTime",
    "reporter": "reporter",
    "verdict": "disposition", "allocated": "allocation_status",
    "vm": "instance.vm_name",
    "way": "rule_details.direction",
    "balanced_up": "bytesReceived", "balanced_down": "bytesSent",
    "proxied_up": "serverBytesReceived", "proxied_down": "serverBytesSent",
    "sni": "enforcedGatewaySecurityPolicy.hostname", "status_details": "statusDetails",
    "authorised": "authzPolicyInfo.result",
    "mcp": "agentGatewayInfo.mcpInfo.method", "mcp_of": "agentGatewayInfo.mcpInfo.parameter",
}  # fmt: skip
#: What each rule of a Secure Web Proxy's policy that fits a request makes of it.
_RULES = "enforcedGatewaySecurityPolicy.matchedRules[].action"
_FIELDS = {name: f"jsonPayload.{path}|{path}" for name, path in _BELOW.items()} | {
    "time": "timestamp|receiveTimestamp",
    "url": "httpRequest.requestUrl",
    "method": "httpRequest.requestMethod",
    "status": "httpRequest.status",
    "asked_by": "httpRequest.remoteIp|jsonPayload.remoteIp",
    "asked_of": "httpRequest.serverIp",
    "agent": "httpRequest.userAgent",
    "up": "httpRequest.requestSize",
    "down": "httpRequest.responseSize",
    "took": "httpRequest.latency",
}
_TOOL = r"(?-u:^[\w .:/@-]{1,64}$)"
#: The port that may stand behind an address of a request.
_PORT = r"^((?:\d+\.){3}\d+|\[.*\]):(\d+)$"

_BALANCED = r"loadbalancing\.googleapis\.com(?:%2F|/)(?:flows|connections)\b"


class GcpFlowFormat(LogFormat):
    """Reads Google Cloud network logs."""

    name = "gcp-flow"
    help = (
        "Google Cloud VPC flow logs, firewall rule, URL filter, Cloud NAT and network load balancer logs, "
        "Secure Web Proxy, Agent Gateway (Cloud Logging JSON)"
    )
    vantage = "flow"
    counts_headers = "ip"
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Flow logs name no hosts: scan Cloud DNS logs with them. Sampling makes volumes estimates."
    marks = (
        '"connection"', "%2ffirewall", "%2fgateway_requests", "%2fnat_flows", "%2fvpc_flows",
        "/gateway_requests", "/vpc_flows", "loadbalancing.googleapis.com",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        rf"{_BALANCED}|"
        r"%2F(?:vpc_flows|firewall(?:_url_filter)?|nat_flows|gateway_requests)\b|/(?:vpc_flows|gateway_requests)\b"
    ) | (
        pl.col("line").str.contains(r'"connection"\s*:\s*\{')
        & pl.col("line").str.contains(r'"(?:reporter|disposition|uriMatched)"\s*:')
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per flow record (one way), verdict or request."""
        rules = (f"jsonPayload.{_RULES}", _RULES)
        read = objects.read(lines["line"], _FIELDS, lists=rules).with_columns(
            rules=pl.coalesce(rules).list.join(" ", ignore_nulls=True)
        )
        balanced = pl.lit(lines["line"].str.contains(_BALANCED))
        filtered = pl.col("filter_client").is_not_null() & ~balanced
        names = (said(name) for name in ("filter_sni", "filter_uri", "matched"))
        read = read.with_columns(
            pl.coalesce(name, f"filter_{name}") for name in ("client", "client_port", "server", "port")
        ).with_columns(sni=pl.when(filtered).then(pl.coalesce(*names)).otherwise("sni"))
        request = pl.col("url").is_not_null() | (
            pl.col("asked_by").is_not_null() & pl.col("sni").is_not_null()
        )
        flow = pl.col("reporter").is_not_null() | pl.col("bytes").is_not_null()
        refused = pl.any_horizontal(
            pl.col(name).str.contains("(?i)den|drop").fill_null(False)
            for name in ("verdict", "allocated", "status_details", "filter_action", "rules", "authorised")
        ) | (filtered & pl.col("deny").is_in(["SNI", "HOST", "URI"]))
        # Of what is intercepted, the endpoint's own log says what became of it.
        untold = (pl.col("verdict") == "INTERCEPTED") | (filtered & pl.col("filter_action").is_null())
        proto = pl.col("proto").str.to_lowercase()
        read = read.with_columns(
            start=pl.coalesce("start", pl.when(balanced).then("began")),
            end=pl.coalesce("end", pl.when(balanced).then("ended")),
        )
        lasted = (_time("end") - _time("start")).dt.total_microseconds() / 1_000_000
        took = pl.col("took").str.strip_suffix("s").cast(pl.Float64, strict=False)
        return read.select(
            time=pl.coalesce("start", "seen", "time"),
            duration_s=pl.coalesce(lasted, took),
            kind=one_of({"proxy": request, "tls": filtered}, otherwise="flow"),
            client=pl.coalesce("client", _address("asked_by")),
            client_port=pl.coalesce("client_port", _port("asked_by")),
            device=pl.when(pl.col("way") == "EGRESS").then("vm"),
            url="url",
            host=pl.when(pl.col("url").is_null()).then("sni"),
            method="method",
            status="status",
            user_agent="agent",
            server=pl.coalesce("server", _address("asked_of")),
            server_port=pl.coalesce("port", _port("asked_of")),
            transport=one_of({"tcp": request}, otherwise=proto),
            mcp_methods=models.known_methods(
                pl.when(pl.col("mcp").is_not_null()).then(pl.concat_list("mcp"))
            ),
            mcp_tools=pl.when((pl.col("mcp") == "tools/call") & pl.col("mcp_of").str.contains(_TOOL)).then(
                pl.format("{}=1", "mcp_of")
            ),
            bytes_up=pl.when(request).then("up").otherwise(pl.coalesce("bytes", "balanced_up", "proxied_up")),
            bytes_down=pl.coalesce("down", "balanced_down", "proxied_down"),
            packets_up="packets",
            one_way=flow,
            observer=pl.when(flow).then("reporter"),
            action=one_of({"blocked": refused, "unknown": untold}, otherwise="allowed"),
            reason=one_of({NO_PORTS: ~request & ~has_ports(proto)}),
        )


def _address(name: str) -> pl.Expr:
    return pl.col(name).str.replace(_PORT, "$1")


def _port(name: str) -> pl.Expr:
    return pl.col(name).str.extract(_PORT, 2)


def _time(name: str) -> pl.Expr:
    return (
        pl.col(name)
        .str.replace(r"(\.\d{6})\d+", "$1")
        .str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
    )
