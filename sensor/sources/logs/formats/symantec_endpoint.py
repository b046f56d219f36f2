r"""Symantec Endpoint Protection Manager: the clients' traffic log over syslog, and what else it sends.

    PC7,Local Host IP: 10.1.2.3,Local Port: 50000,…,Remote Host IP: 192.0.2.7,Remote Host Name: …,…,
    TCP,Outbound,Begin: …,End Time: …,Occurrences: 1,…,User Name: ada,Domain Name: CORP,Action: Allowed,…
    PC7,Local: 10.1.2.3,Local: 50000,Local: …,Remote: 192.0.2.7,Remote: …,Remote: 443,…      (version 11)

Only the traffic log names connections; it has no sizes. Source: Broadcom, "External logging settings
and log event severity levels for Endpoint Protection Manager".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import FROM_OUTSIDE, NO_PORTS, NO_SERVICE
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_TRAFFIC = r"Local(?: Host)?(?: IP)?: .*,Remote(?: Host)?(?: IP)?: .*,(?:Inbound|Outbound|Unknown),"
#: What the manager says of itself, where a relay took its name for the host's.
_OTHERS = r"^Site: [^,]*,Server(?: Name)?: [^,]*,"
#: The security log names ends, too, and an attack.
_INTRUSION = ",CIDS Signature "
#: Before version 12 three columns each are `Local: ` and `Remote: `.
_OLD = (
    r",Local: (?<client>[^,]*),Local: (?<client_port>\d*),Local: (?<client_mac>[^,]*),"
    r"Remote: (?<server>[^,]*),Remote: (?<host>[^,]*),Remote: (?<server_port>\d*),"
)


class SymantecEndpointFormat(LogFormat):
    """Reads the traffic log of Symantec Endpoint Protection."""

    name = "symantec-endpoint"
    help = "Symantec Endpoint Protection Manager 12, 14: traffic log (syslog)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "user", "device", "action")
    advice = "Endpoint events have no volumes: uploads stay unknown."
    marks = ("symantecserver", ",remote", "site: ")
    claims = (pl.col("tag") == "SymantecServer").fill_null(False) | pl.col("line").str.contains(
        f"{_TRAFFIC}|{_OTHERS}"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        line = pl.col("line")
        read = lines.select(
            traffic=line.str.contains(_TRAFFIC) & ~line.str.contains(_INTRUSION, literal=True),
            device=line.str.extract(r"^(?:SymantecServer:? )?([^,:]+),"),
            client=_said("Local Host(?: IP)?"),
            client_port=_said("Local Port"),
            client_mac=_said("Local Host MAC"),
            server=_said("Remote Host(?: IP)?"),
            host=_said("Remote Host Name"),
            server_port=_said("Remote Port"),
            transport=line.str.extract(r",(\w+),(?:Inbound|Outbound|Unknown),"),
            direction=line.str.extract(r",(Inbound|Outbound|Unknown),"),
            time=_said("Begin(?: Time)?"),
            ended=_said("End(?: Time)?"),
            user=_said("User(?: Name)?"),
            domain=_said("Domain(?: Name)?"),
            action=_said("Action"),
        )
        read = filled(read, patterns.read(lines["line"], _OLD))
        plain = has_ports(pl.col("transport")).fill_null(False)
        account = pl.when(pl.col("domain").is_not_null()).then(
            pl.concat_str("domain", "user", separator="\\")
        )
        return read.select(
            *(
                "time",
                "ended",
                "client",
                "client_port",
                "client_mac",
                "device",
                "host",
                "server",
                "server_port",
            ),
            "transport",
            kind=pl.lit("flow"),
            name_from=pl.lit("dns_answer"),
            user_name=pl.coalesce(account, "user"),
            action=pl.coalesce("action", pl.lit("unknown")),
            reason=one_of(
                {
                    NO_SERVICE: ~pl.col("traffic"),
                    NO_PORTS: ~plain,
                    FROM_OUTSIDE: pl.col("direction") == "Inbound",
                }
            ),
        )


def _said(key: str) -> pl.Expr:
    """What stands after `key: `, NULL where nothing does."""
    value = pl.col("line").str.extract(rf"(?:^|,)\s*{key}: ?([^,]*)").str.strip_chars()
    return pl.when(value != "").then(value)
