r"""Clavister cOS Core (NetWall), and D-Link's NetDefendOS made of it: events of `key=value`.

    EFW: CONN: prio=1 id=00600005 rev=1 event=conn_close action=close rule=out conn=close connipproto=TCP
    connsrcip=10.1.2.3 connsrcport=40000 conndestip=192.0.2.7 conndestport=443 origsent=900 termsent=70
    conntime=5

and, exported by its log server, in brackets by kind: `id=600002 event=conn_close [message=…][conn […]]`.
`conn_open` begins a connection, `request_url` (HTTP ALG, web content filtering) names what is asked for,
`conn_close` has the volumes: `origsent` is the originator's. `oneconnect_session_created` says which address
(`client_ip`) the VPN gave to whom. Exports round them (`4.52 K`). Source:
Clavister, "cOS Core Log Reference Guide".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import pairs
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "event": "event", "action": "action", "client": "connsrcip|srcip", "server": "conndestip|destip",
    "client_port": "connsrcport|srcport", "port": "conndestport|destport", "proto": "connipproto|ipproto",
    "url": "url", "up": "origsent", "down": "termsent", "duration": "conntime",
    "user": "username|connsrcuser", "agent": "authagent", "inner": "client_ip",
}  # fmt: skip
_TOKEN = r'[a-z_]+=(?:"[^"]*"|[^\s\[\]]*(?: [KMGT]\b)?)'
_UNITS = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}
#: Who signs in here is at the address itself, not at the far end of a tunnel.
_AGENTS = ["HTTP", "HTTPS", "ARP", "MAC", "Agent"]


class ClavisterFormat(LogFormat):
    """Reads events of Clavister firewalls."""

    name = "clavister"
    help = "Clavister cOS Core (NetWall) and D-Link NetDefendOS: connections, URLs, logins"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = "Log conn_close beside conn_open (volumes), and web content filtering in audit mode (hosts)."
    marks = ("event=",)
    claims = pl.col("line").str.contains(r"(?-u:\b)id=[0-9]{6,8} (?:rev=[0-9]+ )?event=[a-z0-9_]+ ")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event; sign-ins and sign-offs as leases."""
        tokens = pairs.numbered(lines["line"].str.extract_all(_TOKEN))
        halves = tokens["token"].str.splitn("=", 2).struct.rename_fields(["key", "value"]).struct.unnest()
        told = halves.with_columns(tokens["row"], pl.col("value").str.strip_chars('"'))
        read = pairs.columns(told, lines.height, _FIELDS)
        of = pl.col("event").fill_null("")
        login = of.is_in(["user_login", "user_logout", "user_timeout", "user_disconnected"])
        tunnel = (of == "oneconnect_session_created") & pl.col("inner").is_not_null()
        at_address = pl.col("agent").is_in(_AGENTS).fill_null(False) & pl.col("user").is_not_null()
        opened, ended = of.str.starts_with("conn_open"), of.str.starts_with("conn_close")
        asked = (of == "request_url") & pl.col("url").is_not_null()
        blocked = pl.col("action").is_in(["drop", "reject", "block", "deny"]).fill_null(False)
        dropped = blocked & ~asked & pl.col("server").is_not_null()
        session = pl.concat_str("client", "client_port", "server", "port", "proto", separator="|")
        known = opened | ended | asked | dropped
        return read.select(
            time=lines["line"].str.extract(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\]"),
            duration_s=pl.when(ended).then("duration"),
            at_end=ended & pl.col("duration").is_not_null(),
            kind=one_of(
                {"lease": login | tunnel, "tls": asked & (pl.col("port") == "443"), "http": asked},
                otherwise="flow",
            ),
            client=pl.when(tunnel).then("inner").otherwise("client"),
            client_port="client_port",
            user_name="user",
            url=pl.when(asked).then("url"),
            server=pl.when(~tunnel).then("server"),
            server_port=pl.when(~tunnel).then("port"),
            transport="proto",
            bytes_up=pl.when(ended).then(_count("up")),
            bytes_down=pl.when(ended).then(_count("down")),
            action=one_of({"blocked": blocked, "allowed": known & ~login}),
            session=pl.when((opened | ended | asked) & ~blocked).then(session),
            phase=one_of({"end": ended, "name": asked}, otherwise="begin"),
            lease_s=pl.when(login | tunnel).then(WORKING_DAY_S),
            closes=login & (of != "user_login"),
            origin=one_of({"vpn": tunnel}, otherwise="directory"),
            reason=one_of(
                {
                    NO_CONNECTION: ~known & ~(login & at_address) & ~tunnel,
                    NO_PORTS: ~login & ~tunnel & ~has_ports(pl.col("proto")).fill_null(False),
                }
            ),
        )


def _count(name: str) -> pl.Expr:
    """Bytes as written: `59.0`, `337`, `4.52 K`."""
    number = pl.col(name).str.extract(r"^([0-9]+(?:\.[0-9]+)?)").cast(pl.Float64)
    unit = pl.col(name).str.extract(r" ([KMGT])$").replace_strict(_UNITS, default=1, return_dtype=pl.Int64)
    return (number * unit).round().cast(pl.Int64).cast(pl.String)
