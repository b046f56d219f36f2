r"""Forcepoint (Websense): Web Security for SIEMs (CEF, LEEF, key=value), cloud report CSV, NGFW (CEF, LEEF).

    [CEF:]0|Forcepoint|Security|8.5.4|222|Transaction permitted|1| act=permitted … in=1038458 out=3967 …
    vendor=Websense product=Security … user=LDAP://host OU=…/Ada src_host=… bytes_out=… bytes_in=…
    url=https://…
    "06/10/2026","10:00:00","ada","…","category","Allowed",…,"host:443/",…          cloud report, day first

`out`, `bytes_out` are what the client sent. `suser` is a directory path with the person's name at its end;
`loginID` the account, and preferred. Source: Forcepoint, "SIEM integration"; "NGFW log fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, keyvalue, layouts, objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": "rt|devTime|timestamp|time|start|Timestamp",
    "client": "src|src_host|src_ip|srcip",
    "client_port": "spt|srcPort|src_port",
    "client_mac": "smac|srcMAC",
    "login": "loginID|login|login_id|loginid",
    "user": "suser|usrName|user|duser",
    "device": "shost|src_hostname",
    "host": "dhost|dst_host|destinationDnsDomain",
    "url": "request|url",
    "method": "requestMethod|method|http_method",
    "status": "proxyStatus-code|http_response|http_proxy_status_code|serverStatus-code",
    "agent": "requestClientApplication|userAgent|http_user_agent",
    "server": "dst|dst_ip|dstip",
    "port": "dpt|dstPort|dst_port",
    "protocol": "proto",
    "up": "out|srcBytes|bytes_out|sentBytes",
    "down": "in|dstBytes|bytes_in|receivedBytes",
    "action": "act|action",
    "duration": "duration",
}
_REPORT = [
    *(
        "date",
        "clock",
        "login",
        "device",
        "",
        "action",
        "",
        "",
        "url",
        "egress",
        "server",
        "inner",
        "",
        "",
        "agent",
    ),
    *("status", "method"),
]
_HEADED = {
    "date": "date|date & time|date & time [gmt]", "clock": "time", "login": "user|user name",
    "action": "action",
    "url": "url|url full|full url", "egress": "connection ip", "inner": "source ip|client ip",
    "server": "destination ip|server ip",
    "agent": "user agent string|user agent", "status": "http status code",
    "method": "http request method|request method",
    "host": "domain|url host|hostname", "up": "bytes sent", "down": "bytes received", "device": "workstation",
}  # fmt: skip
_OBJECT = {name: f"forcepoint_web.{field}" for name, field in {
    "date": "date", "clock": "time", "login": "user", "action": "action", "url": "url",
    "egress": "connection_ip", "inner": "source_ip",
    "server": "destination_ip", "agent": "user_agent_string", "status": "http_status_code",
    "method": "http_request_method", "device": "workstation",
}.items()}  # fmt: skip
#: Forcepoint ONE (Bitglass), secure web gateway; `ipaddress` is the public one.
_ONE = {
    "time": "time", "login": "email", "action": "action", "url": "url", "host": "requestdomain",
    "client": "ipaddress", "server": "destinationip", "port": "requestport", "agent": "useragent",
    "method": "requestmethod", "device": "devicehostname", "up": "uploadedbytes", "down": "size",
    "scheme": "protocol", "path": "uri", "activity": "activity",
}  # fmt: skip
_ONE_KEYS = ("requestdomain", "syslogheader", "uploadedbytes")
#: Its reverse proxy: what people do in a sanctioned application.
_ONE_ACCESS_KEYS = ("syslogheader", "transactionid", "ipaddress", "activity", "url")
#: What a report says of what it does not know.
_NOTHING = ("Not available", "None", "-", "")
_HEAD_ONLY = r"(?:CEF|LEEF):|^\s*\d\|"
_REPORT_LINE = r'^"\d\d/\d\d/\d{4}","\d\d:\d\d:\d\d",(?:"[^"]*",){3}"(?:Allowed|Blocked|\w+)",'


class ForcepointFormat(LogFormat):
    """Reads Forcepoint logs."""

    name = "forcepoint"
    help = (
        "Forcepoint / Websense Web Security 7 to 8.5 (CEF, LEEF, key=value), cloud report CSV, NGFW 6 to "
        "7 (CEF, LEEF)"
    )
    vantage = "proxy"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Cloud reports carry volumes only with the columns Bytes Sent and Bytes Received."
    header = (
        r'(?i)^"?date[^,]*,.*\burl\b.*\b(?:connection|source) ip\b|^"?date[^,]*,.*\b(?:connection|source)'
        r" ip\b.*\burl\b"
    )
    marks = (
        "forcepoint",
        "websense",
        '","',
        '"requestdomain"',
        '"syslogheader"',
        "connection ip",
        "source ip",
    )
    claims = (
        cef.claims("(?i)(?:Forcepoint|Websense)")
        | pl.col("line").str.contains(r"\bvendor=(?:Websense|Forcepoint)\b")
        | pl.col("line").str.contains(_REPORT_LINE)
        | pl.col("line").str.contains(r'^\s*\{.*"forcepoint_web"\s*:')
        | objects.having(*_ONE_KEYS)
        | objects.having(*_ONE_ACCESS_KEYS)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per transaction (kind proxy) or firewall event (kind flow)."""
        return layouts.read(
            lines,
            [
                (objects.having(*_ONE_KEYS) | objects.having(*_ONE_ACCESS_KEYS), _one),
                (r"^\s*\{", lambda part: _dated(objects.read(part["line"], _OBJECT))),
                (_HEAD_ONLY, lambda part: _rows(cef.read(part["line"], _FIELDS))),
                (r"\bvendor=", _pairs),
                (
                    pl.col("header").is_not_null(),
                    lambda part: _dated(commas.read_headed(part, _HEADED)),
                ),
                (pl.lit(True), lambda part: _dated(commas.read(part["line"], _REPORT))),
            ],
        )


