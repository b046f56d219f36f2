r"""HAProxy: httplog, httpslog, tcplog, and what sites append to them.

    client:port [06/Oct/2026:10:00:00.123] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes - - flags
    conns queue
    {captured|request|headers} {response} "GET /p HTTP/1.1" [errors sni/TLSv1.3/cipher]
    client:port [accept] frontend backend/server Tw/Tc/Tt bytes flags conns queue …
    client - - [06/Oct/2026:10:00:00 +0000] "GET /p HTTP/1.1" status bytes "" "" port ms "frontend" "backend"
    "server" TR Tw Tc Tr Ta flags … "cookie" "cookie" "captured" "headers"                  httplog clf

The time is when the connection or request was accepted, local without offset. `bytes` is what the client
got; what it sent (`%U`) is in no default format, but may stand at the end, as `up=%U`:

    log-format "${HAPROXY_HTTPS_LOG_FMT} up=%U"                          HTTP, the Host header captured or not
    tcp-request content capture req.ssl_sni len 100                      TCP, with an inspect-delay
    log-format "${HAPROXY_TCP_LOG_FMT} %[capture.req.hdr(0)] up=%U"

The host is known from an absolute URL (requests of HTTP/2 and 3 have one), from the SNI of httpslog, or
from captured headers. Source: HAProxy Configuration Manual, "Log formats"; checked with HAProxy 3.2.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_REQUEST
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^(?<client>\S+?):(?<port>\d+) \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?)\] "
    r"(?<frontend>\S+) "
    r"(?<backend>\S+?)/(?<server>\S*) (?:(?<extra>[^\s/]+) )?(?<timers>-?\+?\d+(?:/-?\+?\d+){1,4}) "
    r"(?:(?<status>\d{3}|-1) )?"
    r"(?<down>\+?\d+) (?:\S+ \S+ )?(?<flags>[A-Za-z-]{2}(?:[A-Za-z-]{2})?) \d+/\d+/\d+/\d+/\+?\d+ "
    r"\d+/\d+(?<rest>.*)$"
)
_IS_CLF = r'^\S+ - - \[[^\]]+\] "'
_CLF = (
    r"^(?<client>\S+) - - \[(?<second>[^\]]+?) (?<zone>[+-]\d{4})\] "
    r'"(?<method>[A-Z]+) (?<url>[^"]*?)(?: HTTP/(?<version>[\d.]+))?" (?<status>\d{3}|-1) (?<down>\+?\d+) '
    r'"[^"]*" "[^"]*" (?<port>\d+) (?<ms>\d+) "(?<frontend>[^"]*)" "(?<backend>[^"]*)" "(?<server>[^"]*)" '
    r'(?:-?\d+ ){4}(?<timers>\+?\d+) (?<flags>\S{4}) (?:\+?\d+ ){7}"[^"]*" "[^"]*"(?<captured>(?: "[^"]*")*)$'
)
_REQUEST = r'"(?<method>[A-Z]+) (?<url>[^"]*?)(?: HTTP/(?<version>[\d.]+))?"(?<after>[^"]*)'
#: The end of a line that was cut off, at 1024 bytes unless `len` says otherwise: within the path or after it.
_CUT = r'("[A-Z]+ (?:[a-z]+://[^/\s"]+)?/[^\s"]*)[^"]*$'
_NAME = r"((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+)"


class HaproxyFormat(LogFormat):
    """Reads HAProxy logs."""

    name = "haproxy"
    help = "HAProxy 1.5 to 3: httplog (also clf), httpslog, tcplog, with captured headers or SNI"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "HAProxy's formats have no upload size, and few have a host: capture the Host header, and write "
        'log-format "${HAPROXY_HTTPS_LOG_FMT} up=%U" in place of `option httpslog`. For TCP: '
        "tcp-request content capture req.ssl_sni len 100, and "
        'log-format "${HAPROXY_TCP_LOG_FMT} %[capture.req.hdr(0)] up=%U".'
    )
    marks = (" [", "haproxy")
    claims = pl.col("line").str.contains(
        r"^\S+:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{1,6}\] "
    ) | (pl.col("tag").str.starts_with("haproxy") & ~pl.col("line").str.starts_with("{")).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy) or connection (kind tls)."""
        return layouts.read(
            lines,
            [
                (_IS_CLF, lambda part: _rows(_common(part["line"]))),
                (pl.lit(True), lambda part: _rows(_own(part["line"]))),
            ],
        )


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    captured = pl.col("rest").str.extract(r"^ *\{([^}]*)\}")
    handshake = pl.coalesce("after", "rest").str.extract(rf" {_NAME}/(?:TLSv|SSLv)")
    told = pl.coalesce("extra", captured.str.extract(rf"(?:^|\|){_NAME}(?::\d+)?(?:\||$)"), handshake)
    # A TCP line ends with whatever the site appends, most often the SNI.
    sni = pl.col("rest").str.extract(rf'(?:^|[\s"{{|]){_NAME}(?:[\s"}}|]|$)')
    whole = pl.col("url").str.contains(r"^[a-z]+://|^[^/\s]+:\d+$").fill_null(False)
    is_request = pl.col("status").is_not_null()
    total = pl.col("timers").str.extract(r"\+?(\d+)$").cast(pl.Float64, strict=False)
    by_proxy = pl.col("flags").str.contains("^P").fill_null(False)
    return fields.select(
        time="time",
        duration_s=total / 1000,
        kind=one_of({"proxy": is_request}, otherwise="tls"),
        # Some heads lose the first colons of a mapped address.
        client=pl.col("client").str.replace(r"^:*ffff:(\d)", "$1"),
        client_port="port",
        url=pl.when(whole).then("url"),
        host=pl.when(is_request & ~whole).then(told).when(~is_request).then(pl.coalesce(handshake, sni)),
        name_from=one_of({"http_host": is_request & ~whole}),
        path=pl.when(~whole & pl.col("url").str.starts_with("/")).then("url"),
        method="method",
        status="status",
        user_agent=captured.str.extract(r"(?:^|\|)([^|]*/[^|]*)(?:\||$)"),
        transport=one_of({"udp": pl.col("version").str.starts_with("3")}, otherwise="tcp"),
        bytes_up=pl.col("rest").str.extract(r" up=\+?(\d+)$"),
        bytes_down=pl.col("down").str.strip_prefix("+"),
        action=one_of(
            {
                "blocked": by_proxy & (pl.col("status").fill_null("403").is_in(["403", "429", "400"])),
                "reset": (pl.col("server") == "<NOSRV>") | pl.col("flags").str.contains("^[SsCcRIUKLDk]C"),
            },
            otherwise="allowed",
        ),
        reason=one_of({NO_REQUEST: pl.col("time").is_null() | (is_request & pl.col("url").is_null())}),
    )


def _own(line: pl.Series) -> pl.DataFrame:
    """The parts of a line of HAProxy's own layouts."""
    fields = patterns.read(line, _LINE)
    return fields.hstack(patterns.read(fields["rest"].str.replace(_CUT, '$1"'), _REQUEST))


def _common(line: pl.Series) -> pl.DataFrame:
    """The same of a line in the manner of web servers."""
    captured = pl.col("captured").str.strip_chars(' "').str.replace_all('" "', "|", literal=True)
    nothing = pl.lit(None, pl.String)
    return patterns.read(line, _CLF).with_columns(
        time=pl.concat_str("second", pl.lit("."), pl.col("ms").str.zfill(3), pl.lit(" "), "zone"),
        rest=pl.concat_str(pl.lit("{"), captured, pl.lit("}")),
        after=nothing,
        extra=nothing,
    )
