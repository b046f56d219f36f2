r"""Barracuda CloudGen Firewall (activity log; Firewall Insights JSON), Web Security Gateway (`http_scan`) and
Web Application Firewall (access log).

    Remove: type=FWD|proto=TCP|srcIF=eth1|srcIP=10.1.2.3|srcPort=50000|srcMAC=…|dstIP=192.0.2.7|dstPort=443|…|
      duration=20000|count=1|receivedBytes=5000|sentBytes=900|…|user=ada|protocol=HTTPS|target=www.example.org|…
    Security Block: FWD|TCP|eth1|10.1.2.3|50000|…|192.0.2.7|443|…      (the same in order, values alone)
    {"action": "End", "src_ip": …, "fwd_bytes": …, "rev_bytes": …, "duration": …, "ip_proto": 6, …}
    {"traffic_type": 0, "action": 0, "source_ip": …, "name": "https://…", "domain": …, "user": …, "size": …}
    http_scan[8943]: 1790000000 1 10.1.2.3 192.0.2.7 text/html 10.1.2.3 http://www.example.org/ 2704 3 3
      BLOCKED …
    2026-10-06 10:00:00.1 +0000 waf TR 192.0.2.7 443 10.1.2.3 50000 "-" "-" GET TLSv1.3 www.example.org
      HTTP/1.1 200 2704 310 0 12 10.0.0.5 443 10 …
    2026-10-06 10:00:00.1 +0000 waf NF ALER TCP 10.1.2.3 50000 192.0.2.7 443 DENY rule …

Allow and Remove of one connection are one session; `sentBytes` and `fwd_bytes` go from the client on,
durations are milliseconds. `size` is of the answer. The access log has what it sent, then what it received; a
request nobody could read names no method or no host. Source: Barracuda Campus, "Firewall Activity Log",
"Syslog and the Web Security Gateway", "How to Configure Syslog and other Logs" (Web Application Firewall).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS, NO_REQUEST
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_ACTIVITY = r"(?:^|\b(\w+): )type=\w+\|proto=\w+\|srcIF="
#: The same record as values alone, as the log may be set: the documented order.
_VALUES = (
    r"(?:\b(?P<word>\w+): |^)(?:[A-Z]{2,6}|<cumulative>)\|(?P<proto>[A-Za-z0-9]+)\|[^|]*\|"
    r"(?P<client>[0-9a-fA-F.:]+)\|(?P<client_port>\d*)\|"
    r"(?P<mac>[0-9a-fA-F:]*)\|(?P<server>[0-9a-fA-F.:]+)\|(?P<port>\d*)\|(?:[^|]*\|){6}(?P<duration>\d*)\|\d*\|"
    r"(?P<down>\d*)\|(?P<up>\d*)\|(?P<packets_down>\d*)\|(?P<packets_up>\d*)(?:\|(?P<user>[^|]*))?"
    r"(?:\|[^|]*\|[^|]*\|(?P<target>[^|]*))?"
)
_KEYS = {
    "proto": "proto",
    "client": "srcIP",
    "client_port": "srcPort",
    "mac": "srcMAC",
    "server": "dstIP",
    "port": "dstPort",
    "duration": "duration",
    "down": "receivedBytes",
    "up": "sentBytes",
    "packets_down": "receivedPackets",
    "packets_up": "sentPackets",
    "user": "user",
    "target": "target",
    "verdict": "action",
}
_SESSION = {
    "time": "timestamp",
    "action": "action",
    "duration": "duration",
    "client": "src_ip",
    "client_port": "src_port",
    "mac": "src_mac",
    "server": "dst_ip",
    "port": "dst_port",
    "up": "fwd_bytes",
    "down": "rev_bytes",
    "packets_up": "fwd_packets",
    "packets_down": "rev_packets",
    "proto": "ip_proto",
    "user": "user",
}
_VISIT = {
    "time": "timestamp",
    "action": "action",
    "client": "source_ip",
    "client_port": "source_port",
    "server": "destination_ip",
    "port": "destination_port",
    "method": "method",
    "status": "status_code",
    "agent": "user_agent",
    "url": "name",
    "host": "domain",
    "user": "user",
    "down": "size",
}
_SCAN = (
    r"^(?P<time>\d{10}) \d+ (?P<client>[0-9a-fA-F.:]+) (?P<server>[0-9a-fA-F.:]+|-)(?:\(\S+\))? \S+ "
    r"[0-9a-fA-F.:]+ (?P<url>\S+) (?P<down>\d+) \S+ (?:\S+ ){0,2}"
    r"(?P<action>ALLOWED|BLOCKED|DETECTED|WARNED|MONITORED) \S+ (?P<rest>.*)$"
)
#: Of the access log: up to the sizes; names of users may have blanks.
_ACCESS = (
    r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) +)?(?:\S+ )?\bTR [0-9a-fA-F.:]+ \d+ "
    r"(?P<client>[0-9a-fA-F.:]+) (?P<client_port>\d+) (?P<users>.+?) (?P<method>[A-Z]+|\"-\") "
    r"(?:HTTPS?|(?:TLS|SSL)v[\d.]+) (?P<host>\S+) (?P<protocol>[A-Z]+/[\d.]+|\"-\") (?P<status>\d{1,3}) "
    r"(?P<down>\d+) (?P<up>\d+) (?:[01] (?P<took>\d+) (?P<server>[0-9a-fA-F.:]+) (?P<port>\d+) \d+ )?"
    r"(?P<rest>.*)$"
)
#: What follows: response type, profile, protection, verdict, path, query, referer, cookies, agent.
_ACCESS_PATH = r"\b(?:INTERNAL|SERVER) \w+ \w+ (?:IN)?VALID (/\S*)"
_NETWORK = (
    r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) +)?(?:\S+ )?"
    r"\bNF [A-Z]{4} (?P<proto>\w+) (?P<client>[0-9a-fA-F.:]+) (?P<client_port>\d+) "
    r"(?P<server>[0-9a-fA-F.:]+) (?P<port>\d+) (?P<word>ALLOW|DENY)\b"
)
#: What its rules found in a request that the access log has, too.
_ATTACK = r"\bWF [A-Z]{4} \w+ [0-9a-fA-F.:]+ \d+ [0-9a-fA-F.:]+ \d+ "
_SESSION_KEYS, _VISIT_KEYS = (
    ("fwd_bytes", "rev_bytes", "src_iface"),
    ("traffic_type", "source_ip", "app_rule"),
)
_THREAT_KEYS = ("component", "operation", "trans_proto", "src_ip")
_THREAT = {
    "time": "timestamp", "client": "src_ip", "server": "dst_ip", "port": "port", "proto": "trans_proto",
    "user": "user",
    "word": "operation",
}  # fmt: skip


class BarracudaFormat(LogFormat):
    """Reads Barracuda firewall and web gateway logs."""

    name = "barracuda"
    help = (
        "Barracuda CloudGen Firewall (activity log, Insights JSON), Web Security Gateway (http_scan), "
        "Web Application Firewall (access log, network firewall)"
    )
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Switch on application control and URL filtering: `target` and the web log name hosts."
    marks = (
        "|", "allowed ", "blocked ", "detected ", "warned ", "monitored ", '"fwd_bytes"', '"traffic_type"',
        '"trans_proto"', "tr ", "nf ", "wf ",
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(ascii_only(_ACTIVITY))
        | pl.col("line").str.contains(ascii_only(_VALUES))
        | pl.col("line").str.contains(ascii_only(_SCAN))
        | pl.col("line").str.contains(ascii_only(_ACCESS))
        | pl.col("line").str.contains(ascii_only(_NETWORK))
        | pl.col("line").str.contains(ascii_only(_ATTACK))
        | objects.having(*_SESSION_KEYS)
        | objects.having(*_VISIT_KEYS)
        | objects.having(*_THREAT_KEYS)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: kind flow or proxy."""
        return layouts.read(
            lines,
            [
                (_ACTIVITY, _activity),
                (_VALUES, _values),
                (_SCAN, _scan),
                (_ACCESS, _access),
                (_NETWORK, _packets),
                (_ATTACK, layouts.set_aside(ALERT)),
                (objects.having(*_SESSION_KEYS), _sessions),
                (objects.having(*_THREAT_KEYS), _threats),
                (pl.lit(True), _visits),
            ],
        )