def _one(lines: pl.DataFrame) -> pl.DataFrame:
    """The gateway tells host and path apart; of several actions, a block decides."""
    read = objects.read(lines["line"], _ONE)
    address = pl.concat_str(
        pl.col("scheme").fill_null("https"), pl.lit("://"), "host", pl.col("path").fill_null("")
    )
    # What data protection refused has `fail` for its action, and `Denied` among its activities.
    refused = pl.concat_str("action", "activity", separator=" ", ignore_nulls=True).str.contains(
        r"(?i)\b(?:block|den(?:y|ied))"
    )
    told = read.with_columns(
        url=pl.coalesce("url", address), action=one_of({"blocked": refused}, otherwise=pl.col("action"))
    )
    return _rows(told.drop("scheme", "path", "activity")).with_columns(roams=pl.lit(True))


def _pairs(lines: pl.DataFrame) -> pl.DataFrame:
    """The directory path of `user` has pairs of its own, in capitals."""
    user = lines["line"].str.extract(r"\buser=(.*?) [a-z]\w*=")
    return _rows(keyvalue.read(lines["line"], _FIELDS, spaced=True).with_columns(user=user))


def _dated(fields: pl.DataFrame) -> pl.DataFrame:
    """Rows of the cloud's reports. Day first, always: told by documentation, so no guess. The client is the
    source where the endpoint told it (`Not available` otherwise), else the address the connection came from,
    which is a site's own."""
    inner = pl.when(pl.col("inner").str.contains(r"^[0-9A-Fa-f.:]+$")).then("inner")
    said = pl.col("login", "device", "agent", "server")
    fields = fields.with_columns(
        pl.when(~said.is_in(_NOTHING)).then(said).name.keep(), client=pl.coalesce(inner, "egress")
    )
    day = pl.col("date").str.replace(r"^(\d\d)/(\d\d)/(\d{4})", "$3-$2-$1")
    stamped = fields.with_columns(time=pl.concat_str(day, "clock", separator=" ", ignore_nulls=True))
    return _rows(stamped).with_columns(roams=pl.lit(True))


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    fields = layouts.conformed(read, (*_FIELDS, "product", "event", "name"))
    is_wall = fields["product"].str.contains("(?i)firewall|ngfw").fill_null(False)
    person = pl.col("user").str.extract(r"([^/]+)$")
    event = pl.coalesce(said("name"), "event")
    # What the endpoint's agent tells the firewall: who is logged in at an address.
    here = is_wall & fields["name"].str.contains("^ECA_Metadata_log(?:in|out)").fill_null(False)
    gone = fields["name"].str.contains("logout").fill_null(False)
    session = pl.concat_str("client", "client_port", "server", "port", "protocol", separator="|")
    return fields.select(
        time="time",
        duration_s=pl.col("duration").cast(pl.Float64, strict=False) / 1000,
        kind=one_of({"lease": pl.lit(here), "flow": pl.lit(is_wall)}, otherwise="proxy"),
        client="client",
        client_port="client_port",
        client_mac="client_mac",
        user_name=pl.coalesce(said("login", "-"), person),
        device="device",
        # The template of LEEF and CEF ends with a field that older versions do not fill in.
        url=pl.col("url").str.replace(r" logRecordSource=.*$", ""),
        host="host",
        name_from=one_of({"url": pl.col("host").is_not_null()}),
        method="method",
        status="status",
        user_agent="agent",
        server="server",
        server_port="port",
        transport=pl.when(pl.lit(is_wall)).then("protocol").otherwise(pl.lit("tcp")),
        bytes_up="up",
        bytes_down="down",
        action=pl.coalesce("action", event.str.extract(r"^(?:Connection_|[Tt]ransaction[ :])(\w+)")),
        session=pl.when(pl.lit(is_wall) & event.str.contains("^Connection_(?:Allowed|Closed)")).then(session),
        phase=one_of({"end": event.str.contains("Closed")}, otherwise="begin"),
        lease_s=pl.when(pl.lit(here & gone)).then(0.0).when(pl.lit(here)).then(WORKING_DAY_S),
        closes=pl.lit(here & gone),
        origin=one_of({"directory": pl.lit(here)}),
        reason=one_of(
            {
                NO_SERVICE: pl.col("client").is_null()
                & pl.col("server").is_null()
                & pl.col("host").is_null()
                & pl.col("url").is_null()
            }
        ),
    )
