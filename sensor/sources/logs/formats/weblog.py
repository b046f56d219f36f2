r"""Combined access logs of forward proxies and web servers: nginx, Apache, lighttpd, Privoxy, Traefik, Caddy.

    [host[:port] ]client[, forwarded …] ident user [06/Oct/2026:10:00:00 +0200] "GET http://host/p HTTP/1.1"
    200 612
    "referer" "agent" …
    2026-10-06 10:00:00.232 7f9f3bc296c0 Crunch: Blocked: http://ads.example.org/a   Privoxy, of lines below
    client - user [06/Oct/2026:10:00:00 +0200] "GET http://host/p HTTP/1.1" 200 612 200 612 70 70 160 …
    Traffic Server
    client [06/Oct/2026:10:00:00 +0200] TCP 200 bytes_sent bytes_received seconds "upstream:443" … sni
    nginx stream
    [06/Oct/2026:10:00:00 +0200] client TLSv1.3 CIPHER "GET /p HTTP/1.1" 612         Apache, ssl_request_log
    {"remote_addr": …, "host": …, "request": …, "body_bytes_sent": …}                                     JSON
    {"remote_addr": …, "protocol": "TCP", "ssl_preread_server_name": …}                     JSON, nginx stream

A plain combined line says what path was asked for, not of whom: without an absolute URL, a CONNECT or a
host in front (or in place of `ident`: lighttpd) it names no destination and is set aside. Where several
addresses stand in front, the first is the client. Bytes of an account name that are not ASCII are written
`\xC3\xB6`. The size is what the client got (`$bytes_sent`, `$body_bytes_sent`); what it sent is known from
`$request_length`, in stream logs from `$bytes_received`, and from the two numbers behind the agent in
Apache's `combinedio` (`%I %O`: all bytes in and out, a tunnel's, too). Time is when the request ended, except
for Traefik's `StartUTC`, in Traffic Server's layouts, and in Apache's, which do not tell how long it lasted.
Source: nginx, ngx_http_log_module, ngx_stream_log_module; Apache HTTP Server, mod_log_config.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects, patterns
from sensor.sources.logs.text.escapes import unescaped
from sensor.sources.logs.text.reasons import NO_REQUEST, OWN_MESSAGE, UNREADABLE
from sensor.sources.logs.text.words import one_of, said

_STAMP = r"\[(?<time>\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4})\]"
_ADDRESS = r"(?:[0-9a-fA-F]*[.:][0-9a-fA-F.:]+|localhost|unix:)"
_COMBINED = (
    r"^ *(?:(?<host>[A-Za-z0-9_.-]*[A-Za-z_][A-Za-z0-9_.-]*(?::\d+)?|[\d.]+:\d+|-) )?"
    rf'"?(?<client>{_ADDRESS})(?:, ?{_ADDRESS})*"?(?: '
    rf"{_ADDRESS})? "
    rf'(?<ident>\S+) (?:- )?(?<user>[^\[]+?) {_STAMP} "(?<request>(?:[^"\\]|\\.)*)" (?<status>\d{{3}}|-) '
    rf"(?<down>\d+|-)"
    r'(?: "(?<referer>(?:[^"\\]|\\.)*)" "(?<agent>(?:[^"\\]|\\.)*)"(?: (?<in>\d+) (?<out>\d+)$)?)?'
)
#: ingress-nginx goes on with the request's length and seconds, and which server of which service answered.
_INGRESS = (
    r'" (?<up>\d+) (?<taken>[\d.]+) \[[^\]]*\] (?:\[[^\]]*\] )?(?<server>\[?[0-9a-fA-F.:]+\]?:\d+)[ ,].*'
    r"[0-9a-f]{32}$"
)
#: Traffic Server's `extended` goes on with what its server answered, sizes of bodies (third: the client's)
#: and of headers, and seconds; `extended2` with the route and the cache's result.
_EXTENDED = (
    r'" \d{3} (?:\d+|-) (?<answered>\d{3}) \d+ (?<up>\d+) (?:\d+ ){5}(?<taken>\d+)'
    r"(?: \S+ [A-Z]+ [A-Z]+ [A-Z_]+)?$"
)
#: Privoxy's own messages. What it answers itself, it says before the request's line, in the same words.
_PRIVOXY = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [0-9a-f]{8,16} [A-Z][A-Za-z -]+: "
_CRUNCH = _PRIVOXY + r"(?<why>[A-Z][a-z ]+): (?<target>\S+)$"
#: What Apache's own settings name `ssl_request_log`.
_OVER_TLS = (
    rf"^{_STAMP} (?<client>{_ADDRESS}) (?:TLSv[\d.]+|SSLv[23]) [A-Z0-9_-]+ "
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<down>\d+|-)'
)
_OVER_TLS_CLAIM = (
    rf'^\[\d{{1,2}}/[A-Z][a-z]{{2}}/[\d:]+ [+-]\d{{4}}\] {_ADDRESS} (?:TLSv[\d.]+|SSLv[23]) [A-Z0-9_-]+ "'
)
_HOST = r"^((?:[A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]+(?::\d+)?)$"
_TARGET = r'"[A-Z]+ (?<target>\S+) HTTP/'
_STREAM = (
    rf"^(?<client>{_ADDRESS})(?: - \S+)? {_STAMP} (?<protocol>TCP|UDP) (?<status>\d{{3}}) (?<down>\d+) "
    rf"(?<up>\d+) "
    r"(?<taken>[\d.]+)(?<rest>.*)$"
)
_SNI = r'(?:^|[\s"=])((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+)(?:[\s":]|$)'
_OBJECT = {
    "time": "time_iso8601|timestamp|@timestamp|time_local|time|msec|start_time|ts",
    "client": "real_client_ip|remote_addr|client_address|client_ip|clientip|remote_ip|ClientHost|remote_host|"
    "client|ClientAddr",
    "client_port": "remote_port|client_port|ClientPort",
    "user": "remote_user|user|ClientUsername|user_id",
    "host": "host|http_host|server_name|RequestHost|vhost|virtual_host|ssl_server_name|"
    "ssl_preread_server_name",
    "request": "request|RequestLine",
    "uri": "request_uri|uri|RequestPath|request_path|path",
    "method": "request_method|method|RequestMethod",
    "status": "status|response_status|response_code|DownstreamStatus",
    "agent": "http_user_agent|user_agent|agent|request_User-Agent|request_user_agent",
    "server": "upstream_addr|ServiceAddr",
    "up": "request_length|bytes_received|RequestContentSize|bytes_uploaded",
    # HAProxy's manual calls `bytes_read` what it read from the server.
    "down": "bytes_sent|body_bytes_sent|DownstreamContentSize|size|bytes|bytes_read",
    "taken": "request_time|session_time",
    "protocol": "protocol|RequestProtocol",
    # Traefik's
    "started": "StartUTC|StartLocal",
    "taken_ns": "Duration",
    "answered": "OriginStatus",
}
#: Caddy's nested request.
_NESTED = _OBJECT | {
    "client": "request.client_ip|request.remote_ip|request.remote_addr", "client_port": "request.remote_port",
    "host": "request.host", "request": "request.line", "uri": "request.uri", "method": "request.method",
    "taken": "duration", "protocol": "request.proto", "user": "user_id|request.user_id",
    "agent": "request.headers.User-Agent|http_user_agent|user_agent",
    "up": f"{_OBJECT['up']}|bytes_read",
}  # fmt: skip
_IS_OBJECT = r"^\s*\{"
_STREAM_OBJECT = r'^\s*\{.*"session_time"\s*:'
_CLAIMS = (
    rf'^ *(?:[A-Za-z0-9_.-]+(?::\d+)? )?"?{_ADDRESS}(?:, ?{_ADDRESS})*"?(?: {_ADDRESS})? \S+ [^\[]+? '
    r'\[\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}\] "'
)
#: Squid's layouts end so; Squid is read by its own source.
_SQUID = r" [A-Z_]+:[A-Z_]+$"
_STREAM_CLAIM = rf"^{_ADDRESS}(?: - \S+)? \[[^\]]+ [+-]\d{{4}}\] (?:TCP|UDP) \d{{3}} \d+ \d+ [\d.]+"
_OBJECT_CLAIM = (
    r'"(?:remote_addr|body_bytes_sent)"\s*:.*"(?:request|request_uri|status|response_status|'
    r'http_user_agent|host)"\s*:'
    r'|"request(?:_uri)?"\s*:.*"(?:remote_addr|body_bytes_sent)"\s*:|"Client(?:Host|Addr)"\s*:.*"RequestHost"\s*:'
    r'|"request"\s*:\s*\{.*"remote_(?:ip|addr)"\s*:'
)
_NAMED = r"^(?:[A-Za-z]{2,6}://|[^/\s]+:\d+/?$)"


class WeblogFormat(LogFormat):
    """Reads combined access logs."""

    name = "weblog"
    help = (
        "nginx, Apache, lighttpd, Privoxy, Traefik, Caddy, Varnish, Apache Traffic Server access logs "
        "(combined with or without host, JSON), nginx stream: forward proxies, servers that log their host"
    )
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "The combined layout has neither host nor upload size: log JSON with remote_addr, host, request, "
        "request_length and bytes_sent; in stream blocks add $ssl_preread_server_name. Apache: combinedio. "
        "Privoxy: debug 512 and, for what it blocked, debug 1024."
    )
    marks = (
        '] "', " tlsv", " sslv", " crunch: ", " request: ", " connect: ", " info: ", " error: ", " header: ",
        "] tcp ", "] udp ", "remote_addr", "body_bytes_sent", '"requesthost"', '"remote_ip"',
    )  # fmt: skip
    claims = (
        (pl.col("line").str.contains(_CLAIMS) & ~pl.col("line").str.contains(_SQUID))
        | pl.col("line").str.contains(f"{_STREAM_CLAIM}|{_PRIVOXY}|{_OVER_TLS_CLAIM}")
        | (pl.col("line").str.contains(_IS_OBJECT) & pl.col("line").str.contains(_OBJECT_CLAIM))
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy) or stream (kind tls)."""
        return layouts.read(
            lines,
            [
                (r'"request"\s*:\s*\{', _nested),
                (_STREAM_OBJECT, _stream_objects),
                (_IS_OBJECT, _objects),
                (_STREAM_CLAIM, _streams),
                (_PRIVOXY, layouts.set_aside(OWN_MESSAGE)),
                (_EXTENDED, _extended),
                (_OVER_TLS_CLAIM, lambda part: _requests(patterns.read(part["line"], _OVER_TLS))),
                (pl.lit(True), lambda part: _combined(part, _crunched(lines["line"]))),
            ],
        )


