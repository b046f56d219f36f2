r"""F5 BIG-IP: requests through LTM, addresses APM's network access hands out, the system's own messages.

    {"telemetryEventCategory": "LTM", "client_ip": "198.51.100.9", "http_host": "…", "bytes_in": "7", …}
    2026-10-06T10:00:00+02:00 lb1,f5_irule=Splunk-HSL-iRule-HTTP,src_ip=198.51.100.9,http_host=…,bytes_in=7,…
    event_source="request_logging",hostname="bigip1",client_ip="198.51.100.9",http_method="GET",http_uri="/a",…
    bigip1.example.com qid 27806 from 10.1.2.3#40000: view none: query: chat.example.com IN A + (10.0.0.53%0)
    bigip1.example.com qid 27806 to 10.1.2.3#40000: [NOERROR qr,aa,rd] response: chat.example.com. 30 IN A …
    acl_policy_name="/Common/out",acl_policy_type="Enforced",action="Drop",source_ip="10.1.2.3",dest_ip=…
    notice apmd[9]: 01490010:5: /Common/vpn:Common:252f6b65: Username 'ada'
    notice tmm[9]: 01490549:5: /Common/vpn:Common:252f6b65: Assigned PPP Dynamic IPv4: 10.44.1.9 Tunnel …
    info tmm[9]: 01c40000:6: /Common/out:Common:55e3d724: Traffic summary - tcp 10.1.2.3:5 -> 192.0.2.7:443 …
      L7 https (www.example.com) … duration: 138 msec … client-bytes-in: 1565 client-bytes-out: 99621 …
    notice tmm[9]: 01580002:5: /Common/vpn:Common:252f6b65: discard ACL: /Common/a:0 packet: tcp 10.44.1.9:5 …

AFM's network events say what a rule did to a connection (Accept, Drop, Reject) and, where TCP events are
logged, that it was established and closed: told once. They come as key="value" between commas or blanks, or
as an object of Telemetry Streaming. The field list of a logging profile has no names and an order of its own:
not read. A response belongs to the query with its `qid`; where queries are not logged, it stands for the
lookup.

The request fields are named by the request logging profile or the iRule; read are those of F5's own
examples. `bytes_in` is what the client sent; what the profile logs of a response is of a request told before:
set aside. A session of APM names its account and its tunnel's address
in lines of their own: the account is that told before in the same block; 01490521 ends it. SSL Orchestrator
sums up each connection that it closes; what came in from the client is what that sent. All other
messages (`0149…`, application security, audit, pools) are set aside. Source: F5, "BIG-IP Telemetry
Streaming"; "BIG-IP APM log messages"; "External Monitoring of BIG-IP Systems" (AFM, DNS); "SSL Orchestrator
deployment guide", logging; Splunk Add-on for F5, iRules.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, lookups, objects, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_ADDRESS, NO_LOOKUP, NO_PORTS, NO_REQUEST
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "category": "telemetryEventCategory",
    "time": "req_start_time|event_timestamp|timestamp|date_time",
    "client": "client_ip|src_ip|ip_client",
    "client_port": "client_port|src_port",
    "user": "user|username",
    "host": "http_host|host",
    "path": "http_uri|http_url|uri",
    "method": "http_method|method",
    "status": "http_status|http_statcode",
    "agent": "http_user_agent|user_agent",
    "server": "server_ip|node",
    "port": "server_port|node_port",
    "up": "bytes_in",
    "down": "bytes_out",
}
_IRULE = {name: keys for name, keys in _FIELDS.items() if name != "category"}
_IRULED = r",f5_irule=[\w-]+,"
_IRULE_STAMP = r"^(?:<\d+>)?(?:1 )?(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))"
_AFM = {
    "time": "date_time", "client": "source_ip", "client_port": "source_port", "user": "source_user",
    "server": "dest_ip", "port": "dest_port", "host": "dest_fqdn", "proto": "ip_protocol", "action": "action",
}  # fmt: skip
#: Of a rule; events of floods (`dos_…`) name none.
_RULED = objects.having("telemetryEventCategory", "acl_policy_name", "dest_ip")
_NETWORK = r'(?:^|[\s,])acl_policy_name="[^"]*"[, ]+acl_(?:policy_type|rule_name)="'
#: The request logging profile's text, before Telemetry Streaming makes an object of it.
_PROFILE = r'\bevent_source="(request|response)_logging",'
_LOOKUP = (
    r"\bqid (?P<qid>\d+) (?:from|to) (?P<client>[0-9a-fA-F.:]+?)(?:%\d+)?#(?P<client_port>\d+): "
    r"(?:(?:view \S+: )?query: (?P<host>\S+) IN (?P<type>\S+)|"
    r"\[(?P<code>[A-Z0-9]+)[^\]]*\] response:(?: (?P<owner>\S+) \d+ IN (?P<record>\S+))?)"
)
_ADDRESS = r" IN (?:A|AAAA) [0-9a-fA-F.:]+"
_MESSAGE = r"(?:^|\s)01[0-9a-fA-F]{6}:[0-7]: "
_ACCESS = (
    r"0149[0-9a-fA-F]{4}:\d: (?:\S*:)?(?P<session>[0-9a-f]{8}): (?:Username '(?P<user>[^']+)'|"
    r"Assigned PPP (?:\w+ )?IPv[46]: (?P<address>[0-9a-fA-F.:]*[0-9a-fA-F])|"
    r"(?P<end>Session deleted|PPP tunnel \S+ closed))?"
)
_ACL = (
    r"01580002:\d: .*?(?P<verdict>\w+) ACL: \S+ packet: (?P<proto>\w+) "
    r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) -> (?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)"
)
#: The name is the server's as the client told it, or the one that was asked for.
_SUMMARY = (
    r"\bTraffic summary - (?P<proto>\w+) (?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) -> "
    r"(?P<server>[0-9a-fA-F.:]+):(?P<port>\d+) .*?\bL7 (?P<app>\S+)(?: \((?P<host>[^)]*)\))? "
    r".*?\bduration: (?P<took>\d+) msec .*?\bclient-bytes-in: (?P<up>\d+) client-bytes-out: (?P<down>\d+)"
    r"(?:.*?\breset-cause: (?P<cause>'[^']*'|\S+))?"
)


class F5Format(LogFormat):
    """Reads F5 BIG-IP request logging."""

    name = "f5"
    help = (
        "F5 BIG-IP: LTM request logging (Telemetry Streaming JSON, Splunk's iRule), AFM network events, "
        "DNS queries and responses, SSL Orchestrator, APM tunnels, system log"
    )
    vantage = "proxy"
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Log http_host, bytes_in and bytes_out in the request logging profile."
    claims = objects.having("telemetryEventCategory") | pl.col("line").str.contains(
        ascii_only(f"{_IRULED}|{_PROFILE}|{_LOOKUP}|{_MESSAGE}|{_NETWORK}")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request, and per tunnel address given."""
        return layouts.read(
            lines,
            [
                (_IRULED, self._iruled),
                (_PROFILE, self._profiled),
                (_LOOKUP, _lookups),
                (_RULED, lambda part: _network(objects.read(part["line"], _AFM))),
                (_NETWORK, lambda part: _network(keyvalue.read(part["line"], _AFM, separator=","))),
                (_ACL, _packets),
                (_SUMMARY, _summaries),
                (_MESSAGE, _messages),
                (pl.lit(True), self._events),
            ],
        )

    def _iruled(self, lines: pl.DataFrame) -> pl.DataFrame:
        read = keyvalue.read(lines["line"].str.replace("#015$", ""), _IRULE, separator=",")
        at = lines["line"].str.extract(_IRULE_STAMP)
        # `www.example.org: 443`: with the port the client asked for.
        host = pl.col("host").str.replace(r":? ?\d*$", "")
        return self._requests(
            read.with_columns(category=pl.lit("LTM"), host=host, time=pl.coalesce(pl.lit(at), "time"))
        )

    def _profiled(self, lines: pl.DataFrame) -> pl.DataFrame:
        read = keyvalue.read(lines["line"], _IRULE, separator=",")
        asks = pl.lit(lines["line"].str.extract(_PROFILE) == "request")
        return self._requests(read.with_columns(category=one_of({"LTM": asks})))

    def _events(self, lines: pl.DataFrame) -> pl.DataFrame:
        return self._requests(objects.read(lines["line"], _FIELDS))

    def _requests(self, read: pl.DataFrame) -> pl.DataFrame:
        request = ((pl.col("category") == "LTM") & pl.col("method").is_not_null()).fill_null(False)
        return read.select(
            *("client", "client_port", "path", "method", "status", "server"),
            # `2026-01-31:06:54:30.000Z`: a colon before the time
            time=pl.col("time").str.replace(r"^(\d{4}-\d\d-\d\d):", "${1}T"),
            kind=pl.lit("http"),
            user_name="user",
            host="host",
            user_agent="agent",
            server_port="port",
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=pl.lit("allowed"),
            reason=one_of({NO_REQUEST: ~request}),
        )


