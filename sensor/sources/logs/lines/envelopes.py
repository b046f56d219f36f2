r"""Removes what syslog and log shippers wrap around a line, and keeps the time, sender and tag they add.

Peeled here, in any nesting up to `DEPTH`:

    134 <165>1 2026-10-06T10:00:00Z host app 123 ID [sd] text      RFC 5424, octet count (RFC 6587)
    <134>Oct  6 10:00:00 host app[123]: text                       RFC 3164, also with year, without host
    <134>2026-10-06T10:00:00+02:00 host text                       the same with RFC 3339's time
    2026-10-06T10:00:00+02:00 host app[123]: text                  rsyslog, also with RFC 5424's version
    2026-10-06T10:00:00+02:00 host app[123] text                   rsyslog, of what it was sent as RFC 5424
    2026-10-06T10:00:00+02:00 host 1 2026-… host app 123 - - text  syslog-ng, where it expected RFC 3164
    2026 Oct  6 10:00:00 host app[123]: text                       syslog-ng, ts-format(full)
    2026-10-06T10:00:00Z host  : %ASA-6-302013: text               Cisco, also without host
    2026 Oct  6 10:00:00 UTC: %ACLLOG-6-…: text                    Cisco NX-OS
    2026:10:06-10:00:00 host app[123]: text                        Sophos UTM
    2026-10-06 10:00:00<TAB>Local0.Info<TAB>10.0.0.1<TAB>text      Kiwi
    2026-10-06 10:00:00 host CEF:0|…                               collectors of CEF and LEEF
    2026 Oct 06 10:00:00 (agent) any->EventChannel {…}             Wazuh and OSSEC archives
    2026 Oct 06 10:00:00 local5.info host app[123]: text           AlliedWare Plus
    Okt 06 10:00:00 host app[123]: text                            journalctl in other languages
    Tue Oct  6 10:00:00 2026 daemon.info app[123]: text            OpenWrt (logread)
    user.info 2026-10-06T10:00:00Z 2026-10-06T09:59:59Z host app …  rsyslog with the priority as text
    2026-10-06T10:00:00Z stdout F text                             Kubernetes (CRI)
    2026-10-06T10:00:00+02:00<TAB>tag<TAB>{…}                      Fluentd (out_file)
    {"message": "text", …}, {"_source": {…}}, {"_raw": …} …        shippers and exports, see `WRAPPED`
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.lines import months, prefixes
from sensor.sources.logs.text import objects, patterns, stamps

DEPTH = 3
#: JSON keys whose text is a line of its own, most telling first.
WRAPPED = (
    "event.original", "_raw", "raw", "message", "MESSAGE", "log", "textPayload", "Message", "syslogmessage",
    "SyslogMessage",
    "rawMessage", "RawData", "raw_message", "RawMessage", "logmessage", "full_log", "msg", "line",
    "full_message", "short_message", "body.stringValue", "@message", "event.message", "attributes.message",
    "logText", "utf8_payload", "payload", "Payload", "rawEventMsg", "Raw Event Log", "@rawstring", "_line",
    "source_data", "body", "content.message", "jsonPayload.message", "Line", "Content",
    "_source", "result", "data",
)  # fmt: skip
_STAMPS = (
    "@timestamp",
    "timestamp",
    "_time",
    "time",
    "ts",
    "TimeGenerated",
    "__REALTIME_TIMESTAMP",
    "ingestionTime",
    "date",
    "timeUnixNano",
    "attributes.timestamp",
    "phRecvTime",
    "Event Receive Time",
    "content.timestamp",
    "_ts",
    "Time",
    "Date",
    "Start Time",
    "ISODATE",
    "DATE",
    "timereported",
)
_SENDERS = ("host.name", "hostname", "Computer", "_HOSTNAME", "host", "HOST", "sysloghost")
_TAGS = (
    "SYSLOG_IDENTIFIER",
    "program",
    "process.name",
    "ProcessName",
    "appname",
    "ident",
    "PROGRAM",
    "programname",
)
_KEYS = "|".join(key.split(".")[-1] for key in WRAPPED)
#: Splunk's collector takes an object or a line as `event`; among other keys, such an object is the product's.
_COLLECTED = (
    r'^\{\s*(?:"(?:time|host|source|sourcetype|index|fields)"\s*:\s*(?:"[^"]*"|[\d.]+|\{[^{}]*\})\s*,\s*)+'
    r'"event"\s*:\s*\{'
)
_EVENT = rf'"event"\s*:\s*"|{_COLLECTED}'
#: A record whole: of that collector, or a hit of Elasticsearch or OpenSearch.
WHOLE = rf'{_COLLECTED}|^\{{.*"_source"\s*:\s*\{{'
_MAY_WRAP = rf'"(?:event\.)?(?:{_KEYS})"\s*:\s*["{{]|{_EVENT}'

_HOST = r"[A-Za-z0-9_][\w.:-]*[\w]|[A-Za-z0-9]"
_TAG = r"(?P<tag>[A-Za-z_/(][\w./() -]{0,47}?)(?:\[\d+\])?:(?: |$)"
#: rsyslog writes the colon that a sender wrote, so there is none behind an application of RFC 5424. Without a
#: process, only what no text begins with shows that the word before it is one.
_APP = r"(?P<app>[A-Za-z_/(][\w./()-]{0,47})\[\d+\] "
_BARE_APP = r"(?P<bare>[A-Za-z_][\w./-]{0,47}) (?P<held>(?:\{\"|\[ *\d+\.\d{6}\] ).*)"
_DAY = r"[A-Z][A-Za-z]{2,8} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: \d{4})?(?: [A-Z]{3,4})?"
_YEARLESS = r"^[A-Z][A-Za-z]{2,8} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:[.,]\d{1,9})?$"
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)"
_RFC5424 = (
    rf"^1 (?:(?P<stamp>{_ISO}|\d{{4}}\S+)|-) (?P<host>\S+) (?P<tag>\S+) \S+ (?P<event>\S+) (?P<sd>-|"
    rf"(?:\[(?:[^\]\"\\]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+) {{0,2}}(?P<text>.*)$"
)
#: What is left of it where its version was taken for a program.
_VERSIONLESS = (
    rf"^(?P<stamp>{_ISO}) (?P<host>\S+) (?P<tag>\S+) (?:\d+|-) (?P<event>\S+) (?P<sd>-|"
    r"(?:\[[\w.@-]+ (?:[^\]\"\\]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+) ?(?P<text>.*)$"
)
_RFC3164 = rf"^[.*]?(?P<stamp>{_DAY}):?(?: +(?P<text>.*))?$"
_RSYSLOG = (
    rf"^(?:1 )?(?P<stamp>{_ISO}) (?P<host>{_HOST}) "
    r"(?P<text>(?:[A-Za-z_/(][\w./()-]{0,47}(?:(?:\[\d+\])?: |\[\d+\] | \[ *\d+\.\d{6}\] | \{\")|"
    r"(?:CEF|LEEF):|(?:[\w.-]+ ){1,2}[a-z-]+: msg_id=|"
    r"\d?,\d{4}/\d\d/\d\d |\"\d?\",\"\d{4}/\d\d/\d\d |[A-Za-z_]+=\"?[\w-]|\{\"|[a-z-]+(?:,[a-z-]+)+ |"
    # … or what a relay was sent, with its own head, or a stamp of the record's own.
    r"<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d |1 \d{4}-\d\d-\d\dT|"
    r"(?:1 )?\d{10}(?:\.\d{3,9})? |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t|"
    r"\"(?:\d{4}-\d\d-\d\d |[A-Z][a-z]{2} [A-Z])|"
    r"\d{4}/\d\d/\d\d[ -]\d\d:\d\d:\d\d|\[(?:\d\d/[A-Z][a-z]{2}/\d{4}[ :]|\d{4}-\d\d-\d\d )|"
    r"[0-9A-F]{6} \S+ \d{4}-\d\d-\d\dT|MSWinEventLog(?:\t|#011)|<(?:\d{6}> |Event )|#[A-Z]+# |"
    r"[0-9a-fA-F.:]+ \S+ \S+ \[\d\d/).*)$"
)
_PRIORITY = r"^(?:\d{1,6} )?<\d{1,3}>\s*"
#: The same in words, before a time.
_FACILITY = (
    r"(?:kern|user|mail|daemon|auth(?:priv)?|syslog|lpr|news|uucp|cron|ftp|local[0-7])\.[a-z]{3,7}[ \t]+"
)
_IN_WORDS = rf"^{_FACILITY}(\d{{4}}-\d\d-\d\dT|[A-Z][a-z]{{2}} [ \d]\d )"
#: When a relay got a line, before when it was written.
_RECEIVED = rf"^{_ISO} ({_ISO} )"
#: Behind a priority, whatever follows a time and a word is the message.
_SENT = rf"^(?:1 )?(?P<stamp>{_ISO}) (?P<host>{_HOST}) +(?P<text>.*)$"
_NEXUS = r"\d{4} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [A-Z]{3,4})?"
_CISCO = rf"^(?:1 )?(?P<stamp>{_ISO}|{_NEXUS})(?: +(?P<host>{_HOST}))?[ :]+(?P<text>%[A-Z][\w-]+-\d-.*)$"
_UTM = (
    rf"^(?P<stamp>\d{{4}}:\d\d:\d\d-\d\d:\d\d:\d\d) (?P<host>{_HOST}) "
    r"(?P<text>[A-Za-z_/(][\w./()-]{0,47}(?:\[\d+\])?: .*)$"
)
_SPACED = (
    r"^(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:[Zz]|[+-]\d\d:?\d\d))?) "
    rf"(?P<host>{_HOST}) (?P<text>(?:CEF|LEEF): ?\d.*)$"
)
_YEAR_FIRST = (
    r"^(?P<stamp>\d{4} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?:(?:\([^)]*\) )?[^\s>]+->\S+ (?P<text>.*)|"
    rf"(?:[a-z]+\d?\.[a-z]+ )?(?P<host>{_HOST}) (?P<program>(?:\S+: |1 \d{{4}}-\d\d-).*))$"
)
_KIWI = r"^(?P<stamp>\d{4}-\d\d-\d\d[ \t]\d\d:\d\d:\d\d)\t\w+\.\w+\t(?P<host>\S+)\t(?P<text>.*)$"
_LOGREAD = (
    r"^(?P<stamp>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}) [a-z]+\d?\.[a-z]+ "
    r"(?P<text>\S+: .*)$"
)
_CRI = rf"^(?P<stamp>{_ISO}) std(?:out|err) [FP] (?P<text>.*)$"
_FLUENTD = rf"^(?P<stamp>{_ISO})\t[\w.*-]+\t(?P<text>\{{.*)$"
#: A relay may have put its own address before the program's.
_RELAYED = r"\d{1,3}(?:\.\d{1,3}){3} (?P<relayed>[A-Za-z_/][\w./-]{0,47})\[\d+\]: "
#: A host nobody knows is a dash.
_AFTER = rf"^(?:(?:(?P<host>{_HOST})|-) +)?(?:{_BARE_APP}|(?:{_RELAYED}|{_APP}|{_TAG})?[ :]*(?P<text>.*))$"
_TAG_ONLY = rf"^(?:{_BARE_APP}|(?:{_APP}|{_TAG}\s*)(?P<text>.*))$"
#: What a collector that has read stamp and priority leaves of a syslog line.
_REMAINS = rf"^(?:(?P<host>{_HOST}) )?(?P<tag>[A-Za-z_][\w./-]{{0,47}})\[\d+\]: (?P<text>.*)$"
#: What rsyslog writes in place of repeated lines.
_REPEATED = r"^message repeated \d+ times: \[ ?(.*)\]$"
#: IOS numbers its messages, and may put a name between that and the time.
_NUMBERED = r"^\d{1,10}: (?:[\w.-]+: )?([.*]?[A-Z][a-z]{2} {1,2}\d{1,2} )"
#: Line ends and the NUL after a message, as they are or as rsyslog writes control characters.
_END = r"(?:#0(?:00|1[25])|[\x00\r])+$"
_TAB = "#011"
#: The beginning of any of the above.
_MAY_BE_WRAPPED = (
    r"^(?:[<*:]|\d{1,6} <|\d{1,10}: |1 (?:\d{4}|-)|\d{4}[-:]\d\d[-:]\d\d[T \t-]|\d{4} [A-Z]|"
    r"[A-Z][A-Za-z]{2,8} |"
    rf"{months.PATTERN}|{_FACILITY})"
)
#: Structured data that only describes the message's transport.
_PLAIN_SD = r"^(?:-|(?:\[(?:timeQuality|origin|meta|exampleSDID)[^\]]*\])+)$"


def peel(lines: pl.DataFrame, prefix: str | None = None) -> pl.DataFrame:
    """`lines` (line, offset, bytes) without syslog envelopes, and columns `stamp`, `sender`, `tag`.

    These hold what the innermost envelope says, and are NULL without one. JSON envelopes are left to `inner`.
    `prefix` (prefixes.py) is what stands before each of the lines, whatever they are. Control characters that
    rsyslog wrote out (`#011`) are a tab again; at the end of a line they are gone.
    """
    nothing = pl.lit(None, dtype=pl.String)
    out = lines.with_columns(stamp=nothing, sender=nothing, tag=nothing)
    if out["line"].str.contains(_END).any():
        out = out.with_columns(pl.col("line").str.replace(_END, ""))
    if prefix is not None:
        out = prefixes.removed(out, prefix)
    for _ in range(DEPTH):
        # Most lines of most logs are bare: only those that may be wrapped are looked at closer.
        places = out["line"].str.contains(_MAY_BE_WRAPPED).fill_null(False).arg_true()
        if places.is_empty():
            break
        bare = out if len(places) == out.height else out[places]
        changed = _once(bare)
        if changed.equals(bare):
            break
        out = changed if len(places) == out.height else _put(out, places, changed)
    if out["line"].str.contains(_TAB, literal=True).any():
        text = pl.col("line").str.replace_all(_TAB, "\t", literal=True)
        out = out.with_columns(
            pl.when(pl.col("stamp").is_not_null()).then(text).otherwise("line").alias("line")
        )
    return out


def _put(lines: pl.DataFrame, places: pl.Series, changed: pl.DataFrame) -> pl.DataFrame:
    """`lines` with the rows at `places` taken from `changed`."""
    names = ("line", "stamp", "sender", "tag")
    return lines.with_columns(lines[name].scatter(places, changed[name]) for name in names)


def _once(lines: pl.DataFrame) -> pl.DataFrame:
    """`lines` without their outermost envelope."""
    worded = lines["line"].str.contains(_IN_WORDS)
    sent = lines["line"].str.contains(_PRIORITY) | worded
    bare = lines["line"].str.replace(_PRIORITY, "").str.replace(r"^: ?", "")
    bare = months.translated(bare)
    if worded.any():
        bare = bare.str.replace(_IN_WORDS, "$1").str.replace(_RECEIVED, "$1")
    bare = bare.str.replace(_NUMBERED, "$1").str.replace(r"^1 ([A-Z][a-z]{2} {1,2}\d{1,2} )", "$1")
    found = _layers(bare)
    left = sent & found["text"].is_null() & bare.str.contains(_SENT)
    if left.any():
        found = _merged(found, _rsyslog(patterns.read(bare.set(~left, None), _SENT)))
    text = pl.select(pl.coalesce(found["text"], bare)).to_series().str.replace(_REPEATED, "$1")
    fields = {
        name: pl.select(pl.coalesce(found[name], lines[name])).to_series()
        for name in ("stamp", "sender", "tag")
    }
    fields["stamp"] = _dated(fields["stamp"], lines["stamp"])
    return lines.with_columns(pl.Series("line", text), **fields)


def _dated(stamp: pl.Series, around: pl.Series) -> pl.Series:
    """Stamps without a year with that of the stamp around them: the latest no more than a day after it.

    Otherwise the file's time would decide, which for an export is when somebody asked for it.
    """
    places = (stamp.str.contains(_YEARLESS) & around.is_not_null()).fill_null(False).arg_true()
    if places.is_empty():
        return stamp
    text, outer = stamp.gather(places), stamps.read(around.gather(places))
    year = outer.dt.year()
    late = (stamps.read(text + " " + year.cast(pl.String)) > outer + stamps.AHEAD).fill_null(False)
    dated = text + " " + (year - late.cast(pl.Int32)).cast(pl.String)
    return stamp.scatter(places, pl.select(pl.coalesce(dated, text)).to_series())


def _layers(line: pl.Series) -> pl.DataFrame:
    """Columns stamp, sender, tag, text of the first layer that fits; NULL where none does."""
    out = pl.DataFrame(
        {name: [None] * len(line) for name in ("stamp", "sender", "tag", "text")},
        schema=dict.fromkeys(("stamp", "sender", "tag", "text"), pl.String),
    )
    day = line.str.contains(r"^[.*]?[A-Z][A-Za-z]{2,8} {1,2}\d{1,2} ")
    if day.any():
        out = _merged(out, _bsd(pl.select(pl.when(day).then(line)).to_series()))
    router = line.str.contains(_LOGREAD)
    if router.any():
        parts = patterns.read(pl.select(pl.when(router).then(line)).to_series(), _LOGREAD)
        out = _merged(out, _rsyslog(parts.with_columns(host=pl.lit(None, dtype=pl.String))))
    digit = line.str.contains(r"^\d")
    if not digit.any():
        return out
    left = pl.select(pl.when(digit).then(line)).to_series()
    # A text that such lines contain is looked for first: that costs a hundredth of the pattern.
    for text, pattern, read in (
        ("1 ", _RFC5424, _structured),
        (" - ", _VERSIONLESS, _structured),
        (" std", _CRI, _named),
        ("\t", _FLUENTD, _named),
        ("T", _RSYSLOG, _rsyslog),
        ("%", _CISCO, _rsyslog),
        (":", _UTM, _rsyslog),
        ("\t", _KIWI, _rsyslog),
        ("EF:", _SPACED, _rsyslog),
        (":", _YEAR_FIRST, _year_first),
    ):
        if left.str.contains(text, literal=True).any() and left.str.contains(pattern).any():
            out = _merged(out, read(patterns.read(left, pattern)))
    return out


def _merged(out: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(
        {name: pl.select(pl.coalesce(out[name], more[name])).to_series() for name in out.columns}
    )


def _bsd(line: pl.Series) -> pl.DataFrame:
    head = patterns.read(line, _RFC3164)
    after = patterns.read(head["text"].fill_null(""), _AFTER)
    has = head["stamp"].is_not_null()
    return pl.select(
        stamp=head["stamp"],
        sender=pl.when(has).then(after["host"]),
        tag=pl.when(has).then(pl.coalesce(after["tag"], after["relayed"], after["app"], after["bare"])),
        text=pl.when(has).then(pl.coalesce(after["text"], after["held"])),
    )


def _structured(parts: pl.DataFrame) -> pl.DataFrame:
    """RFC 5424; structured data that carries the record (Juniper, Check Point) becomes its text."""
    sd = pl.col("sd")
    carries = ~sd.str.contains(_PLAIN_SD)
    text = pl.col("text").str.strip_prefix("\ufeff")
    whole = pl.concat_str("event", sd, text, separator=" ")
    return parts.select(
        stamp="stamp",
        sender=pl.when(pl.col("host") != "-").then("host"),
        tag=pl.when(pl.col("tag") != "-").then("tag"),
        text=pl.when(carries).then(whole).otherwise(text),
    )


def _rsyslog(parts: pl.DataFrame) -> pl.DataFrame:
    after = patterns.read(parts["text"], _TAG_ONLY)
    return pl.select(
        stamp=parts["stamp"],
        sender=parts["host"],
        tag=pl.coalesce(after["tag"], after["app"], after["bare"]),
        text=pl.coalesce(after["text"], after["held"], parts["text"]),
    )


def _year_first(parts: pl.DataFrame) -> pl.DataFrame:
    """An archive's line begins with the sender's; a device's has a program."""
    read = _rsyslog(parts.select("stamp", "host", text="program"))
    return read.with_columns(text=pl.coalesce("text", pl.lit(parts["text"])))


