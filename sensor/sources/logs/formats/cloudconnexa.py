"""OpenVPN CloudConnexa log streaming (JSON): what Cyber Shield blocked, and tunnel addresses of clients.

`domain-blocked` names a lookup's domain and the asker's account, `traffic-blocked` a connection of a tunnel
address; `client-connected` and `client-disconnected` give and end a tunnel address. The account is
`parentEntity`. Allowed traffic is not logged; the session's two counts are the tunnel's, not a service's, and
are not read. Source: OpenVPN, "CloudConnexa log streaming, event types".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "timestamp",
    "event": "eventName",
    "user": "parentEntity",
    "domain": "log.domain",
    "source": "log.sourceIp",
    "source_port": "log.sourcePort",
    "server": "log.destinationIp",
    "port": "log.destinationPort",
    "proto": "log.protocol",
    "tunnel": "log.tunnelIpV4",
    "began": "log.sessionStartTime",
    "ended": "log.sessionEndTime",
}
_NOWHERE = "0.0.0.0"


class CloudConnexaFormat(LogFormat):
    """Reads OpenVPN CloudConnexa events."""

    name = "cloudconnexa"
    help = "OpenVPN CloudConnexa log streaming (JSON): blocked domains and connections, tunnel addresses"
    vantage = "dns"
    proof = ("host", "user", "action")
    advice = "Only what was blocked is logged: for the rest, add the log of the resolver or firewall."
    marks = ('"cloudconnexalogversion"',)
    claims = objects.having("CloudConnexaLogVersion")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per blocked lookup or connection; leases."""
        read = objects.read(lines["line"], _WANTED)
        event = pl.col("event").fill_null("")
        asked, flow, ends = (
            event == name for name in ("domain-blocked", "traffic-blocked", "client-disconnected")
        )
        holds = ends | (event == "client-connected")
        tunnel = pl.when(pl.col("tunnel") != _NOWHERE).then("tunnel")
        return read.select(
            time=pl.coalesce(pl.when(holds).then(pl.when(ends).then("ended").otherwise("began")), "time"),
            kind=one_of({"dns": asked, "lease": holds}, otherwise="flow"),
            client=pl.when(holds).then(tunnel).otherwise("source"),
            client_port="source_port",
            user_name="user",
            host=pl.when(asked).then("domain"),
            server="server",
            server_port="port",
            transport=pl.when(~holds).then("proto"),
            action=one_of({"blocked": ~holds}),
            lease_s=pl.when(ends).then(0.0).otherwise(WORKING_DAY_S),
            closes=ends,
            origin=one_of({"vpn": holds}),
            reason=one_of({NO_ADDRESS: ~(asked | flow | (holds & tunnel.is_not_null())).fill_null(False)}),
        )