def _threats(lines: pl.DataFrame) -> pl.DataFrame:
    """What a scanner found in a connection (virus, ATD, IPS): who, where, and whether it was stopped."""
    return objects.read(lines["line"], _THREAT).select(
        *("time", "client", "server"),
        kind=pl.lit("flow"),
        user_name="user",
        server_port="port",
        transport="proto",
        action="word",
    )


def _flows(read: pl.DataFrame, sender: pl.Series, word: pl.Expr, host: pl.Expr) -> pl.DataFrame:
    """Rows of connections; `word` is what happened to each."""
    proto = pl.col("proto").str.to_lowercase()
    blocked = word.str.contains("(?i)block|deny|drop|fail").fill_null(False)
    ended = word.str.contains("(?i)remove|end|terminat").fill_null(False)
    none = pl.lit(None, dtype=pl.String)
    session = pl.concat_str(
        pl.lit(sender).fill_null(""), "client", "client_port", "server", "port", separator="|"
    )
    return read.select(
        "client",
        "client_port",
        "server",
        time="time" if "time" in read.columns else none,
        at_end=ended,
        duration_s=pl.col("duration").cast(pl.Float64, strict=False) / 1000,
        kind=pl.lit("flow"),
        client_mac="mac",
        user_name="user",
        host=host,
        name_from=pl.lit("url"),
        server_port="port",
        transport=proto,
        # What begins has sent nothing that counts yet.
        bytes_up=pl.when(ended).then("up"),
        bytes_down=pl.when(ended).then("down"),
        packets_up=pl.when(ended).then("packets_up"),
        packets_down=pl.when(ended).then("packets_down"),
        action=one_of({"blocked": blocked}, otherwise="allowed"),
        session=pl.when(~blocked).then(session),
        phase=one_of({"end": ended}, otherwise="begin"),
        reason=one_of({NO_PORTS: ~has_ports(proto)}),
    )


