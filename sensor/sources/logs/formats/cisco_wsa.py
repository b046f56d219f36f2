r"""Cisco Secure Web Appliance (WSA, IronPort) access logs: Squid's native layout with verdicts behind.

    [Info: ]1791280800.123 97 10.1.2.3 TCP_MISS/200 8187 GET http://host/ "CORP\ada@realm" DIRECT/host
    text/plain
    DEFAULT_CASE_11-Policy-Identity-… <IW_comp,6.9,…> - "Mozilla/5.0 …" …
    Tue Oct 06 10:00:00 2026 Info: Firewall noted TCP data from 10.1.2.3:4000 to 192.0.2.7(example.org):443.

The last is the traffic monitor's (L4TM): connections past the proxy, without volume. The size is what the
client got; what it sent (`%q`) is a custom field whose place differs by site and is not guessed. The line is
written at the end. Who is sent to another page (`REDIRECT_CUSTOMCAT`) is kept from the one asked for. A W3C
log with `#Fields:` is read as W3C extended log. Source: AsyncOS for Secure Web Appliance, "Monitor System
Activity Through Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import LEFT_EARLY, OWN_MESSAGE, UNREADABLE
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^(?:[A-Z][a-z]+: )?(?<time>\d{9,10}(?:\.\d{1,6})?) +(?<taken>-?\d+) (?<client>\S+)(?: \([^)]*\))? "
    r"(?<code>[A-Z_]+)/(?:(?<status>\d{3})|-\d+) "
    r'(?<down>\d+|-) (?<method>[A-Z_]+|-) (?<url>\S+) (?<user>"[^"]*"|\S+) (?<hierarchy>[A-Z_]+)'
    r"/(?<peer>\S+) (?<mime>\S+) "
    r"(?<tag>.*?)(?:<|&lt;)(?<verdicts>.*)(?:>|&gt;)(?<rest>.*)$"
)
_AT = (
    r"^(?P<time>(?:[A-Z][a-z]{2} )?(?:[A-Z][a-z]{2} \d\d|\d\d [A-Z][a-z]{2}) (?:\d{4} )?"
    r"\d\d:\d\d:\d\d(?: \d{4})?)"
    r"(?: \((?:GMT)?(?P<zone>[^)]*)\))? Info: "
)
_MONITOR = _AT + r"(?:Firewall |Address \S+ discovered|Begin Logfile|Version: |Time offset from UTC)"
_MONITORED = (
    _AT
    + r"Firewall (?P<word>noted|blocked|allowed) (?P<proto>TCP|UDP) data from "
    + r"(?P<client>[\d.]+)(?: ?\([^)]*\))?(?::(?P<client_port>\d+))? "
    r"to (?P<server>[\d.]*\d)(?: ?\((?P<host>[^)]*)\))?(?::(?P<port>\d+))?"
)


class CiscoWsaFormat(LogFormat):
    """Reads access logs of Cisco's web proxy."""

    name = "cisco-wsa"
    help = "Cisco Secure Web Appliance / WSA / IronPort access log (AsyncOS 7 to 15), file or syslog"
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "bytes_down", "action", "user_agent")
    advice = (
        "The access log has no upload sizes: add a W3C log with cs-bytes, or read its `%q` there. Add "
        "`%u` for user agents."
    )
    marks = ("<", "&lt;", " info: ")
    claims = pl.col("line").str.contains(
        r"^(?:[A-Z][a-z]+: )?\d{9,10}(?:\.\d{1,6})? +-?\d+ \S+(?: \([^)]*\))? [A-Z_]+/(?:\d{3}|-\d+) "
        r"\S+ \S+ \S+ .*[A-Z]/\S+ \S+ .*(?:<|&lt;)[^>]*,[^>]*,.*(?:>|&gt;)" + f"|{_MONITOR}"
    )

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """A little surer than Squid, whose layout these lines begin with."""
        sure = super().recognise(head)
        return min(1.0, sure + 0.04) if sure else 0.0

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request or tunnel (kind proxy), and per connection the traffic monitor tells."""
        return layouts.read(
            lines,
            [
                (_MONITORED, _monitored),
                (_MONITOR, layouts.set_aside(OWN_MESSAGE)),
                (pl.lit(True), self._requests),
            ],
        )

    def _requests(self, lines: pl.DataFrame) -> pl.DataFrame:
        read = patterns.read(lines["line"], _LINE)
        method = pl.col("method").str.replace("^TCP_CONNECT$", "CONNECT")
        tunnel = (method == "CONNECT") | pl.col("url").str.starts_with("tunnel://")
        decision = pl.col("tag").str.extract(r"(?:^|\s)([A-Z]+(?:_[A-Z]+)*?)(?:_\d+)?-")
        # A decrypted tunnel's requests follow on lines of their own.
        opened = tunnel & decision.str.starts_with("DECRYPT").fill_null(False)
        denied = pl.col("code").str.contains("DENIED") | decision.str.contains(r"^(?:BLOCK|DROP|REDIRECT)")
        user = pl.col("user").str.strip_chars('"')
        peer = pl.when(pl.col("hierarchy").str.contains("DIRECT|ORIGINAL|NONE")).then(_address("peer"))
        return read.select(
            time="time",
            at_end=pl.lit(True),
            duration_s=pl.col("taken").cast(pl.Float64, strict=False) / 1000,
            kind=pl.lit("proxy"),
            client="client",
            user_name=pl.when(user.str.contains(r"\\|@[^.@]+$"))
            .then(user.str.replace(r"@[^@]*$", ""))
            .otherwise(user),
            url="url",
            method=one_of({"CONNECT": tunnel}, otherwise=method),
            status="status",
            user_agent=pl.col("rest").str.extract(r'"([A-Za-z][^"]*/[^"]*)"'),
            server=peer,
            transport=pl.lit("tcp"),
            bytes_down=pl.when(~opened).then("down"),
            action=one_of(
                {
                    "blocked": denied,
                    "reset": pl.col("status").str.contains("^(?:50[234]|000)$")
                    & (pl.col("hierarchy") == "NONE"),
                    "allowed": pl.col("url").is_not_null(),
                }
            ),
            reason=one_of(
                {
                    UNREADABLE: pl.col("time").is_null(),
                    LEFT_EARLY: pl.col("url").is_in(["-", "NONE"]),
                }
            ),
        )


def _monitored(lines: pl.DataFrame) -> pl.DataFrame:
    """The monitor knows names by the lookups it saw."""
    read = patterns.read(lines["line"], _MONITORED)
    return read.select(
        *("time", "zone", "client", "client_port", "host", "server"),
        kind=pl.lit("flow"),
        name_from=pl.lit("dns_answer"),
        server_port="port",
        transport="proto",
        action=one_of({"blocked": pl.col("word") == "blocked"}, otherwise="allowed"),
    )


def _address(name: str) -> pl.Expr:
    return pl.col(name).str.extract(r"^(\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:]+)$")