def _lookups(lines: pl.DataFrame) -> pl.DataFrame:
    """Queries with what became of them; the first record of a response is of the name that was asked."""
    read = patterns.read(lines["line"], _LOOKUP)
    answer = pl.col("code").is_not_null()
    rows = read.select(
        *("qid", "client", "client_port"),
        host=pl.coalesce("host", "owner"),
        kind=pl.lit("dns"),
        answer=answer,
        answers=lines["line"].str.extract_all(_ADDRESS).list.eval(pl.element().str.extract(r"(\S+)$")),
        action=lookups.verdict(pl.col("code")),
        qtype=pl.coalesce("type", "record"),
        reason=pl.lit(None, dtype=pl.String),
    )
    rows = lookups.paired(rows, ("qid", "client", "client_port"))
    nameless = pl.col("host").is_null() & pl.col("reason").is_null()
    return rows.with_columns(reason=one_of({NO_LOOKUP: nameless}, otherwise=pl.col("reason"))).drop(
        "qid", "answer"
    )


def _network(read: pl.DataFrame) -> pl.DataFrame:
    """Connections as AFM judged them, each told once."""
    verdict = pl.col("action").str.to_lowercase()
    ends = ("client", "client_port", "server", "port", "proto")
    known = {
        name: pl.when(pl.col(name).str.to_lowercase() != "unknown").then(name) for name in ("user", "host")
    }
    return read.select(
        *("time", "client", "client_port", "server"),
        kind=pl.lit("flow"),
        user_name=known["user"],
        host=known["host"],
        name_from=one_of({"dns_answer": known["host"].is_not_null()}),
        server_port="port",
        transport="proto",
        action=one_of({"blocked": verdict.is_in(["drop", "reject"])}, otherwise="allowed"),
        session=pl.concat_str(ends, separator="|", ignore_nulls=True),
        phase=one_of({"end": verdict.str.starts_with("closed")}, otherwise="begin"),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto"))}),
    )