def _activity(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"].str.replace(r"^.*? type=", "type="), _KEYS, separator="|")
    # Behind a host name, the word looks like the name of a program.
    word = pl.coalesce(
        pl.lit(lines["line"].str.extract(_ACTIVITY)), pl.lit(lines["tag"].str.extract(r"(\w+)$"))
    )
    # Some relays name the verdict as a pair instead.
    said = pl.concat_str(word, "verdict", separator=" ", ignore_nulls=True)
    return _flows(_stamped(read, lines), lines["sender"], said, pl.col("target"))


def _values(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _VALUES)
    # What is empty says nothing.
    read = read.with_columns(said(name) for name in read.columns)
    word = pl.coalesce("word", pl.lit(lines["tag"].str.extract(r"(\w+)$")))
    return _flows(_stamped(read, lines), lines["sender"], word, pl.col("target"))


def _stamped(read: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    stamp = lines["line"].str.extract(r"^.*?(\d{4} \d\d \d\d \d\d:\d\d:\d\d(?: [+-]\d\d:\d\d)?) ")
    return read.with_columns(time=pl.lit(stamp.str.replace(r"^(\d{4}) (\d\d) (\d\d)", "$1-$2-$3")))


def _sessions(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _SESSION)
    return _flows(read, lines["sender"], pl.col("action"), pl.lit(None, dtype=pl.String))


def _visits(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _VISIT)
    # An address stands for a user nobody knows.
    known = pl.when(pl.col("user") != pl.col("client")).then("user")
    return read.select(
        "time",
        "client",
        "client_port",
        "server",
        "method",
        "status",
        "url",
        kind=pl.lit("proxy"),
        user_name=known,
        user_agent="agent",
        host="host",
        name_from=pl.lit("url"),
        server_port="port",
        transport=pl.lit("tcp"),
        bytes_down="down",
        action=one_of({"allowed": pl.col("action").is_in(["0", "2"])}, otherwise="blocked"),
    )


def _scan(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _SCAN)
    user = pl.col("rest").str.extract(r" \(?([\w.@\\-]+)\)? \S+://\S*\s*$")
    return read.select(
        "time",
        "client",
        "server",
        "url",
        kind=pl.lit("proxy"),
        user_name=pl.when(~user.is_in(["ANON", "-"])).then(user),
        transport=pl.lit("tcp"),
        bytes_down="down",
        action=one_of({"blocked": pl.col("action") == "BLOCKED"}, otherwise="allowed"),
    )


def _packets(lines: pl.DataFrame) -> pl.DataFrame:
    """What the network firewall of a Web Application Firewall let through or not."""
    read = patterns.read(lines["line"], _NETWORK)
    return read.select(
        *("time", "client", "client_port", "server"),
        kind=pl.lit("flow"),
        server_port="port",
        transport="proto",
        action="word",
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto"))}),
    )


def _access(lines: pl.DataFrame) -> pl.DataFrame:
    """Requests a Web Application Firewall passed on or answered itself."""
    read = patterns.read(lines["line"], _ACCESS)
    host = pl.when(pl.col("host") != '"-"').then("host")
    understood = (pl.col("method") != '"-"') & pl.col("protocol").str.starts_with("HTTP/")
    users = pl.col("users").str.extract_groups(r'^(?P<login>"[^"]*"|\S+) (?P<certified>.+)$')
    user = pl.coalesce(
        pl.when(~users.struct.field(name).str.contains(r'^"?-?"?$')).then(users.struct.field(name))
        for name in ("login", "certified")
    )
    return read.select(
        "time",
        "client",
        "client_port",
        "method",
        "status",
        at_end=pl.lit(True),
        duration_s=pl.col("took").cast(pl.Float64, strict=False) / 1000,
        kind=pl.lit("http"),
        user_name=user.str.strip_chars('"'),
        # Of the application: its users may come from anywhere.
        roams=pl.lit(True),
        user_agent=pl.col("rest").str.extract(r' ""?([^"]+)""? [0-9a-fA-F.:]+ \d+ '),
        host=pl.when(understood).then(host),
        path=pl.col("rest").str.extract(_ACCESS_PATH),
        server="server",
        server_port="port",
        transport=pl.lit("tcp"),
        bytes_up="up",
        bytes_down="down",
        action=one_of({"blocked": pl.col("status") == "403"}, otherwise="allowed"),
        reason=one_of({NO_REQUEST: ~understood}),
    )