def _crunched(lines: pl.Series) -> pl.DataFrame:
    """Requests that Privoxy answered itself: `target` as in their own line, and `why`."""
    if not lines.str.contains(" Crunch: ", literal=True).any():
        return pl.DataFrame(schema={"target": pl.String, "why": pl.String})
    found = patterns.read(lines, _CRUNCH).drop_nulls("target")
    return found.select("target", "why").unique("target", keep="last", maintain_order=True)


def _combined(lines: pl.DataFrame, crunched: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _COMBINED).hstack(patterns.read(lines["line"], _INGRESS))
    # A request has 16 bytes at least, and all bytes are no fewer than the body's: other pairs are no `%I %O`.
    sent, got, body = (pl.col(name).cast(pl.Int64, strict=False) for name in ("in", "out", "down"))
    counted = (sent >= 16) & (got >= body.fill_null(0))
    requests = _requests(
        read.with_columns(
            host=pl.coalesce("host", pl.col("ident").str.extract(_HOST)),
            up=pl.coalesce("up", pl.when(counted).then("in")),
            down=pl.when(counted).then("out").otherwise("down"),
        )
    )
    target = patterns.read(lines["line"], _TARGET)
    why = pl.lit(target.join(crunched, on="target", how="left", maintain_order="left")["why"])
    return requests.with_columns(
        action=one_of(
            {
                "blocked": (why == "Blocked") & (pl.col("status") == "403"),
                "reset": (why != "Blocked") & pl.col("status").is_in(["404", "502", "503", "504"]),
            },
            otherwise=pl.col("action"),
        )
    )


