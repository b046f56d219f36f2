r"""Windows DNS Server: the debug log, and the analytical channel exported as JSON, CSV or text.

    5/21/2015 1:51:18 PM 0D48 PACKET  0181D1C0 UDP Rcv 10.1.0.7 0c6b   Q [0001   D   NOERROR] A (4)chat(0)
    date, time, thread, context, id, transport, direction, remote, xid, R, opcode [flags, code] type, name

A client's lookup is `Rcv` without `R`, its answer `Snd` with `R` (`Snd` without it is our server
asking its forwarder, `Rcv R` what that says). The date is written as the server's region writes it,
in local time: `.` or `-` before a year of four digits is day first, `/` with AM or PM month first,
`/` with 24 hours or `a. m.` day first unless some line of the block says otherwise, or only the
other order ends near the time at which the file was written. Packet dumps of the "details" mode and
the heading are set aside.

Analytical events: 256 QUERY_RECEIVED (`Source` is the client), 257 RESPONSE_SUCCESS and 258
RESPONSE_FAILURE (`Destination` is), told by the message's text or the event's fields. Sources: the
log's own heading; Microsoft, "DNS logging and diagnostics".
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, lookups, objects, patterns
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_LOOKUP, NOT_A_QUERY, RESOLVERS_OWN
from sensor.sources.logs.text.words import one_of

#: Before and after noon, as Chinese, Korean, Greek and Vietnamese servers write it.
_HALVES = {
    "上午": "AM", "下午": "PM", "오전": "AM", "오후": "PM", "ΠΜ": "AM", "ΜΜ": "PM", "SA": "AM", "CH": "PM",
}  # fmt: skip
_FIRST = "(?:上午|下午|오전|오후) "
_STAMP = (
    rf"(?:\d{{8}}|\d{{1,4}}[-/. ]{{1,2}}\d{{1,2}}[-/. ]{{1,2}}\d{{1,4}}\.?) (?:{_FIRST})?"
    r"\d{1,2}[:.]\d\d[:.]\d\d(?: ?(?:[AaPp]\.? ?[Mm]\.?|[πμ]\.?μ\.?|SA|CH))?"
)
_PACKET = (
    rf"^(?P<time>{_STAMP})\s+(?P<thread>[0-9A-Fa-f]{{3,8}})\s+PACKET\s+(?:[0-9A-Fa-f]{{8,16}}\s+)"
    rf"?(?P<transport>UDP|TCP)\s+"
    r"(?P<way>Snd|Rcv)\s+(?P<client>[0-9A-Fa-f.:%]+)\s+(?P<xid>[0-9A-Fa-f]{4})\s+"
    # Some forwarders squeeze blanks.
    r"(?:(?P<r>R)\s+)?(?P<opcode>[QNU?])\s+"
    r"\[(?P<flags>[0-9A-Fa-f]{4})\s+(?P<codes>[ATDR ]*?)\s*(?P<rcode>[A-Z0-9]{3,})\]\s+(?P<type>\S+)"
    r"\s+(?P<name>\(\d+\).*)$"
)
_CONTEXT = (
    rf"^{_STAMP}\s+[0-9A-Fa-f]{{3,8}}\s+(?:PACKET|EVENT|Note:|DSPOLL|LOOKUP|REMOTE|INIT|RECURSE|TOMBSTN|"
    rf"UPDATE|ASYNC)\b"
)
_HEADING = (
    r"^(?:DNS Server log file creation at|Log file wrap at|Message logging key|\s+Field #|\s+-------|"
    r"\s+\d{1,2}\s+"
    r"(?:Date|Time|Thread ID|Context|Internal packet|UDP/TCP|Send/Receive|Remote IP|Xid|Query/Response|"
    r"Opcode|\[ Flags|Flags|"
    r"ResponseCode|Question)|\s+(?:blank = Query|[NUTDR?] = ))"
)
_DUMP = (
    r"^(?:(?:UDP|TCP) (?:question|response) info at|\s+(?:Socket = |Remote addr|Time Query|Queued=|Buf "
    r"length|Msg length|Message:|"
    r"XID  |Flags  |QR  |OPCODE  |AA  |TC  |RD  |RA  |Z  |CD  |AD  |RCODE  |[QAN][CS]?COUNT|ARCOUNT|"
    r"QUESTION SECTION|ANSWER SECTION|"
    r"AUTHORITY SECTION|ADDITIONAL SECTION|Offset = |Name  |QTYPE  |QCLASS |TYPE   |CLASS  |TTL  |DLEN  |"
    r"DATA  |empty))"
)

_EVENT: dict[str, str] = {
    "event": "EventID|EventId|Id|event_id|winlog.event_id|event.code|Event.System.EventID|System.EventID",
    "time": "TimeCreated|@timestamp|EventTime|TimeGenerated|Event.System.TimeCreated.#attributes.SystemTime|"
    "Event.System.TimeCreated.SystemTime|System.TimeCreated.SystemTime|timestamp",
    "name": "QNAME|winlog.event_data.QNAME|EventData.QNAME|Event.EventData.QNAME|"
    "Event.UserData.EventXML.QNAME",
    "type": "QTYPE|winlog.event_data.QTYPE|EventData.QTYPE|Event.EventData.QTYPE",
    "source": "Source|winlog.event_data.Source|EventData.Source|Event.EventData.Source",
    "destination": "Destination|winlog.event_data.Destination|EventData.Destination|"
    "Event.EventData.Destination",
    "port": "Port|winlog.event_data.Port|EventData.Port|Event.EventData.Port",
    "xid": "XID|winlog.event_data.XID|EventData.XID|Event.EventData.XID",
    "tcp": "TCP|winlog.event_data.TCP|EventData.TCP|Event.EventData.TCP",
    "rcode": "RCODE|winlog.event_data.RCODE|EventData.RCODE|Event.EventData.RCODE",
    "text": "Message|message",
}
#: The event's own names of these fields.
_KEYS = {
    "name": "QNAME", "type": "QTYPE", "source": "Source", "destination": "Destination", "port": "Port",
    "xid": "XID",
    "tcp": "TCP", "rcode": "RCODE",
}  # fmt: skip
_MESSAGES = [
    f"{name}: TCP="
    for name in (
        "QUERY_RECEIVED",
        "RESPONSE_SUCCESS",
        "RESPONSE_FAILURE",
        "RECURSE_QUERY_OUT",
        "RECURSE_RESPONSE_IN",
    )
]
_XML = r"<Event.*Microsoft-Windows-DNSServer"
_ASKED, _ANSWERED = ("256",), ("257", "258")
_TEXTS = r"(QUERY_RECEIVED|RESPONSE_SUCCESS|RESPONSE_FAILURE)"
#: The newest line of a file is of the time when that was written.
_NEAR = timedelta(days=1)


class WindowsDnsFormat(LogFormat):
    """Reads the debug log of Windows DNS servers."""

    name = "windows-dns"
    help = "Windows DNS Server debug log (2003 to 2025), any region's dates, details mode"
    vantage = "dns"
    proof = ("host", "action")
    advice = (
        "It is whole with packets of both directions, queries and responses. Dates are the server's local "
        "time and region, which the time zone of this source has to say."
    )
    claims = pl.col("line").str.contains(ascii_only(f"{_CONTEXT}|{_HEADING}|{_DUMP}"))

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per client's lookup, with the answer's verdict."""
        read = patterns.read(lines["line"], _PACKET)
        read = read.with_columns(_ordered(read["time"], self.reference))
        answer = pl.col("r").is_not_null()
        upstream = (pl.col("way") == "Snd") != answer
        rows = read.with_columns(
            answer=answer,
            action=pl.when(answer).then(lookups.verdict(pl.col("rcode"))),
            name=labels(pl.col("name")).str.to_lowercase(),
            qtype=pl.col("type"),
            reason=one_of(
                {
                    NO_LOOKUP: pl.col("name").is_null(),
                    RESOLVERS_OWN: upstream,
                    NOT_A_QUERY: pl.col("opcode") != "Q",
                }
            ),
        )
        return lookups.paired(rows, ("client", "xid", "name", "qtype")).select(
            "time",
            "client",
            "action",
            "reason",
            "qtype",
            kind=pl.lit("dns"),
            host="name",
            transport="transport",
        )


