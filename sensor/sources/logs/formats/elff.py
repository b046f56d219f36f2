r"""W3C extended logs, read by `#Fields:` (Blue Coat, Symantec, Broadcom, Cisco WSA, TMG, CloudFront).

    #Fields: date time time-taken c-ip sc-status s-action sc-bytes cs-bytes cs-method cs-host cs-uri-path …
    2026-10-06 10:00:00 120 10.1.2.3 200 TCP_NC_MISS 941 729 GET www.example.org /a …
    c-ip=10.1.2.3 cs-host=www.example.org c-url="https://www.example.org/a" …      ProxySG, format for Splunk
    {"date": "2026-10-06", "time": "10:00:00", "c-ip": "10.1.2.3", …}              Cloud SWG

Without `#Fields:` (behind syslog, or a rotated file's rest) the default formats `main` and `ssl` of SGOS 4
to 7 are told by where verdict, status and port stand, as are the fields Splunk's add-on wants of Cisco's WSA,
and CloudFront's by its edge location. Spaces or tabs separate; strings are quoted.

`cs-bytes` is what the client sent, `sc-bytes` what it got. The line is written when the request ends;
`time-taken` is in milliseconds (CloudFront: seconds). `s-ip` is the proxy. Time is UTC unless
`localtime` is logged. Source: W3C WD-logfile; Broadcom Edge SWG, "Access Log Formats"; Cisco AsyncOS,
"W3C access logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, keyvalue, layouts, objects
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import CHALLENGE, HEADER
from sensor.sources.logs.text.words import one_of

#: Our name of a field, and how products spell it.
_SPELLINGS = {
    "date": "date",
    "time": "time|start_time",
    "stamp": "localtime|gmttime|timestamp|x-timestamp|datetime",
    "taken": "time-taken|x-elapsed-time|connection time",
    "inner": "x-cs-userip|x-cs-user-ip|x-cs-src-ip",
    "client": "c-ip|x-client-address|c_ip|original client ip",
    "client_port": "c-port|x-client-port|cs-src-port",
    "user": "cs-username|cs-user|x-cs-username|cs-auth-user|cs_username|username",
    "user_dn": "cs-userdn|x-cs-user-dn",
    "device": "x-client-device-name|c-dns|x-client-agent-device-name|x-device-name",
    "method": "cs-method|s-operation|cs_method",
    "scheme": "cs-uri-scheme|c-uri-scheme|cs_uri_scheme|cs-protocol",
    "host": "x-host-header|cs-host|c-uri-host|cs-uri-host|r-host|cs(host)|cs-x-host|cs_host",
    "sni": "x-cs-sni|cs-sni|x-cs-server-certificate-hostname|x-rs-certificate-hostname|cs-ssl-sni",
    "port": "cs-uri-port|c-uri-port|r-port|cs_uri_port",
    "url": "c-url|cs-url|cs-uri|c-uri|x-url",
    "path": "cs-uri-path|cs-uri-stem|c-uri-path|cs_uri_path",
    "status": "sc-status|sc-http-status|rs-status|sc_status",
    "code": "x-resultcode-httpstatus|s-action|s_action",
    "verdict": "sc-filter-result|action|x-policy-action|x-cs-action|sc_filter_result",
    "exception": "x-exception-id|x_exception_id",
    "rule": "x-acltag|x-result-code",
    "agent": "cs(user-agent)|cs(User-Agent)|c(user-agent)|cs-user-agent|c-agent|http_user_agent|"
    "user-agent|rs(user-agent)",
    "server": "r-ip|r-supplier-ip|x-sr-dst-ip|x-cs-dst-ip",
    "reached": "destination",
    "connection": "connection id",
    "server_of_proxy": "s-supplier-ip",
    "hierarchy": "s-hierarchy",
    "supplier": "s-supplier-name|r-supplier-dns|s-hostname",
    "proxy": "s-ip",
    "site_port": "s-port",
    "edge": "x-edge-location",
    "up": "cs-bytes|cs_bytes|c-bytes-sent|bytes sent",
    "down": "sc-bytes|sc_bytes|c-bytes-received|bytes received",
}
_TIMED = "date time time-taken c-ip "
_REQUEST = "sc-status s-action cs-method rs(content-type) cs-uri-scheme cs-host cs-uri-port "
_SENT = "cs-uri-extension cs(user-agent) s-ip sc-bytes cs-bytes"
_TAIL = f"cs-categories cs(referer) {_REQUEST}cs-uri-path cs-uri-query {_SENT}"
#: Of what stays inside TLS (`bcreporterssl_v1`).
_TUNNELED = f"cs-categories {_REQUEST}{_SENT}"
_HELD = "cs-username cs-auth-group "
_SUPPLIER = "s-supplier-name s-supplier-ip s-supplier-country s-supplier-failures "
_RESULT = "x-exception-id sc-filter-result "
#: What every standard log of CloudFront begins with.
_CLOUDFRONT = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(host) cs-uri-stem sc-status cs(referer) "
    "cs(user-agent) cs-uri-query cs(cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "
    "cs-bytes time-taken x-forwarded-for"
)
_IP = r"[0-9a-fA-F.:%]+"
_REQUESTED = rf"[A-Z]+ /\S* \S+ \d+ \S+ {_IP} "
#: What IIS writes unless it is set otherwise, and all that it can.
_ASKED_OF_IIS = "cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
_STATUS = "sc-status sc-substatus sc-win32-status "
_IIS_DEFAULT = f"date time s-ip {_ASKED_OF_IIS}cs(user-agent) cs(referer) {_STATUS}time-taken"
_IIS_ALL = (
    f"date time s-sitename s-computername s-ip {_ASKED_OF_IIS}"
    f"cs-version cs(user-agent) cs(cookie) cs(referer) cs-host {_STATUS}sc-bytes cs-bytes time-taken"
)
#: Default formats, for lines no `#Fields:` came before: a pattern each, and what it holds.
_QUOTED = r'(?:"[^"]*"|[^\s"]\S*)'
_START = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+ [0-9a-fA-F.:]+ "
_VERDICT = r"(?:OBSERVED|PROXIED|DENIED) "
_CATEGORY = rf"{_QUOTED} +(?:\d{{1,3}}|-) [A-Z][A-Z_]+ "
_REFERRED = rf"{_QUOTED} {_CATEGORY}"
_COUNTED = _START + r"\d{1,3} [A-Z_]+ \d+ \d+ \S+ \S+ \S+ "
_COUNTS = "sc-status s-action sc-bytes cs-bytes cs-method cs-uri-scheme cs-host "
_DEFAULTS = (
    (
        # SGOS 4. A port in the path's place is that of the layouts below, or of one that is not known.
        _COUNTED + r"(?:\D\S*|\d+[^\d\s]\S*) ",
        _TIMED
        + _COUNTS
        + "cs-uri-path cs-uri-query cs-username s-hierarchy s-supplier-name rs(content-type) cs(user-agent) "
        "sc-filter-result sc-filter-category",
    ),
    (
        _COUNTED + rf"\d+ \S+ \S+ (?:{_QUOTED} ){{7}}{_VERDICT}",
        _TIMED
        + _COUNTS
        + "cs-uri-port cs-uri-path cs-uri-query cs-username cs-auth-group s-hierarchy s-supplier-name "
        "rs(content-type) cs(referer) cs(user-agent) sc-filter-result cs-categories x-virus-id s-ip",
    ),
    (
        _COUNTED + rf"\d+ \S+ \S+ (?:{_QUOTED} ){{6}}{_VERDICT}",
        _TIMED
        + _COUNTS
        + "cs-uri-port cs-uri-path cs-uri-query cs-username cs-auth-group s-supplier-name rs(content-type) "
        "cs(referer) cs(user-agent) sc-filter-result cs-categories x-virus-id s-ip",
    ),
    (_START + rf"(?:{_QUOTED} ){{3}}{_VERDICT}{_REFERRED}", _TIMED + _HELD + _RESULT + _TAIL),
    (_START + rf"(?:{_QUOTED} ){{7}}{_VERDICT}{_REFERRED}", _TIMED + _HELD + _SUPPLIER + _RESULT + _TAIL),
    (_START + rf"(?:{_QUOTED} ){{3}}{_VERDICT}{_CATEGORY}", _TIMED + _HELD + _RESULT + _TUNNELED),
    (_START + rf"(?:{_QUOTED} ){{7}}{_VERDICT}{_CATEGORY}", _TIMED + _HELD + _SUPPLIER + _RESULT + _TUNNELED),
    (r"^\d{4}-\d\d-\d\d\t[\d:]{8}\t[A-Z]{3}\d+(?:-[A-Z]\d+)?\t\d+\t[0-9a-fA-F.:]+\t[A-Z]+\t", _CLOUDFRONT),
    (rf"^\d{{4}}-\d\d-\d\d [\d:]{{8}} {_IP} {_REQUESTED}\S+ \S+ \d{{3}} \d+ \d+ \d+", _IIS_DEFAULT),
    (
        rf"^\d{{4}}-\d\d-\d\d [\d:]{{8}} W3SVC\d+ \S+ {_IP} {_REQUESTED}HTTP/\S+ (?:\S+ ){{4}}\d{{3}} \d",
        _IIS_ALL,
    ),
    (
        rf"^[0-9]{{10}}\.[0-9]+ [0-9.]+ {_QUOTED} [0-9a-fA-F.:]+ [A-Z_]+/[0-9]{{3}} [0-9]+ [A-Z]+ \S+ "
        rf"(?:{_QUOTED} ){{4}}[A-Z_]+_[0-9]+-",
        "timestamp x-elapsed-time cs(referer) c-ip x-resultcode-httpstatus sc-bytes cs-method cs-url "
        "s-hostname cs-uri cs-username "
        "cs-mime-type x-acltag cs(x-forwarded-for) c-port s-computername s-port",
    ),
)
_DIRECTIVE = r"^#(?:Software|Version|Start-Date|End-Date|Date|Remark|Fields)\b"
_PAIRS = r"(?:^|\s)c-ip=\S+ .*\bcs-[\w-]+=|\bcs-host=\S+ .*\bc-ip="
_OBJECT = r'^\s*\{.*"(?:cs-host|cs-uri-scheme|sc-filter-result|cs-method)"\s*:'


class ElffFormat(LogFormat):
    """Reads W3C extended logs of proxies."""

    name = "elff"
    help = (
        "W3C extended proxy logs by their #Fields: Blue Coat / Broadcom ProxySG and Cloud SWG (SGOS 3 to "
        "7, also "
        "Splunk key=value and JSON), Cisco WSA W3C, Microsoft TMG, IIS"
    )
    vantage = "proxy"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Log cs-bytes, sc-bytes, cs-username, cs-host, cs-uri-path, c-ip and sc-filter-result."
    #: as W3C says; `[sources.elff] timezone` is for logs in local time
    usual_zone = "UTC"
    header = r"^#Fields:\s"
    claims = pl.col("line").str.contains(
        ascii_only("|".join((_DIRECTIVE, _PAIRS, *(pattern for pattern, _ in _DEFAULTS))))
    ) | (
        # Netskope's transactions borrow these names, and mean other things by some.
        pl.col("line").str.contains(_OBJECT) & ~pl.col("line").str.contains('"x-cs-userip"', literal=True)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        return layouts.read(
            lines,
            [
                (_DIRECTIVE, layouts.set_aside(HEADER)),
                (_OBJECT, lambda part: _rows(objects.read(part["line"], _SPELLINGS), part)),
                (_PAIRS, _pairs),
                (pl.lit(True), _columns),
            ],
        )


def _pairs(lines: pl.DataFrame) -> pl.DataFrame:
    """`key=value`; `cs(User-Agent)=` may be written so, or with a hyphen."""
    text = lines["line"].str.replace_all(r"\(([\w-]+)\)=", "-$1=")
    out = keyvalue.read(text, _SPELLINGS, lower=True)
    written = lines["line"].str.extract(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
    return _rows(out.with_columns(stamp=pl.coalesce("stamp", pl.lit(written))), lines)


def _columns(lines: pl.DataFrame) -> pl.DataFrame:
    """By the header in force, or a default format's."""
    default = pl.lit(None, dtype=pl.String)
    for pattern, fields in reversed(_DEFAULTS):
        default = pl.when(pl.col("line").str.contains(pattern)).then(pl.lit(fields)).otherwise(default)
    # SGOS' own `main` puts two spaces before the status, and no field between them.
    single = pl.col("line").str.replace_all(" +", " ")
    headed = lines.with_columns(
        line=pl.when(pl.col("header").is_null()).then(single).otherwise("line"),
        header=pl.coalesce(pl.col("header").str.replace(r"^#Fields:\s+", ""), default),
    )
    # CloudFront parts its names by spaces and its values by tabs; ISA's names have spaces in them.
    tabs = pl.select(
        pl.lit(headed["header"]).is_not_null() & pl.lit(headed["line"]).str.contains("\t", literal=True)
    ).to_series()
    headed = headed.with_columns(
        pl.when(tabs & ~pl.col("header").str.contains("\t", literal=True))
        .then(pl.col("header").str.replace_all(r"\s+", "\t"))
        .otherwise("header")
        .alias("header")
    )
    parts = []
    for separator, mine in (("\t", tabs), (" ", ~tabs)):
        part = headed.with_row_index("at").filter(mine)
        if part.height:
            read = commas.read_headed(part.select("line", "header"), _SPELLINGS, separator=separator)
            parts.append(read.with_columns(part["at"], part["header"]))
    read = pl.concat(parts).sort("at")
    return _rows(read, lines.with_columns(read["header"]))