def _extended(lines: pl.DataFrame) -> pl.DataFrame:
    """Apache Traffic Server: stamped at the request; `000` where no server answered."""
    read = patterns.read(lines["line"], _COMBINED).hstack(patterns.read(lines["line"], _EXTENDED))
    requests = _requests(read.with_columns(started="time"))
    unanswered = pl.lit(read["answered"]) == "000"
    return requests.with_columns(
        action=one_of(
            {
                "blocked": unanswered & (pl.col("status") == "403"),
                "reset": unanswered & pl.col("status").str.starts_with("5"),
            },
            otherwise=pl.col("action"),
        )
    )


def _objects(lines: pl.DataFrame) -> pl.DataFrame:
    """JSON, named after nginx's variables in most templates."""
    return _named(objects.read(lines["line"], _OBJECT))


def _stream_objects(lines: pl.DataFrame) -> pl.DataFrame:
    """nginx stream as JSON."""
    read = objects.read(lines["line"], _OBJECT)
    return _relayed(read, name=pl.col("host"), upstream=_upstream(pl.col("server")))


def _nested(lines: pl.DataFrame) -> pl.DataFrame:
    return _named(objects.read(lines["line"], _NESTED))


def _named(read: pl.DataFrame) -> pl.DataFrame:
    """With the request line in one column, and no more than microseconds in an epoch."""
    made = pl.concat_str("method", "uri", separator=" ")
    return _requests(
        read.with_columns(
            request=pl.coalesce("request", made), time=pl.col("time").str.replace(r"^(\d+\.\d{6})\d+$", "$1")
        )
    )