def _packets(lines: pl.DataFrame) -> pl.DataFrame:
    """What an access list of APM did with a tunnel's packet: allow, continue, discard or reject."""
    read = patterns.read(lines["line"], _ACL)
    refused = pl.col("verdict").is_in(["discard", "reject"])
    return read.select(
        *("client", "client_port", "server"),
        kind=pl.lit("flow"),
        server_port="port",
        transport="proto",
        action=one_of({"blocked": refused}, otherwise="allowed"),
    )


def _summaries(lines: pl.DataFrame) -> pl.DataFrame:
    """Connections through SSL Orchestrator, whether it looked into them or not."""
    read = patterns.read(lines["line"], _SUMMARY)
    refused = pl.col("cause").str.contains("(?i)reject|block")
    return read.select(
        *("client", "client_port", "server"),
        at_end=pl.lit(True),
        duration_s=pl.col("took").cast(pl.Float64, strict=False) / 1000,
        kind=pl.lit("proxy"),
        host="host",
        name_from=one_of({"http_host": pl.col("app") == "http"}, otherwise="sni"),
        server_port="port",
        transport="proto",
        bytes_up="up",
        bytes_down="down",
        action=one_of({"blocked": refused}, otherwise="allowed"),
    )


def _messages(lines: pl.DataFrame) -> pl.DataFrame:
    """Leases of the addresses APM gives, to the account its session named before."""
    read = patterns.read(lines["line"], _ACCESS)
    read = read.with_columns(pl.col("user", "address").forward_fill().over("session").name.suffix("_so_far"))
    gives, ends = pl.col("address").is_not_null(), pl.col("end").is_not_null()
    held = pl.col("address_so_far").is_not_null() & pl.col("user_so_far").is_not_null()
    return read.select(
        kind=pl.lit("lease"),
        client="address_so_far",
        user_name="user_so_far",
        lease_s=pl.when(ends).then(0.0).otherwise(WORKING_DAY_S),
        closes=ends,
        origin=pl.lit("vpn"),
        confidence=pl.lit(0.9),
        reason=one_of({NO_ADDRESS: ~((gives | ends) & held).fill_null(False)}),
    )
