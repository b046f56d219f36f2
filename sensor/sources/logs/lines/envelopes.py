r"""Removes what syslog and log shippers put around a line, and keeps the time, sender and tag they add.

    <134>Oct  6 10:00:00 host app[123]: text                        syslog and the like (syslog.py)
    {"message": "text", …}, {"_source": {…}}, {"_raw": …} …         JSON of shippers and exports (`WRAPPED`)

Envelopes may lie in each other, up to `DEPTH`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.lines import prefixes, syslog
from sensor.sources.logs.lines.framing import JOINT
from sensor.sources.logs.text import objects, patterns
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.patterns import ascii_only

DEPTH = 3
#: JSON keys whose text is a log line. The first of them that an object has is taken.
WRAPPED = (
    "event.original", "_raw", "raw", "message", "MESSAGE", "log", "textPayload", "Message", "syslogmessage",
    "SyslogMessage", "raw_event",
    "rawMessage", "RawData", "raw_message", "RawMessage", "logmessage", "full_log", "msg", "line",
    "full_message", "short_message", "body.stringValue", "@message", "event.message", "attributes.message",
    "logText", "utf8_payload", "payload", "Payload", "rawEventMsg", "Raw Event Log", "@rawstring", "_line",
    "source_data", "body", "content.message", "jsonPayload.message", "Line", "Content", "raw_log", "rawLog",
    "log_message", "original_message", "originalMessage", "log_line", "logLine", "syslog_message", "content",
    "value", "rawmsg", "map._raw",
    "_source", "result", "data", "detail",
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
    "map._messagetime",
    "_ts",
    "Time",
    "Date",
    "Start Time",
    "ISODATE",
    "DATE",
    "timereported",
    "EventTime",
    "EventReceivedTime",
    "TimeCreated",
)
#: In tables saved from the Azure portal, which tell the zone in the title.
_STAMP_UTC = "TimeGenerated [UTC]"
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
#: Splunk's HTTP Event Collector takes a line or an object as `event`, beside keys of these names only. With
#: other keys beside it, an object called `event` is part of a product's record.
_COLLECTED = (
    r'^\{\s*(?:"(?:time|host|source|sourcetype|index|fields)"\s*:\s*(?:"[^"]*"|[\d.]+|\{[^{}]*\})\s*,\s*)+'
    r'"event"\s*:\s*\{'
)
_EVENT = rf'"event"\s*:\s*"|{_COLLECTED}'
#: What Wazuh fetched from a cloud: `{"integration": "gcp", "gcp": {…}}`, in its archive under `data`.
_FETCHED = r'^\{.*"integration"\s*:\s*"(?:aws|gcp)"\s*,\s*"(?:aws|gcp)"\s*:\s*\{'
#: Surely an envelope: of that collector, of Wazuh, or a hit of Elasticsearch or OpenSearch.
WHOLE = rf'{_COLLECTED}|{_FETCHED}|^\{{.*"_source"\s*:\s*\{{'
_MAY_WRAP = rf'"(?:event\.)?(?:{_KEYS})"\s*:\s*["{{]|{_EVENT}|{_FETCHED}'
#: Columns that envelopes fill.
_PEELED = ("line", "stamp", "sender", "tag")
#: What is left of a syslog line if a collector has cut off stamp and priority.
_REMAINS = ascii_only(
    rf"^(?:(?P<host>{syslog.HOST}) )?(?P<tag>[A-Za-z_][\w./-]{{0,47}})\[\d+\]: (?P<text>.*)$"
)
#: Line ends and the NUL after a message, as they are or as rsyslog writes control characters.
_END = r"(?:#0(?:00|1[25])|[\x00\r])+$"
_TAB = "#011"
#: Colours of a terminal.
_COLOUR, _COLOURS = "\x1b[", r"\x1b\[[0-9;]*m"
#: `dmesg --json` tells the seconds since the computer started: no date.
_SINCE_BOOT = r"^\d{1,7}\.\d+$"


def peel(lines: pl.DataFrame, prefix: str | None = None) -> pl.DataFrame:
    """`lines` (line, offset, bytes) without syslog envelopes, and columns `stamp`, `sender`, `tag`.

    These columns hold what the innermost envelope says; NULL without one. JSON envelopes are left to `inner`.
    `prefix` (one of prefixes.PREFIXES) stands before every line and is removed, too. The tab that rsyslog
    wrote as `#011` is a tab again. Colours, and control characters at the end of a line, are removed.
    """
    nothing = pl.lit(None, dtype=pl.String)
    out = lines.with_columns(stamp=nothing, sender=nothing, tag=nothing)
    if out["line"].str.contains(_END).any():
        out = out.with_columns(pl.col("line").str.replace(_END, ""))
    if out["line"].str.contains(_COLOUR, literal=True).any():
        out = out.with_columns(pl.col("line").str.replace_all(_COLOURS, ""))
    if prefix is not None:
        out = prefixes.removed(out, prefix)
    for _ in range(DEPTH):
        # Most lines have no envelope, and the patterns are slow: only likely lines are looked at.
        places = out["line"].str.contains(syslog.MAY_BEGIN).fill_null(False).arg_true()
        if places.is_empty():
            break
        bare = out if len(places) == out.height else out[places]
        changed = syslog.outermost_removed(bare)
        if changed.equals(bare):
            break
        out = changed if len(places) == out.height else _put(out, places, changed)
    if out["line"].str.contains(_TAB, literal=True).any():
        text = pl.col("line").str.replace_all(_TAB, "\t", literal=True)
        out = out.with_columns(
            pl.when(pl.col("stamp").is_not_null()).then(text).otherwise("line").alias("line")
        )
    return out


def inner(peeled: pl.DataFrame) -> pl.DataFrame:
    """The lines inside the JSON lines of `peeled`, peeled as well; `place` is the row of `peeled`.

    Considered are JSON lines with a text or an object under one of the keys WRAPPED. Whether such a line is
    an envelope is only known when a format claims what is inside (sorting.py).
    """
    may = peeled["line"].str.starts_with("{") & peeled["line"].str.contains(_MAY_WRAP)
    places = may.fill_null(False).arg_true()
    if places.is_empty():
        return pl.DataFrame(schema={"place": pl.UInt32} | dict.fromkeys(_PEELED, pl.String))
    wanted = ["|".join(keys) for keys in (WRAPPED, _STAMPS, _SENDERS, _TAGS)]
    lines = peeled["line"].gather(places)
    read = objects.read(lines, [*wanted, _STAMP_UTC])
    read.columns = [*_PEELED, "utc"]
    read = read.with_columns(stamp=pl.coalesce(pl.col("utc").str.strip_suffix("Z") + " UTC", "stamp"))
    read = read.with_columns(stamp=pl.when(~pl.col("stamp").str.contains(_SINCE_BOOT)).then("stamp"))
    if (texts := lines.str.contains(_EVENT)).any():
        text = objects.read(lines.set(~texts, None), ["event"])["event"]
        read = read.with_columns(pl.coalesce("line", pl.lit(text)).alias("line"))
    if (texts := lines.str.contains(_FETCHED)).any():
        text = objects.read(lines.set(~texts, None), {"line": "data.gcp|data.aws|gcp|aws"})["line"]
        read = read.with_columns(pl.coalesce(pl.lit(text), "line").alias("line"))
    bare = pl.col("line").str.strip_chars(" \r\n")
    if read["line"].str.contains("\n", literal=True).any():
        # A record of several lines is as it would come from a file; in JSON a line end is but a blank.
        joint = pl.when(bare.str.starts_with("{")).then(pl.lit(" ")).otherwise(pl.lit(JOINT))
        bare = bare.str.split("\n").list.join(joint)
    out = peel(read.select(bare, offset=pl.lit(0), bytes=pl.lit(0)))
    left = patterns.read(out["line"], _REMAINS)
    out = out.select(
        line=pl.coalesce(pl.lit(left["text"]), "line"),
        stamp="stamp",
        sender=pl.coalesce("sender", pl.lit(left["host"])),
        tag=pl.coalesce("tag", pl.lit(left["tag"])),
    )
    # The line inside knows its own time and sender better than its shipper does.
    fields = {name: either(out[name], read[name]) for name in _PEELED[1:]}
    fields["stamp"] = syslog.dated(fields["stamp"], read["stamp"])
    return out.select("line").with_columns(**fields).insert_column(0, places.alias("place"))


def replaced(peeled: pl.DataFrame, insides: pl.DataFrame) -> pl.DataFrame:
    """`peeled` with the rows at `place` replaced by those of `insides`."""
    return peeled.with_columns(
        peeled[name].scatter(
            insides["place"],
            either(insides[name], peeled[name].gather(insides["place"])),
        )
        for name in _PEELED
    )


def _put(lines: pl.DataFrame, places: pl.Series, changed: pl.DataFrame) -> pl.DataFrame:
    """`lines` with the rows at `places` taken from `changed`."""
    return lines.with_columns(lines[name].scatter(places, changed[name]) for name in _PEELED)
