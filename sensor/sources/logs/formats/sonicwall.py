r"""SonicWall (SonicOS 5 to 8): key=value syslog (default and enhanced) and CEF (ArcSight).

    id=firewall sn=… time="2026-10-06 10:00:00" fw=… pri=6 c=1024 m=537 msg="Connection Closed"
    src=10.1.2.3:40000:X0[:name]
    dst=192.0.2.7:443:X1[:name] proto=tcp/https sent=4941 rcvd=7294 cdur=112650 …

`m` (in CEF the event id) tells: 98 opened, 537 closed, 97 web site visited (dstname, arg), 14 refused, 36–38
dropped. `sent` (CEF `out`) is what the client sent. The lines of one connection are one session. Time is
local, or says UTC. Source: SonicOS Log Events Reference Guide.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, keyvalue, layouts
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "serial": "sn|deviceExternalId",
    "time": "time|rt|start",
    "message": "m",
    "text": "msg",
    "src": "src",
    "dst": "dst",
    "src6": "srcV6|c6a2",
    "dst6": "dstV6|c6a3",
    "client_port": "spt",
    "port": "dpt",
    "client_mac": "srcMac|smac",
    "proto": "proto",
    "user": "usr|user|susr|suser|duser",
    "host": "dstname|dhost|dname",
    "path": "arg|request",
    "method": "op|requestMethod",
    "status": "result|code",
    "up": "sent|out",
    "down": "rcvd|in",
    "packets_up": "spkt|cn1Packets",
    "packets_down": "rpkt",
    "duration_ms": "cdur",
    "action": "fw_action|act",
}
_VISITED, _OPENED, _CLOSED = ["97", "16", "1153", "1154"], ["98", "1235", "1232"], ["537"]
_REFUSED = ["14", "36", "37", "38", "41", "173", "524", "1155", "1233", "1234", "522", "523", "646", "647"]
#: 38 is "ICMP packet dropped", where no `proto` stands and the ports are type and code.
_ICMP = "38"
_BARE_URL = r"^(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}(?::\d+)?(?:/|$)"


class SonicwallFormat(LogFormat):
    """Reads SonicWall logs."""

    name = "sonicwall"
    help = "SonicWall SonicOS 5 to 8: connections, web sites, denials; key=value and CEF"
    vantage = "firewall"
    is_on_site = True
    counts_headers = "ip"
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = "Forward `Connection Closed` (537) and `Syslog Website Accessed` (97): volumes and hosts."
    marks = ("sn=", "id=firewall ", "|sonicwall|")
    claims = pl.col("line").str.contains(
        r"\bid=\w+ +(?:\S+=\S+ )?sn=\w+ |\bsn=\w+ time=.* fw=|\bid=firewall .*\bfw=\S* pri=\d+ .*\bm=\d+ "
    ) | cef.claims("SonicWALL|SonicWall|Sonicwall")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection, visit or refusal."""
        return layouts.read(
            lines,
            [
                (r"CEF:|^\s*0\|", _from_cef),
                (pl.lit(True), lambda part: _rows(keyvalue.read(part["line"], _FIELDS))),
            ],
        )


def _from_cef(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _FIELDS)
    # Quotes stay around values in this product's CEF.
    fields = read.select(pl.col(name).str.strip_chars('"') for name in _FIELDS)
    return _rows(fields.with_columns(message=read["event"], text=pl.coalesce(read["name"], "text")))


def _end(name: str, part: int) -> pl.Expr:
    """Address (1) or port (2) of `10.1.2.3:40000:X0:name`."""
    return pl.col(name).str.extract(r"^([\d.]+)(?::(\d*))?", part)


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    read = fields.with_columns(
        client=pl.coalesce(_zeroless("src6"), _end("src", 1), "src"),
        client_port=_port("client_port", "src"),
        server=pl.coalesce(_zeroless("dst6"), _end("dst", 1), "dst"),
        port=_port("port", "dst"),
        proto=pl.col("proto").str.extract(r"^([a-z0-9]+)"),
        is_refused=_is_refused().fill_null(False),
    )
    return read.select(**_who(), **_request(), **_connection(), reason=_reason())