def _told(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.is_in(["-", "", "none", "None"])).then(text)


def _rows(fields: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` from `_SPELLINGS`."""
    wsa = lines["header"].str.contains("x-acltag|x-resultcode").fill_null(False)
    # IIS logs the requests to itself.
    site = lines["header"].str.contains("cs-uri-stem.* s-port").fill_null(False) & ~wsa
    status = pl.coalesce(_told(pl.col("status")), pl.col("code").str.extract(r"/(\d{3})$"))
    told = fields.with_columns(wsa.alias("wsa"), site.alias("site"), status=status, tunnel=_tunnel())
    return told.select(
        **_when(),
        **_client(),
        **_request(),
        **_server(),
        bytes_up="up",
        bytes_down="down",
        action=_action(),
        reason=one_of({CHALLENGE: _asks_who()}),
    )


def _when() -> dict[str, pl.Expr]:
    """The firewall of ISA and TMG logs connections, and of each its beginning and its end."""
    clock = pl.when(pl.col("time").is_not_null()).then(pl.concat_str("date", "time", separator=" "))
    taken = pl.col("taken").cast(pl.Float64, strict=False)
    opened = pl.col("verdict").is_in(["Initiate", "Establish"])
    return {
        "time": pl.coalesce("stamp", clock),
        "at_end": pl.lit(True),
        "duration_s": pl.when(pl.col("edge").is_not_null()).then(taken * 1000).otherwise(taken) / 1000,
        "kind": one_of({"flow": pl.col("reached").is_not_null()}, otherwise="proxy"),
        "session": pl.concat_str("connection", "client", "reached", separator="|"),
        "phase": one_of({"begin": opened}, otherwise="end"),
    }


def _client() -> dict[str, pl.Expr]:
    account = pl.coalesce(_told(pl.col("user")), "user_dn")
    return {
        "client": pl.coalesce(_told(pl.col("inner")), "client"),
        "client_port": pl.col("client_port"),
        "user_name": account.str.replace_many(["%5C", "%20"], ["\\", " "]),
        "device": _told(pl.col("device")),
    }


def _request() -> dict[str, pl.Expr]:
    nameless = _told(pl.col("url")).is_null()
    return {
        "url": pl.col("url"),
        "host": pl.coalesce(_told(pl.col("host")), pl.when(nameless).then(_told(pl.col("sni")))),
        "name_from": one_of({"url": pl.col("host").is_not_null()}),
        "path": pl.when(~pl.col("tunnel") & pl.col("path").str.starts_with("/")).then("path"),
        "method": pl.when(pl.col("method").str.contains(r"^[A-Z]+$")).then("method"),
        "status": pl.col("status"),
        # Where no header says so, it may be the page that led there.
        "user_agent": pl.when(~pl.col("agent").str.contains(r"^https?://\S+$")).then("agent"),
    }


def _server() -> dict[str, pl.Expr]:
    address = pl.col("supplier").str.extract(r"^([\d.]+|[0-9a-fA-F:]+:[0-9a-fA-F:]*)$")
    # A proxy that names itself was not told who supplied it.
    supplier = pl.when(~pl.col("wsa") & address.ne_missing(pl.col("proxy"))).then(address)
    # What supplied the answer is the origin server unless the request was forwarded to a parent proxy.
    direct = pl.coalesce("hierarchy", pl.lit("DIRECT")).is_in(["DIRECT", "HIER_DIRECT", "-", "NONE", ""])
    reached = pl.col("reached").str.extract_groups(r"^(?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)$")
    return {
        "server": pl.coalesce(
            _told(pl.col("server")),
            pl.when(direct).then(pl.coalesce(_told(pl.col("server_of_proxy")), supplier)),
            pl.when(pl.col("wsa") | pl.col("site")).then("proxy"),
            reached.struct.field("server"),
        ),
        "server_port": pl.coalesce(
            _told(pl.col("port")),
            reached.struct.field("port"),
            pl.when("site").then("site_port"),
            _port_of_scheme(),
        ),
        "transport": pl.lit("tcp"),
    }


def _asks_who() -> pl.Expr:
    """The proxy leads to a page where one signs in, and then back to what was asked for."""
    return pl.col("code").str.contains("^TCP_AUTH_(?:REDIRECT|FORM)$") | pl.col("exception").str.starts_with(
        "authentication_redirect"
    )


def _tunnel() -> pl.Expr:
    return (pl.col("scheme").is_in(["tcp", "ssl", "tunnel"]) | (pl.col("method") == "CONNECT")).fill_null(
        False
    )


def _port_of_scheme() -> pl.Expr:
    ports = {"http": "80", "https": "443", "ssl": "443", "ftp": "21"}
    return pl.col("scheme").replace_strict(ports, default=None, return_dtype=pl.String)


def _action() -> pl.Expr:
    """The filter's result, else what the exception page or the cache code says."""
    exception = _told(pl.col("exception"))
    code = pl.coalesce(pl.col("code"), pl.lit(""))
    return one_of(
        {
            "blocked": pl.col("verdict").is_in(["DENIED", "Denied", "denied", "Blocked", "block", "blocked"])
            # A policy that redirects shows a page of its own.
            | code.str.contains("DENIED|BLOCK|POLICY_REDIRECT")
            | pl.col("rule").str.contains(r"^(?:BLOCK|DROP|REDIRECT)_")
            | exception.str.contains(
                "denied|virus|blocked|policy_redirect|authentication_failed|authorization_failed"
            ),
            "reset": exception.str.contains("error|unresolved|failed|failure|timeout|invalid")
            | (pl.col("verdict") == "Failed"),
            "allowed": pl.col("status").is_not_null() | (code != "") | _told(pl.col("verdict")).is_not_null(),
        },
        otherwise="unknown",
    )
