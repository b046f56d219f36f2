r"""Cisco ASA (PIX, FWSM) system messages, also as FTD and Secure Firewall write them: `%ASA-6-302013: …`.

    302013, 302015, 302303  Built inbound|outbound TCP connection ID for IF:A/p (mapped)(user) to IF:B/p …
    302014, 302016, 302304  Teardown … duration h:mm:ss bytes N …
    106…, 710003            denied; 106100 also permitted: access-list NAME permitted tcp IF/A(p) -> IF/B(p)
    304001, 304002          user@A Accessed URL B:URL (plain HTTP, with inspection)
    338…                    dynamic filter: a name, with its verdict
    716003, 716004          … User <ada> IP <A> WebVPN access GRANTED: URL (of a browser without a tunnel)
    722051, 713228, 751025, 746012, 109201  who was given, or is behind, an address: leases
    746013, 109210          end them
    604103, 604104          DHCP daemon interface in: address granted|released 0102.005e.1000.07 (10.1.2.3)

`Built outbound` names the server first; inbound, and FWSM always, the client. Teardown does not say: the
lower port is the server's. Its one byte count is both directions together, so neither is known. Built,
Teardown and 106100 of one 5-tuple are one session. Source: Cisco Secure Firewall ASA Series Syslog Messages.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS, STRAY
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_IDS = (
    r"%?\b(?:ASA|FTD|FWSM|PIX)-(?:[a-z]+-)?\d-(?:[0-35-9]\d{5}|4(?:[0-24-9]\d{4}|3(?:[1-9]\d{3}|"
    r"0(?:[1-9]\d\d|0(?:[1-9]\d|0[06-9])))))"
)
#: A name of an interface may have a colon of its own: `v1:outside:10.1.2.3/443`.
_MORE = r"(?:[^\s:/]*[g-zG-Z_-][^\s:/]*:)?"
_ADDRESS = r"\d+(?:\.\d+){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*"
_CONNECTION = (
    r"(?P<verb>Built|Teardown) (?:(?P<way>inbound|outbound) )?(?:Probe )?(?P<proto>TCP|UDP|SCTP)"
    r"(?: state-bypass)? "
    r"connection \d+ "
    rf"(?:for|from) [^\s:]+:{_MORE}(?P<a>[^\s/]+)/(?P<a_port>\d+)(?P<a_rest>.*?) to "
    rf"[^\s:]+:{_MORE}(?P<b>[^\s/(]+)/(?P<b_port>\d+)"
    r"(?P<b_rest>.*?)(?: duration (?P<duration>\d+:\d\d:\d\d) bytes (?P<total>\d+)(?P<why>.*))?$"
)
_LISTED = (
    r"access-list \S+ (?P<action>permitted|denied|est-allowed) (?P<proto>\w+) (?:for user "
    r"'?(?P<user>\S+?)'? )?"
    r"[^\s/]+/(?P<a>[^\s(]+)\((?P<a_port>\d+)\)(?:\((?P<a_user>[^)]*)\))? -> [^\s/]+/(?P<b>[^\s(]+)"
    r"\((?P<b_port>\d+)\)"
)
_SIDES = (
    r"(?i)\bDen(?:y|ied):? (?:inbound )?(?P<proto>\w+) (?:\(no connection\) )?(?:reverse path check )"
    r"?(?:\w+ )*?(?:src|from) "
    rf"\(?(?:[^\s:/]+:){{0,2}}?(?P<a>{_ADDRESS})\)?(?:/(?P<a_port>\d+))?(?:\((?P<a_user>[^)]*)\))? "
    rf"(?:dst|to) (?:[^\s:/]+:){{0,2}}?(?P<b>{_ADDRESS}|[\w.-]+)(?:/(?P<b_port>\d+)|[ (]|$)"
)
_DENIED = (
    r"(?i)(?P<proto>TCP|UDP) (?:request discarded|(?:connection|access) denied) (?:by (?:ACL|"
    r"outbound list \S+) )?(?:from|src) "
    r"(?:[^\s:/]+:)?(?P<a>[^\s/]+)[/ ](?P<a_port>\d+) "
    r"(?:to|dest) (?:[^\s:/]+:)?(?P<b>[^\s/]+)[/ ](?P<b_port>[\w-]+)"
)
#: Inspections and modules that drop or reset what an access list let pass.
_DROPS = r"-(?:421001|42000[23]|43400[23]|410001|108004)\b.*(?i:drop|reset)"
_DROPPED = (
    r"(?i)\b(?P<proto>TCP|UDP|ESMTP)(?: [a-z]+){0,2} from (?:[^\s:/]+:)?(?P<a>[^\s/]+)/(?P<a_port>\d+) "
    r"to (?:[^\s:/]+:)?(?P<b>[^\s/]+)/(?P<b_port>\d+)"
)
#: Services the appliance itself is asked for are written by name.
_SERVICES = {"ssh": "22", "telnet": "23", "domain": "53", "http": "80", "snmp": "161", "https": "443"}
_FILTERED = (
    r"(?i)Dynamic filter (?P<action>\w+) (?:\w+ )+?(?P<proto>\w+) traffic from [^\s:]+:(?P<a>[^\s/]+)"
    r"/(?P<a_port>\d+) \([^)]*\) to "
    r"[^\s:]+:(?P<b>[^\s/]+)/(?P<b_port>\d+) \([^)]*\), (?P<side>source|destination) .*?list: "
    r"(?P<name>[^\s,]+)"
)
_URL = (
    r"(?:(?P<user>[^\s@]+)@)?(?P<a>[0-9a-fA-F.:]+)(?:\((?P<account>[^)]*)\))? Accessed (?:JAVA )?URL "
    r"(?P<b>[^\s:]+):(?P<url>\S+)"
)
_URL_DENIED = r"Access denied URL (?P<url>\S+) SRC (?P<a>\S+) DEST (?P<b>[^\s:]+)"
_WEBVPN = (
    r"User <?(?P<user>[^<>]*?)>? IP <?(?P<a>[0-9a-fA-F.:]+)>? WebVPN access (?P<verdict>GRANTED|DENIED)"
    r"[^:]*: \"?(?P<url>[^\s\"]+)"
)
_LEASE = (
    # Old collectors take what stands in angle brackets for markup's, and leave the words.
    r"User <?(?P<u1>[^<>]*?)>? IP <?[^<> ]*>? (?:IPv4 )?Address <?(?P<ip1>[^<> ]*)>?.*assigned to session"
    r"|(?:Add|(?P<gone2>Delete)) IP-User mapping (?P<ip2>\S+) - (?P<u2>\S+)"
    r"|User=(?P<u3>[^,]+), Assigned IP=(?P<ip3>[^,\s]+), Succe(?:eded adding|(?P<gone3>ssfully removed))"
    r"|Username = (?P<u4>[^,]+), IP = \S+ Assigned private IP address <?(?P<ip4>[^<>\s]+)>? to remote user"
    r"|Username:(?P<u5>.+?) (?:IKEv2 )?Group:.+? IPv4 Address=(?P<ip5>[\d.]+) .*assigned to session"
)
#: A client names itself by the type of its hardware (1, Ethernet) and its address.
_GRANTED = (
    r"DHCP daemon interface \S+ address (?P<what>granted|released) "
    r"(?:01)?(?P<mac>[0-9a-fA-F][0-9a-fA-F.]{11,16}) \((?P<ip>[\d.]+)\)"
)
_STRAY = r"(?i)\(no connection\)"


class CiscoAsaFormat(LogFormat):
    """Reads ASA system messages."""

    name = "cisco-asa"
    help = "Cisco ASA 8 to 9.2x, PIX, FWSM, FTD system messages: connections, denials, URLs, VPN and identity"
    vantage = "firewall"
    is_on_site = True
    proof = ("user", "action")
    advice = (
        "ASA messages have no TLS host names and no upload sizes (they add up both directions): add a "
        "proxy log, a DNS log or FTD connection events. Messages 302013 to 302016 tell of connections, "
        "722051 of people."
    )
    marks = ("asa-", "ftd-", "fwsm-", "pix-")
    claims = pl.col("line").str.contains(_IDS)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection message, denial, URL or assigned address."""
        return layouts.read(
            lines,
            [
                (_LEASE, _leases),
                (_GRANTED, _granted),
                (_CONNECTION, _connections),
                (_LISTED, lambda part: _denials(part, _LISTED)),
                (_STRAY, layouts.set_aside(STRAY)),
                (_FILTERED, lambda part: _denials(part, _FILTERED)),
                (_DENIED, lambda part: _denials(part, _DENIED)),
                (_DROPS, lambda part: _denials(part, _DROPPED)),
                (_URL, lambda part: _urls(part, _URL)),
                (_WEBVPN, lambda part: _urls(part, _WEBVPN)),
                (_URL_DENIED, lambda part: _urls(part, _URL_DENIED)),
                (_SIDES, lambda part: _denials(part, _SIDES)),
                (pl.lit(True), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _account(text: pl.Expr) -> pl.Expr:
    r"""Without the security group behind it or alone: `LOCAL\ada, 17:Staff`, `17:Staff`."""
    return text.str.replace(r"(?:^|, ?)(?:\d+(?::.*)?|Unknown)$", "").replace("", None)


def _person(*texts: str) -> pl.Expr:
    r"""A user in brackets, `(LOCAL\ada)`, which a mapped address with its port is not; or a bare word."""
    return pl.coalesce(
        *(_account(pl.col(text).str.extract(r"\(([^()/]*[A-Za-z][^()/]*)\)")) for text in texts),
        *(pl.col(text).str.extract(r"^ ([A-Za-z][\w.\\@-]*)$") for text in texts),
    )


def _tuple(sender: pl.Series, *sides: tuple[str, str]) -> pl.Expr:
    """The same for both directions of a 5-tuple at one firewall."""
    ends = pl.concat_list(
        *(pl.concat_str(address, port, separator="/") for address, port in sides)
    ).list.sort()
    return pl.concat_str(
        pl.lit(sender).fill_null(""), pl.col("proto").str.to_lowercase(), ends.list.join("|"), separator="|"
    )


def _connections(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _CONNECTION)
    low_a = read["a_port"].cast(pl.Int64, strict=False) < read["b_port"].cast(pl.Int64, strict=False)
    # Of two interfaces that both could be the client's side, ports decide only where the way is not said.
    server_first = (
        pl.when(pl.lit(lines["line"]).str.contains("%FWSM-", literal=True))
        .then(False)
        .when(pl.col("way") == "outbound")
        .then(True)
        .when(pl.col("way") == "inbound")
        .then(False)
        .otherwise(pl.lit(low_a))
    )
    clock = read["duration"].str.splitn(":", 3).struct.unnest()
    hours, minutes, seconds = (clock[f"field_{n}"].cast(pl.Float64, strict=False) for n in range(3))
    built = pl.col("verb") == "Built"
    nothing = (pl.col("total") == "0") & pl.col("why").str.contains("SYN Timeout|Reset|Flow terminated")
    session = _tuple(lines["sender"], ("a", "a_port"), ("b", "b_port"))
    # It is built at the first packet, whether or not an answer comes.
    in_vain = built & nothing.fill_null(False).shift(-1).over(session).fill_null(False)
    return read.select(
        duration_s=pl.lit(hours * 3600 + minutes * 60 + seconds),
        at_end=pl.lit(True),
        kind=pl.lit("flow"),
        client=pl.when(server_first).then("b").otherwise("a"),
        client_port=pl.when(server_first).then("b_port").otherwise("a_port"),
        server=pl.when(server_first).then("a").otherwise("b"),
        server_port=pl.when(server_first).then("a_port").otherwise("b_port"),
        # Behind each end stands who is there, and at the end of the line, apart, who opened the connection.
        user_name=pl.coalesce(
            pl.when(server_first).then(_person("b_rest")).otherwise(_person("a_rest")),
            pl.col("b_rest").str.extract(r" \(([^()/]*[A-Za-z][^()/]*)\)$"),
            _person("why"),
        ),
        transport="proto",
        action=one_of({"reset": nothing | in_vain}, otherwise="allowed"),
        session=session,
        phase=one_of({"begin": built}, otherwise="end"),
    )


def _denials(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Access lists, filters and refusals; only an access list tells of permitted connections, too."""
    names = ("action", "proto", "user", "a", "a_port", "a_user", "b", "b_port", "name", "side")
    read = layouts.conformed(patterns.read(lines["line"], pattern), names).with_columns(
        pl.col("b_port").replace(_SERVICES), pl.col("proto").str.replace("(?i)^esmtp$", "tcp")
    )
    permitted = pl.col("action").is_in(["permitted", "est-allowed", "monitored"]).fill_null(False)
    ported = has_ports(pl.col("proto")) & pl.col("b_port").is_not_null()
    return read.select(
        kind=pl.lit("flow"),
        client="a",
        client_port="a_port",
        user_name=pl.coalesce("user", _account(pl.col("a_user"))),
        server="b",
        server_port="b_port",
        host=pl.when(pl.col("side") == "destination").then("name"),
        name_from=one_of({"dns_answer": pl.col("name").is_not_null()}),
        transport="proto",
        action=one_of({"allowed": permitted}, otherwise="blocked"),
        session=pl.when(permitted).then(_tuple(lines["sender"], ("a", "a_port"), ("b", "b_port"))),
        # Told at the first hit, and again for each interval with more of them.
        phase=pl.lit("update"),
        reason=one_of({NO_PORTS: ~ported.fill_null(False)}),
    )


def _urls(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Plain HTTP requests; older versions log the path alone."""
    found = patterns.read(lines["line"], pattern)
    found = layouts.conformed(found, ("a", "b", "url", "user", "account", "verdict"))
    blocked = (pl.col("verdict") == "DENIED") | pl.lit(pattern == _URL_DENIED)
    whole = pl.col("url").str.contains("^[a-z]+://")
    return found.select(
        kind=pl.lit("http"),
        client="a",
        user_name=pl.coalesce("user", "account"),
        server="b",
        url=pl.when(whole).then("url"),
        path=pl.when(~whole).then("url"),
        transport=pl.lit("tcp"),
        action=one_of({"blocked": blocked}, otherwise="allowed"),
        roams=pl.col("verdict").is_not_null(),
    )


def _leases(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _LEASE)
    gone = pl.coalesce("gone2", "gone3").is_not_null()
    return found.select(
        kind=pl.lit("lease"),
        client=pl.coalesce("ip1", "ip2", "ip3", "ip4", "ip5"),
        user_name=pl.coalesce("u1", "u2", "u3", "u4", "u5"),
        lease_s=pl.when(gone).then(0.0).otherwise(WORKING_DAY_S),
        closes=gone,
        # A mapping may be that of a tunnel's user, whose address was told to be assigned, too.
        origin=one_of(
            {"directory": pl.col("ip2").is_not_null() & ~pl.lit(lines["line"]).str.contains("VPN user")},
            otherwise="vpn",
        ),
    )


def _granted(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _GRANTED)
    released = pl.col("what") == "released"
    return found.select(
        kind=pl.lit("lease"),
        client="ip",
        client_mac=pl.col("mac").str.replace_all(".", "", literal=True),
        lease_s=pl.when(released).then(0.0).otherwise(dhcp.ASSUMED_S),
        closes=released,
        confidence=pl.lit(dhcp.ASSUMED),
        origin=pl.lit("dhcp"),
    )