def _requests(read: pl.DataFrame) -> pl.DataFrame:
    fields = layouts.conformed(read, _OBJECT)
    parts = patterns.read(fields["request"].fill_null(""), r"^(?<verb>[A-Z][A-Z_-]*) (?<target>\S+)")
    target, verb = pl.lit(parts["target"]), pl.lit(parts["verb"])
    whole = target.str.contains(_NAMED)
    host = pl.col("host").str.replace(r"^(?:-|_|localhost)$", "")
    named = host.str.contains(r"[A-Za-z.:]")
    refused = (verb == "CONNECT") & pl.col("status").is_in(["403", "405", "407"])
    upstream = _upstream(pl.col("server"))
    # What no server answered, Traefik refused itself.
    refused |= (pl.col("answered") == "0") & pl.col("status").is_in(["401", "403", "429"])
    return fields.select(
        time=pl.coalesce("started", "time"),
        at_end=pl.col("started").is_null(),
        duration_s=pl.coalesce(
            pl.col("taken").cast(pl.Float64, strict=False),
            pl.col("taken_ns").cast(pl.Float64, strict=False) / 1e9,
        ),
        kind=pl.lit("proxy"),
        # Traefik without ClientHost has address and port in one.
        client=pl.col("client")
        .str.extract(r"^\"?([^\s,\"]+)")
        .str.replace(r"^((?:\d+\.){3}\d+|\[.+\]):\d+$", "$1"),
        client_port="client_port",
        user_name=unescaped(fields["user"], r"\x"),
        url=pl.when(whole).then(target).when(named).then(host),
        path=pl.when(~whole & target.str.starts_with("/")).then(target),
        method=verb,
        status="status",
        # Caddy's headers are lists.
        user_agent=said("agent").str.replace(r'^\["(.*)"\]$', "$1"),
        server=upstream.struct.field("ip"),
        server_port=upstream.struct.field("port"),
        transport=one_of(
            {"udp": pl.coalesce("protocol", "request").str.contains(r"HTTP/3(?:\.0)?$")}, otherwise="tcp"
        ),
        bytes_up="up",
        bytes_down="down",
        action=one_of({"blocked": refused}, otherwise="allowed"),
        reason=one_of(
            {
                UNREADABLE: pl.coalesce("started", "time").is_null() & pl.col("client").is_null(),
                NO_REQUEST: target.is_null(),
            }
        ),
    )


def _upstream(text: pl.Expr) -> pl.Expr:
    """Address and port of the first server asked."""
    return text.str.extract_groups(r"^(?:\w+://)?\[?(?<ip>[^\s,\]]*?)\]?(?::(?<port>\d+))?(?:[\s,].*)?$")


def _streams(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _STREAM)
    upstream = pl.col("rest").str.extract_groups(r'"?(?<ip>\d+\.\d+\.\d+\.\d+)?:(?<port>\d+)')
    return _relayed(read, name=pl.col("rest").str.extract(_SNI), upstream=upstream)


def _relayed(read: pl.DataFrame, *, name: pl.Expr, upstream: pl.Expr) -> pl.DataFrame:
    """Relayed connections; the SNI is the only name in such a line."""
    return read.select(
        time="time",
        at_end=pl.lit(True),
        duration_s="taken",
        kind=pl.lit("tls"),
        client="client",
        host=name,
        server=upstream.struct.field("ip"),
        server_port=upstream.struct.field("port"),
        transport="protocol",
        bytes_up="up",
        bytes_down="down",
        action=one_of(
            {"blocked": pl.col("status") == "403", "reset": pl.col("status").is_in(["500", "502", "503"])},
            otherwise="allowed",
        ),
    )