def _port(name: str, end: str) -> pl.Expr:
    """Beside an address of IPv6 stands the port alone, `src=:49702:X0`."""
    alone = pl.col(end).str.extract(r"^:(\d+)(?::|$)")
    return pl.coalesce(pl.col(name).str.strip_chars(" "), _end(end, 2), alone)


def _is_refused() -> pl.Expr:
    return (
        pl.col("message").is_in(_REFUSED)
        | pl.col("action").is_in(["drop", "deny", "block", "dropped"])
        | pl.col("text").str.contains("(?i)dropped|denied|blocked")
    )


def _is_attack() -> pl.Expr:
    """Attacks that were dropped name both ends and their ports, and no protocol."""
    dropped = pl.col("text").str.contains("(?i-u)dropped")
    return pl.col("proto").is_null() & dropped & (_end("src", 2) != "0") & (_end("dst", 2) != "0")


def _who() -> dict[str, pl.Expr]:
    return {
        "client": pl.col("client"),
        "client_port": pl.col("client_port"),
        "client_mac": pl.col("client_mac"),
        "device": pl.col("src").str.extract(r"^[\d.]+:\d*:[^:]*:([^:]*[A-Za-z][^:]*)$"),
        "user_name": pl.col("user").str.replace(r"^Unknown.*$", ""),
    }


def _request() -> dict[str, pl.Expr]:
    """The event of a web site hit in CEF has host and path in one."""
    named, bare = pl.col("host").is_not_null(), pl.col("path").str.contains(_BARE_URL)
    whole = pl.col("path").str.contains("^[a-z]+://").fill_null(False)
    visited = pl.col("message").is_in(["97", "14", "16"]) & (named | bare)
    return {
        "kind": one_of({"proxy": visited}, otherwise="flow"),
        "url": pl.when(whole | (~named & bare)).then("path"),
        "host": pl.col("host"),
        "name_from": one_of({"url": named}),
        "path": pl.when(pl.col("path").str.starts_with("/")).then("path"),
        "method": pl.when(pl.col("method").str.contains("^[A-Z]+$")).then("method"),
    }


def _connection() -> dict[str, pl.Expr]:
    """The connection, and what this record tells of its session."""
    refused, message = pl.col("is_refused"), pl.col("message")
    closed = message.is_in(_CLOSED)
    ends = ("client", "client_port", "server", "port")
    session = pl.concat_str(
        pl.col("serial").fill_null(""), *ends, pl.col("proto").fill_null(""), separator="|"
    )
    return {
        "time": pl.col("time"),
        "duration_s": pl.col("duration_ms").cast(pl.Float64, strict=False) / 1000,
        "at_end": closed,
        "server": pl.col("server"),
        "server_port": pl.col("port"),
        "transport": pl.col("proto"),
        "bytes_up": pl.col("up"),
        "bytes_down": pl.col("down"),
        "packets_up": pl.when(closed).then("packets_up"),
        "packets_down": pl.when(closed).then("packets_down"),
        "action": one_of({"blocked": refused}, otherwise="allowed"),
        "session": pl.when(~refused).then(session),
        "phase": one_of({"end": closed, "update": message.is_in(_VISITED)}, otherwise="begin"),
    }


def _reason() -> pl.Expr:
    message, proto = pl.col("message"), pl.col("proto")
    known = message.is_in([*_VISITED, *_OPENED, *_CLOSED, *_REFUSED]) | (
        pl.col("is_refused") & (has_ports(proto) | _is_attack())
    )
    return one_of({NO_CONNECTION: ~known.fill_null(False), NO_PORTS: (message == _ICMP) & proto.is_null()})


def _zeroless(name: str) -> pl.Expr:
    return pl.when(pl.col(name).str.contains(r"^[0-9a-fA-F]*:[0-9a-fA-F:]+[0-9a-fA-F]$")).then(name)