class WindowsDnsEventsFormat(LogFormat):
    """Reads the analytical channel of Windows DNS servers, exported."""

    name = "windows-dns-events"
    help = (
        "Windows DNS Server analytical events (256 to 258) exported as JSON, CSV or text: Get-WinEvent, "
        "winlogbeat, "
        "NXLog, evtx_dump"
    )
    vantage = "dns"
    proof = ("host", "action")
    header = r'(?i)^[^{]*[",;]?QNAME[",;]'
    marks = (
        "qname", "microsoft-windows-dnsserver", "query_received: tcp=", "recurse_query_out: tcp=",
        "recurse_response_in: tcp=", "response_failure: tcp=", "response_success: tcp=",
    )  # fmt: skip
    claims = (
        objects.having("QNAME")
        | pl.col("line").str.contains_any(_MESSAGES)
        | (
            pl.col("line").str.contains("Microsoft-Windows-DNSServer", literal=True)
            & pl.col("line").str.contains("^\\s*<Event")
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per client's lookup, with the answer's verdict."""
        read = objects.read(lines["line"], _EVENT)
        wanted = {name: paths.replace(".", " ") for name, paths in _EVENT.items()}
        read = filled(read, commas.read_headed(lines.select("line", "header"), wanted))
        rows = read.with_columns(text=pl.coalesce("text", pl.lit(lines["line"]))).with_columns(_from_text())
        if lines["line"].str.contains(_XML).any():
            rows = rows.with_columns(_from_xml(lines["line"]))
        asked, told = pl.col("event").is_in(_ASKED), pl.col("event").is_in(_ANSWERED)
        rows = rows.with_columns(
            answer=told.fill_null(False),
            client=pl.when(told).then("destination").otherwise("source"),
            name=pl.col("name").str.to_lowercase().str.strip_suffix("."),
            action=pl.when(told).then(lookups.verdict(pl.col("rcode"))),
            qtype=pl.col("type"),
            reason=one_of({NO_LOOKUP: ~(asked | told).fill_null(False)}),
        )
        return lookups.paired(rows, ("client", "xid", "name", "qtype")).select(
            "time",
            "client",
            "action",
            "reason",
            "qtype",
            kind=pl.lit("dns"),
            client_port="port",
            host="name",
            transport=pl.col("tcp")
            .str.to_lowercase()
            .replace_strict({"0": "udp", "1": "tcp", "false": "udp", "true": "tcp"}, default=None),
        )


def _from_xml(line: pl.Series) -> list[pl.Expr]:
    """Fields of events in XML where they are not known yet."""
    found = {name: line.str.extract(rf"""<Data Name=['"]{key}['"]>([^<]*)<""") for name, key in _KEYS.items()}
    found["event"] = line.str.extract(r"<EventID[^>]*>(\d+)<")
    found["time"] = line.str.extract(r"""SystemTime=['"]([^'"]*)['"]""")
    return [pl.coalesce(name, pl.lit(text)).alias(name) for name, text in found.items()]


def _from_text() -> list[pl.Expr]:
    """Fields out of the message (`QUERY_RECEIVED: TCP=0; …; Source=10.1.0.7; …`) where they have no own."""
    numbers = {"QUERY_RECEIVED": "256", "RESPONSE_SUCCESS": "257", "RESPONSE_FAILURE": "258"}
    by_text = pl.col("text").str.extract(_TEXTS).replace_strict(numbers, default=None)
    said = [
        pl.coalesce(name, pl.col("text").str.extract(rf"[;: ]{key}=([^;]*);")).alias(name)
        for name, key in _KEYS.items()
    ]
    return [pl.coalesce(by_text, "event").alias("event"), *said]


def labels(name: pl.Expr) -> pl.Expr:
    """`(4)chat(6)openai(3)com(0)` as `chat.openai.com`."""
    return name.str.strip_chars().str.replace_all(r"\(\d{1,2}\)", ".").str.strip_chars(".")


def _ordered(stamps: pl.Series, file_written: datetime | None) -> pl.Series:
    """Region's dates as `YYYY-MM-DD HH:MM:SS [AM]`, day and month by the block's own evidence, and by when
    its file was written to."""
    parts = patterns.read(
        stamps.str.replace(r"^(\d{4})(\d\d)(\d\d) ", "$1-$2-$3 "),
        r"^(?P<a>\d{1,4})(?P<sign>[-/. ])[-/. ]?(?P<b>\d{1,2})[-/. ]{1,2}(?P<c>\d{1,4})\.? "
        rf"(?P<first>{_FIRST})?(?P<clock>\d\S+)(?P<half>.*)$",
    )
    a, b, c = (pl.col(name).cast(pl.Int64, strict=False) for name in "abc")
    # `a. m.` is Spanish, where the day goes first.
    slashed = (pl.col("sign") == "/") & pl.col("half").str.contains("(?i)^ ?[ap]m$")
    known_month_first = parts.select((b > 12).any()).item()
    known_day_first = parts.select(((a > 12) & (a < 100)).any()).item()
    year_first = a > 31
    year = pl.when(year_first).then(a).when(c < 100).then(c + 2000).otherwise(c)
    month_first = pl.lit(True) if known_month_first else pl.lit(False) if known_day_first else slashed
    if not (known_month_first or known_day_first) and file_written is not None:
        told = parts.filter((pl.col("sign") == "/") & ~year_first).select(year=year, a=a, b=b).unique()
        orders = [_ends_near(told, file_written, month=one, day=other) for one, other in ("ab", "ba")]
        month_first = pl.lit(orders[0]) if orders[0] != orders[1] else month_first
    month = pl.when(year_first).then(b).when(month_first).then(a).otherwise(b)
    day = pl.when(year_first).then(c).when(month_first).then(b).otherwise(a)
    clock = pl.col("clock").str.replace_all(".", ":", literal=True)
    half = pl.coalesce("first", "half").str.replace_all(r"[ .]", "").str.to_uppercase().replace(_HALVES)
    date = [part.cast(pl.String).str.zfill(2) for part in (month, day)]
    written = pl.concat_str([year.cast(pl.String), *date], separator="-")
    return parts.select(time=pl.concat_str([written, clock, half], separator=" ").str.strip_chars_end())[
        "time"
    ]


def _ends_near(told: pl.DataFrame, written: datetime, *, month: str, day: str) -> bool:
    """True if the latest of these dates, read so, is that of the time when the file was written."""
    dates = told.select(pl.format("{}-{}-{}", "year", month, day).str.to_date("%Y-%m-%d", strict=False))
    latest = dates.to_series().max()
    return isinstance(latest, date) and abs(latest - written.date()) <= _NEAR
