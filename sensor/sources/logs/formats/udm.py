"""Google SecOps (Chronicle) UDM: normalised network events, exported or sent on as JSON.

    {"metadata": {"event_type": "NETWORK_HTTP", "event_timestamp": …}, "principal": {"ip": ["10.1.2.3"],
     "user": {"userid": "ada"}}, "target": {"hostname": "chat.example.com", "url": …}, "network":
     {"sent_bytes": "900", "received_bytes": "7000", …}, "security_result": [{"action": ["ALLOW"]}]}

    {"metadata": {"event_type": "NETWORK_DHCP", …}, "network": {"dhcp": {"type": "ACK", "yiaddr": "10.1.2.3",
     "chaddr": "02:00:…", "client_hostname": "pc7", "lease_time_seconds": 3600}}, …}

The principal acts; sent and received are the principal's. FortiGate's records of one session are cumulative.
Keys in either spelling (`eventType`), also below `udm` or `event`. Source: Google SecOps, "Unified Data Model
field list".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, lookups, objects
from sensor.sources.logs.text.reasons import NO_CONNECTION, REVERSE
from sensor.sources.logs.text.words import one_of

_BELOW = ("", "udm.", "event.", "event.idm.read_only_udm.", "idm.read_only_udm.")
_FIELDS = {
    "time": "metadata.event_timestamp|metadata.eventTimestamp", "client_port": "principal.port",
    "device": "principal.hostname", "user": "principal.user.userid", "host": "target.hostname",
    "server_port": "target.port", "url": "target.url", "method": "network.http.method",
    "status": "network.http.response_code|network.http.responseCode",
    "agent": "network.http.user_agent|network.http.userAgent",
    "sni": "network.tls.client.server_name|network.tls.client.serverName",
    "transport": "network.ip_protocol|network.ipProtocol",
    "up": "network.sent_bytes|network.sentBytes", "down": "network.received_bytes|network.receivedBytes",
    "results": "security_result|securityResult",
    "rcode": "network.dns.response_code|network.dns.responseCode",
    "vendor": "metadata.vendor_name|metadata.vendorName",
    "session": "network.session_id|network.sessionId",
    "dhcp": "network.dhcp.type", "given": "network.dhcp.yiaddr", "mac": "network.dhcp.chaddr",
    "holder": "network.dhcp.client_hostname|network.dhcp.clientHostname",
    "lease": "network.dhcp.lease_time_seconds|network.dhcp.leaseTimeSeconds",
}  # fmt: skip
_LISTS = ("principal.ip", "target.ip", "principal.mac", "principal.user.email_addresses",
          "principal.user.emailAddresses", "network.dns.questions[].name",
          "network.dns.questions[].type")  # fmt: skip
_WANTED = {
    name: "|".join(below + path for below in _BELOW for path in paths.split("|"))
    for name, paths in _FIELDS.items()
}
_ACTION = r'"action"\s*:\s*\[\s*"([A-Z_]+)"'


class UdmFormat(LogFormat):
    """Reads UDM events."""

    name = "udm"
    help = "Google SecOps (Chronicle) UDM: network and DHCP events (JSON)"
    vantage = "proxy"
    generic = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")  # fmt: skip
    marks = ('"principal"',)
    claims = objects.having("metadata", "principal") & pl.col("line").str.contains(
        r'"event_?[tT]ype"\s*:\s*"(?:EMAIL|FILE|GENERIC|GROUP|MUTEX|NETWORK|PROCESS|REGISTRY|RESOURCE|SCAN|SCHEDULED|'
        r'SERVICE|SETTING|STATUS|SYSTEM|USER)_[A-Z_]+"'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        listed = [below + path for below in _BELOW for path in _LISTS]
        read = objects.read(lines["line"], _WANTED, lists=listed)
        first = {path: pl.coalesce(pl.col(below + path).list.first() for below in _BELOW) for path in _LISTS}
        question = first["network.dns.questions[].name"]
        dns = question.is_not_null()
        web = pl.col("url").is_not_null() | pl.col("method").is_not_null()
        word = pl.col("results").str.extract(_ACTION).replace({"BLOCK_WITH_MODIFICATION": "BLOCK"})
        held = (pl.col("dhcp") == "ACK").fill_null(False)
        server = first["target.ip"]
        client = pl.when(held).then("given").otherwise(first["principal.ip"])
        named = pl.coalesce("sni", "host")
        mail = pl.coalesce(first["principal.user.email_addresses"], first["principal.user.emailAddresses"])
        return read.select(
            *("time", "client_port", "method", "status"),
            kind=one_of({"lease": held, "dns": dns, "http": web}, otherwise="flow"),
            client=client,
            client_mac=pl.coalesce(pl.when(held).then("mac"), first["principal.mac"]),
            device=pl.coalesce(pl.when(held).then("holder"), "device"),
            lease_s=pl.when(held).then(pl.coalesce(dhcp.length(pl.col("lease")), pl.lit(dhcp.ASSUMED_S))),
            origin=one_of({"dhcp": held}),
            user_name=pl.coalesce("user", mail),
            url=pl.when(~dns).then("url"),
            host=pl.when(dns).then(question).when(pl.col("url").is_null()).then(named),
            qtype=first["network.dns.questions[].type"],
            name_from=one_of({"sni": ~dns & ~web & named.is_not_null()}),
            user_agent="agent",
            server=server,
            server_port="server_port",
            transport=pl.col("transport").str.to_lowercase(),
            bytes_up=pl.when(~dns).then("up"),
            bytes_down=pl.when(~dns).then("down"),
            session=pl.when(~dns & (pl.col("vendor") == "Fortinet")).then(
                pl.concat_str("session", client, "client_port", server, "server_port", separator="|")
            ),
            phase=pl.lit("update"),
            action=one_of({"blocked": dns & (lookups.verdict(pl.col("rcode")) == "blocked")}, otherwise=word),
            reason=one_of(
                {
                    NO_CONNECTION: ~held
                    & ~dns
                    & server.is_null()
                    & named.is_null()
                    & pl.col("url").is_null(),
                    REVERSE: question.str.contains(r"(?i)\.(?:in-addr|ip6)\.arpa\.?$"),
                }
            ),
        )