def _named(parts: pl.DataFrame) -> pl.DataFrame:
    has = parts.columns
    nothing = pl.lit(None, dtype=pl.String)
    return parts.select(
        "stamp", sender=pl.col("host") if "host" in has else nothing, tag=nothing, text="text"
    )


def inner(peeled: pl.DataFrame) -> pl.DataFrame:
    """The lines inside the JSON lines of `peeled`, peeled as well; `place` is the row of `peeled`.

    Only JSON lines with text or an object under one of the keys WRAPPED are considered. Whether such a line
    really is an envelope is only known once a family claims what is inside.
    """
    may = peeled["line"].str.starts_with("{") & peeled["line"].str.contains(_MAY_WRAP)
    places = may.fill_null(False).arg_true()
    names = ("line", "stamp", "sender", "tag")
    if places.is_empty():
        return pl.DataFrame(schema={"place": pl.UInt32} | dict.fromkeys(names, pl.String))
    wanted = ["|".join(keys) for keys in (WRAPPED, _STAMPS, _SENDERS, _TAGS)]
    lines = peeled["line"].gather(places)
    read = objects.read(lines, wanted)
    read.columns = list(names)
    if (texts := lines.str.contains(_EVENT)).any():
        text = objects.read(lines.set(~texts, None), ["event"])["event"]
        read = read.with_columns(pl.coalesce("line", pl.lit(text)).alias("line"))
    out = peel(read.select(pl.col("line").str.strip_chars(" \r\n"), offset=pl.lit(0), bytes=pl.lit(0)))
    left = patterns.read(out["line"], _REMAINS)
    out = out.select(
        line=pl.coalesce(pl.lit(left["text"]), "line"),
        stamp="stamp",
        sender=pl.coalesce("sender", pl.lit(left["host"])),
        tag=pl.coalesce("tag", pl.lit(left["tag"])),
    )
    # What the text inside says takes precedence over what its shipper says.
    fields = {name: pl.select(pl.coalesce(out[name], read[name])).to_series() for name in names[1:]}
    fields["stamp"] = _dated(fields["stamp"], read["stamp"])
    return out.select("line").with_columns(**fields).insert_column(0, places.alias("place"))


def replaced(peeled: pl.DataFrame, insides: pl.DataFrame) -> pl.DataFrame:
    """`peeled` with the rows at `place` replaced by those of `insides`."""
    names = ("line", "stamp", "sender", "tag")
    return peeled.with_columns(
        peeled[name].scatter(
            insides["place"],
            pl.select(pl.coalesce(insides[name], peeled[name].gather(insides["place"]))).to_series(),
        )
        for name in names
    )
