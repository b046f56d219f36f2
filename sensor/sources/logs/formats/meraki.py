r"""Cisco Meraki MX, MR, Z: urls, flows, firewall, ip_flow and lease events.

    1791280800.348215340 MX84 urls src=10.1.2.3:40000 dst=192.0.2.7:443 mac=… agent='…' request: GET
    https://host/p
    1791280800.289402144 MX84 flows allow src=10.1.2.3 dst=192.0.2.7 mac=… protocol=tcp sport=40000 dport=443
    1791280800.289402144 MX84 l7_firewall src=10.1.2.3 dst=192.0.2.7 protocol=tcp sport=… dport=443
    decision=blocked
    1791280800.289402144 MX84 events content_filtering_block url='https://host/...' server='192.0.2.7:443'
    client_mac='…'
    1791280800.289402144 MX84 ip_flow_end src=… dst=… protocol=… sport=… dport=… translated_src_ip=…
    1791280800.289402144 MX84 events dhcp lease of ip 10.1.2.3 from server mac … for client mac … with
    hostname …
    1791280800.289402144 AP1 events type=8021x_eap_success … client_ip='10.1.2.3' identity='ann'

Time is in the body (epoch). No bytes; users only in VPN and 802.1X events. Of TLS only the host is known:
`UNKNOWN https://host/...`. `pattern:` is the rule that fired: it begins with its verdict, or 0 (allow) and
1 (deny). Source: Meraki, "Syslog Event Types".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_KINDS = (
    "urls|flows|firewall|l7_firewall|vpn_firewall|cellular_firewall|bridge_anyconnect_client_vpn_firewall|"
    "ip_flow_start|ip_flow_end"
)
_HEAD = (
    r"^(?:1 )?(?P<time>\d{9,10}\.\d{1,9}) (?P<name>\S+) (?P<kind>"
    + _KINDS
    + r"|events|security_event|ids-alerts|airmarshal_events) ?(?P<rest>.*)$"
)
_LEASE = (
    r"dhcp lease of ip (?P<ip>\S+) .*?for client mac (?P<mac>[0-9A-Fa-f:]{17})(?: with hostname "
    r"(?P<host>\S+))?"
)
_REFUSED = (
    r"^(?:1 )?\S+ \S+ (?:events content_filtering_block|security_event security_filtering_file_scanned) "
)
_VPN = (
    r"(?:client|anyconnect)_vpn_(?P<what>connect|disconnect) user id '(?P<user>[^']*)' local ip (?P<ip>\S+)"
)
#: Older firmware names no address; `0.0.0.0` is a station that has none yet.
_DOT1X = (
    r"type=8021x_(?:eap_success|auth) .*?client_mac='(?P<mac>[0-9A-Fa-f:]{17})' "
    r"client_ip='(?P<ip>[1-9A-Fa-f][0-9A-Fa-f.:]+)' .*?identity='(?P<user>[^']+)'"
)
_FIELDS = {
    "src": "src", "dst": "dst", "mac": "mac", "proto": "protocol", "client_port": "sport", "port": "dport",
}  # fmt: skip


class MerakiFormat(LogFormat):
    """Reads Meraki syslog."""

    name = "meraki"
    help = "Cisco Meraki MX, MR, Z syslog: urls, flows, firewall, ip_flow, DHCP, VPN and 802.1X events"
    vantage = "firewall"
    proof = ("host", "path", "device", "action", "user_agent")
    advice = "Meraki syslog has no volumes, and users in events only: enable the URLs and events roles."
    marks = ("urls", "flow", "firewall", "event", "ids-alerts")
    claims = pl.col("line").str.contains(_HEAD)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per visit, connection or lease."""
        return layouts.read(
            lines,
            [
                (rf"^(?:1 )?\S+ \S+ (?:{_KINDS}) ", _connections),
                (_REFUSED, _refused),
                (_LEASE, lambda part: _leases(part, _LEASE, "dhcp", 86_400.0)),
                (_VPN, lambda part: _leases(part, _VPN, "vpn", WORKING_DAY_S)),
                (_DOT1X, lambda part: _leases(part, _DOT1X, "radius", WORKING_DAY_S)),
                (pl.lit(True), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _leases(lines: pl.DataFrame, pattern: str, origin: str, lease_s: float) -> pl.DataFrame:
    found = patterns.read(lines["line"], pattern)
    nothing = pl.lit(None, dtype=pl.String)
    told = {
        name: pl.col(name) if name in found.columns else nothing
        for name in ("ip", "mac", "host", "user", "what")
    }
    gone = (told["what"] == "disconnect").fill_null(False)
    return found.select(
        time=pl.lit(lines["line"].str.extract(_HEAD)),
        kind=pl.lit("lease"),
        client=told["ip"],
        client_mac=told["mac"],
        device=told["host"].str.strip_chars("'\""),
        user_name=told["user"],
        lease_s=pl.when(gone).then(0.0).otherwise(lease_s),
        closes=gone,
        origin=pl.lit(origin),
    )


def _refused(lines: pl.DataFrame) -> pl.DataFrame:
    """What the content filter or the malware scan looked at: the first knows its client by MAC only."""
    wanted = {
        "url": "url",
        "client": "src",
        "mac": "client_mac|mac",
        "server": "server|dst",
        "action": "action",
    }
    line = lines["line"].str.replace_all(r"='([^']*)'", '="$1"')
    read = keyvalue.read(line, wanted)
    hidden = pl.col("url").str.ends_with("/...")
    return read.select(
        time=pl.lit(lines["line"].str.extract(_HEAD)),
        kind=one_of({"tls": hidden}, otherwise="http"),
        client=_ends("client", 1),
        client_port=_ends("client", 2),
        client_mac="mac",
        url=pl.when(~hidden).then("url"),
        host=pl.when(hidden).then(pl.col("url").str.extract(r"^(?:[a-z]+://)?([^/\s:]+)")),
        server=_ends("server", 1),
        server_port=_ends("server", 2),
        transport=pl.lit("tcp"),
        action=pl.coalesce("action", pl.lit("blocked")),
    )


def _connections(lines: pl.DataFrame) -> pl.DataFrame:
    head = patterns.read(lines["line"], _HEAD)
    read = keyvalue.read(head["rest"], _FIELDS).hstack(head)
    request = patterns.read(head["rest"], r"request: (?P<method>[A-Z]+) '?(?P<url>[^\s']+)")
    url = pl.lit(request["url"])
    # `host/...` stands for a path that was not seen.
    hidden = url.str.ends_with("/...") | (pl.lit(request["method"]) == "UNKNOWN")
    pattern = pl.col("rest").str.extract(r"pattern: (\S+)")
    decision = pl.col("rest").str.extract(r"\bdecision=(\w+)")
    verdict = pl.coalesce(pl.col("rest").str.extract(r"^(allow|deny)\b"), pattern, decision)
    visited = pl.col("kind") == "urls"
    proto = pl.col("proto").str.extract(r"^(\w+)")
    client, server = _ends("src", 1), _ends("dst", 1)
    client_port = pl.coalesce("client_port", _ends("src", 2))
    port = pl.coalesce("port", _ends("dst", 2))
    return read.select(
        "time",
        kind=one_of({"tls": visited & hidden, "http": visited}, otherwise="flow"),
        client=client,
        client_port=client_port,
        client_mac="mac",
        url=pl.when(~hidden).then(url),
        host=pl.when(hidden).then(url.str.extract(r"^(?:[a-z]+://)?([^/\s:]+)")),
        method=pl.when(pl.lit(request["method"]) != "UNKNOWN").then(pl.lit(request["method"])),
        user_agent=pl.col("rest").str.extract(r"agent='([^']*)'"),
        server=server,
        server_port=port,
        transport=one_of({"tcp": visited}, otherwise=proto),
        action=one_of(
            {"blocked": verdict.is_in(["deny", "1", "block", "blocked", "drop"])}, otherwise="allowed"
        ),
        session=pl.concat_str("name", client, client_port, server, port, separator="|"),
        phase=one_of({"end": pl.col("kind") == "ip_flow_end", "name": visited}, otherwise="begin"),
        reason=one_of({NO_PORTS: ~visited & ~has_ports(proto)}),
    )


def _ends(name: str, part: int) -> pl.Expr:
    """Address (1) or port (2): `10.1.2.3:40000`, and IPv6 whose port is the last of nine groups."""
    text = pl.col(name)
    ported = text.str.extract(
        r"^(\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]+(?::[0-9a-fA-F]*){7}|\[[^\]]+\]):(\d+)$", part
    )
    return pl.coalesce(ported, text) if part == 1 else ported
