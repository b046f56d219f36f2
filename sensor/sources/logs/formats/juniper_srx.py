r"""Juniper SRX: session, application and web filter logs, structured (RFC 5424) and plain.

    RT_FLOW_SESSION_CLOSE [junos@… reason="TCP FIN" source-address="10.1.2.3" … bytes-from-client="337" …]
    RT_FLOW_SESSION_CLOSE: session closed TCP FIN: 10.1.2.3/40000->192.0.2.7/443 … 6 policy … 7 60(52906)
    47(26103) 3 …
    WEBFILTER_URL_PERMITTED [… url="www.example.org" obj="/p" username="ada" …]

CREATE, APPTRACK updates and CLOSE of a session id are one session. FWAUTH events tell who signed in at the
firewall; only structured ones are read. `60(52906) 47(26103) 3`: packets(bytes)
from the client, from the server, seconds. Source: Junos OS, "System Log Messages" (RT_FLOW, APPTRACK,
WEBFILTER, FWAUTH).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "client": "source-address",
    "client_port": "source-port",
    "server": "destination-address",
    "port": "destination-port",
    "proto": "protocol-id|protocol|protocol-name",
    "user": "username|user-name",
    "session": "session-id-32|session-id",
    "up": "bytes-from-client",
    "down": "bytes-from-server",
    "packets_up": "packets-from-client",
    "packets_down": "packets-from-server",
    "duration": "elapsed-time",
    "name": "hostname|http-host|sni|host",
    "url": "url|URL",
    "path": "obj|OBJ|argument",
    "action": "action|ACTION",
    "state": "reason|close-reason",
    "agent": "user-agent",
    "account": "USERNAME",
}
_EVENT = (
    r"\b((?:RT_FLOW|FLOW|APPTRACK|RT_APPTRACK)_SESSION_[A-Z_]+|WEBFILTER_[A-Z_]+|(?:SRX_)"
    r"?(?:SECINTEL|AAMW)_[A-Z_]+|RT_(?:UTM|IDP|SCREEN|AAMW)[A-Z_]*|AV_[A-Z_]+|IDP_[A-Z_]+|"
    r"CONTENT_FILTERING_[A-Z_]+|ANTISPAM_[A-Z_]+|FLOW_LOG_PKT_DROP)"
)
_PLAIN = (
    r"session (?P<verb>created|closed|denied) (?:(?P<reason>[^:/]*): )?(?P<client>[0-9a-fA-F.:]+)"
    r"/(?P<client_port>\d+)->"
    r"(?P<server>[0-9a-fA-F.:]+)/(?P<port>\d+)(?P<rest>.*)$"
)
_PLAIN_URL = (
    r"(?P<client>[0-9a-fA-F.:]+)\((?P<client_port>\d+)\)->(?P<server>[0-9a-fA-F.:]+)\((?P<port>\d+)\)"
)
_FILTER = (
    r"\bFW: +(?P<if>\S+) +(?P<verdict>[ADR]) +(?P<proto>\w+) +(?P<client>[0-9a-fA-F.:]+) +"
    r"(?P<server>[0-9a-fA-F.:]+) +(?P<client_port>\d+) +(?P<port>\d+)"
)
#: Antivirus and content filter on one file: its source is the server where the file came from there.
_SCANNED = r"\b(?:AV_[A-Z_]+_MT|CONTENT_FILTERING_[A-Z_]+_MT)(?:_LS)?\b.*-address="
_FILE = {
    "source": "source-address", "source_port": "source-port", "destination": "destination-address",
    "destination_port": "destination-port", "file": "filename", "action": "action", "user": "username",
}  # fmt: skip
#: Sign-ins of the firewall's own authentication, by its page (`WEBAUTH`) or within HTTP, FTP, Telnet.
_SIGNED_IN = r"\bFWAUTH_(?:WEBAUTH_SUCCESS|[A-Z]+_USER_AUTH_ACCEPTED|[A-Z]+_USER_AUTH_OK)(?:_LS)?\b"
_SIGN_IN = {"user": "username|user-name", "client": "client-address"}
_SERVICE = 1024
_STAMP = r'(?:^|"timestamp"\s*:\s*")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))[" ]'


class JuniperSrxFormat(LogFormat):
    """Reads Juniper SRX logs."""

    name = "juniper-srx"
    help = (
        "Juniper SRX (Junos 10 to 24): RT_FLOW, APPTRACK, WEBFILTER, SECINTEL, AAMW, antivirus; "
        "structured and plain"
    )
    vantage = "firewall"
    is_on_site = True
    counts_headers = "ip"
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = "Set `log session-close` in policies (volumes) and enhanced web filtering with logging (hosts)."
    marks = (
        "rt_", "flow_session_", "flow_log_pkt_drop", "apptrack_session_", "webfilter_url_", "aamw_",
        "secintel_action", "fwauth_", "pfe_fw_syslog_ip", "fw: ", "session ", "[junos@",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r"\b(?:RT_FLOW_|FLOW_SESSION_|APPTRACK_SESSION_|WEBFILTER_URL_|RT_UTM|RT_IDP|RT_SCREEN_|AAMW_|"
        r"SECINTEL_ACTION|FLOW_LOG_PKT_DROP\b)"
        rf"|{_SIGNED_IN}"
        r"|\bPFE_FW_SYSLOG_IP|^FW: +\S+ +[ADR] +\w+ |\bsession (?:created|closed|denied) .*/\d+->|\[junos@"
    ) | pl.col("tag").is_in(["RT_FLOW", "RT_UTM", "RT_IDP", "RT_IDS"]).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per session record (kind flow) or visit (kind http); sign-ins as leases."""
        is_object = pl.col("line").str.contains(r"^\s*\{")
        signed_in = pl.col("line").str.contains(_SIGNED_IN) & pl.col("line").str.contains(
            "client-address", literal=True
        )
        return layouts.read(
            lines,
            [
                (_SCANNED, _scanned),
                (signed_in & is_object, lambda part: _sign_ins(objects.read(part["line"], _SIGN_IN), part)),
                (signed_in, lambda part: _sign_ins(keyvalue.read(part["line"], _SIGN_IN), part)),
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _FIELDS), part)),
                (r'[a-z]-address="', lambda part: _rows(keyvalue.read(part["line"], _FIELDS), part)),
                (_PLAIN, _plain),
                (r"WEBFILTER.*\bURL=", _plain_urls),
                (_FILTER, _filter),
                (pl.lit(True), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _scanned(lines: pl.DataFrame) -> pl.DataFrame:
    """A file that was scanned or filtered; its name is `host/path` where the message says whence it came."""
    read = keyvalue.read(lines["line"], _FILE).with_columns(
        pl.col("source_port", "destination_port").cast(pl.Int64, strict=False)
    )
    fetched = (pl.col("source_port") < _SERVICE) & (pl.col("destination_port") >= _SERVICE)
    ends = {"client": ("destination", "source"), "server": ("source", "destination")}
    kept = lines["line"].str.contains("DROP|BLOCK|VIRUS_DETECTED")
    return read.select(
        **{name: pl.when(fetched).then(one).otherwise(other) for name, (one, other) in ends.items()},
        client_port=pl.when(fetched).then("destination_port").otherwise("source_port"),
        server_port=pl.when(fetched).then("source_port").otherwise("destination_port"),
        kind=pl.lit("http"),
        user_name="user",
        url=pl.when(pl.col("file").str.contains(r"^[\w-]+(?:\.[\w-]+)+/")).then("file"),
        action=one_of({"blocked": kept}, otherwise="allowed"),
    )


def _sign_ins(read: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    return read.select(
        "client",
        time=lines["line"].str.extract(_STAMP),
        kind=pl.lit("lease"),
        user_name="user",
        origin=pl.lit("directory"),
        lease_s=pl.lit(WORKING_DAY_S),
    )


def _filter(lines: pl.DataFrame) -> pl.DataFrame:
    """A stateless filter's log of single packets: accepted, discarded, rejected."""
    read = patterns.read(lines["line"], _FILTER)
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        server_port="port",
        transport="proto",
        action=one_of({"allowed": pl.col("verdict") == "A"}, otherwise="blocked"),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto"))}),
    )


def _plain(lines: pl.DataFrame) -> pl.DataFrame:
    """Positional text: what stands where differs by version, so counts and ids are found by their shape."""
    read = patterns.read(lines["line"], _PLAIN)
    counts = read["rest"].str.extract_groups(
        r" (?P<packets_up>\d+)\((?P<up>\d+)\) (?P<packets_down>\d+)\((?P<down>\d+)\) (?P<duration>\d+)"
    )
    numbers = patterns.read(read["rest"], r" (?P<proto>\d{1,3}) \S+ \S+ \S+ (?P<session>\d+) ")
    denied = read["rest"].str.extract(r" (\d{1,3})\(\d+\) ")
    user = read["rest"].str.extract(
        r" (\S+)\([^)]*\) (?:(?:ge|xe|et|reth|st|ae|fe|irb|vlan)[\w/-]*|\.local)\."
    )
    found = read.hstack(counts.struct.unnest()).hstack(numbers)
    # AppTrack puts the account behind the duration, where others have the application.
    tracked = lines["line"].str.extract(r"\bAPPTRACK_SESSION_\w+: .* \d+\(\d+\) \d+\(\d+\) \d+ (\S+) \S+")
    found = found.with_columns(
        proto=pl.coalesce("proto", pl.lit(denied)),
        user=pl.coalesce(pl.lit(user), pl.lit(tracked)),
        state="reason",
    )
    return _rows(layouts.conformed(found, _FIELDS), lines)


def _plain_urls(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"], _FIELDS)
    ends = patterns.read(lines["line"], _PLAIN_URL)
    account = pl.coalesce("account", pl.lit(lines["line"].str.extract(r" username (\S+) roles ")))
    found = read.with_columns(*(ends[name] for name in ends.columns), proto=pl.lit("6"), user=account)
    return _rows(found, lines)


def _rows(fields: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    line = lines["line"]
    read = fields.with_columns(
        sender=lines["sender"],
        event=line.str.extract(_EVENT),
        verb=line.str.extract(r"\bsession (created|closed|denied) "),
        # A relay's head may have no year; the device's own stands behind it.
        stamp=line.str.extract(_STAMP),
    )
    read = read.with_columns(
        is_visit=pl.col("event").str.contains("^WEBFILTER_URL|SECINTEL|AAMW").fill_null(False)
        | pl.lit(line.str.contains("WEBFILTER:")),
        is_session=pl.col("event").str.contains("_SESSION_|PKT_DROP").fill_null(False)
        | pl.col("verb").is_not_null(),
        is_refused=pl.any_horizontal(test.fill_null(False) for test in _refusals()),
    )
    return read.select(**_visit(), **_connection(), reason=_reason())


def _refusals() -> tuple[pl.Expr, ...]:
    return (
        pl.col("event").str.contains("DENY|_BLOCKED|PKT_DROP"),
        pl.col("verb") == "denied",
        pl.col("action").str.contains("(?i)block|drop|deny|close"),
    )


def _visit() -> dict[str, pl.Expr]:
    """What the web filter saw asked for."""
    visit = pl.col("is_visit")
    named = pl.when(~pl.col("name").str.contains(" ")).then("name")
    path = pl.coalesce(
        pl.when(pl.col("path").str.starts_with("/")).then("path"),
        pl.col("url").str.extract(r"^(?:[a-z]+://)?[^/\s]+(/(?:[^/\s]\S*)?)"),
    )
    return {
        "kind": one_of({"http": visit}, otherwise="flow"),
        "host": pl.when(visit).then(
            pl.coalesce(pl.col("url").str.extract(r"^(?:[a-z]+://)?([^/\s]+)"), named)
        ),
        "path": pl.when(visit).then(path),
        "user_agent": pl.col("agent"),
        "transport": one_of({"tcp": visit & pl.col("proto").is_null()}, otherwise=pl.col("proto")),
    }


def _connection() -> dict[str, pl.Expr]:
    """The connection, and what this record tells of its session."""
    event, refused = pl.col("event"), pl.col("is_refused")
    ended = (event.str.contains("_CLOSE") | (pl.col("verb") == "closed")).fill_null(False)
    session = pl.concat_str(pl.col("sender").fill_null(""), "session", "client", "client_port", separator="|")
    return {
        "time": pl.col("stamp"),
        "duration_s": pl.col("duration"),
        "at_end": ended,
        "client": pl.col("client"),
        "client_port": pl.col("client_port"),
        "user_name": pl.col("user"),
        "server": pl.col("server"),
        "server_port": pl.col("port"),
        "bytes_up": pl.col("up"),
        "bytes_down": pl.col("down"),
        "packets_up": pl.col("packets_up"),
        "packets_down": pl.col("packets_down"),
        "action": one_of({"blocked": refused}, otherwise="allowed"),
        "session": pl.when(pl.col("is_session") & ~refused).then(session),
        "phase": one_of({"end": ended, "update": event.str.contains("UPDATE")}, otherwise="begin"),
    }


def _reason() -> pl.Expr:
    flow = pl.col("is_session")
    ported = has_ports(pl.col("proto"))
    return one_of({NO_CONNECTION: ~pl.col("is_visit") & ~flow, NO_PORTS: flow & ~ported})
