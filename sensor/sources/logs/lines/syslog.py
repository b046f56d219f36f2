r"""What syslog, its relays and log collectors put before a line: time, sender and program.

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
    Tue Oct  6 10:00:00 2026 host LEEF:1.0|…                       Zscaler Private Access
    user.info 2026-10-06T10:00:00Z 2026-10-06T09:59:59Z host app …  rsyslog with the priority as text
    2026-10-06T10:00:00Z stdout F text                             Kubernetes (CRI)
    2026-10-06T10:00:00+02:00<TAB>tag<TAB>{…}                      Fluentd (out_file)

`outermost_removed` takes off one such head; envelopes.py calls it until a line has none.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.lines import months
from sensor.sources.logs.text import patterns, stamps
from sensor.sources.logs.text.partial import either, filled, only
from sensor.sources.logs.text.patterns import ascii_only

HOST = ascii_only(r"[A-Za-z0-9_][\w.:-]*[\w]|[A-Za-z0-9]")
_TAG = r"(?P<tag>[A-Za-z_/(][\w./() -]{0,47}?)(?:\[\d+\])?:(?: |$)"
#: rsyslog adds no colon behind the program of an RFC 5424 message. With a process number it is known as a
#: program; without one, only if what follows can be no text: JSON, or the time of the kernel.
_APP = r"(?P<app>[A-Za-z_/(][\w./()-]{0,47})\[\d+\] "
_BARE_APP = r"(?P<bare>[A-Za-z_][\w./-]{0,47}) (?P<held>(?:\{\"|\[ *\d+\.\d{6}\] ).*)"
_DAY = (
    r"[A-Z][A-Za-z]{2,8} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: \d{4})?"
    rf"(?: (?:[A-Z]{{3,4}}|(?:{stamps.SMALL_ZONES})\b))?"
)
_YEARLESS = ascii_only(r"^[A-Z][A-Za-z]{2,8} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:[.,]\d{1,9})?$")
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)"
_RFC5424 = ascii_only(
    rf"^1 (?:(?P<stamp>{_ISO}|\d{{4}}\S+)|-) (?P<host>\S+) (?P<tag>\S+) \S+ (?P<event>\S+) (?P<sd>-|"
    rf"(?:\[(?:[^\]\"\\]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+) {{0,2}}(?P<text>.*)$"
)
#: What is left of RFC 5424 if its version was taken for a program.
_VERSIONLESS = ascii_only(
    rf"^(?P<stamp>{_ISO}) (?P<host>\S+) (?P<tag>\S+) (?:\d+|-) (?P<event>\S+) (?P<sd>-|"
    r"(?:\[[\w.@-]+ (?:[^\]\"\\]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+) ?(?P<text>.*)$"
)
_RFC3164 = ascii_only(rf"^[.*]?(?P<stamp>{_DAY}):?(?: +(?P<text>.*))?$")
_RSYSLOG = ascii_only(
    rf"^(?:1 )?(?P<stamp>{_ISO}) (?P<host>{HOST}) "
    r"(?P<text>(?:[A-Za-z_/(][\w./()-]{0,47}(?:(?:\[\d+\])?: |\[\d+\] | \[ *\d+\.\d{6}\] | \{\")|"
    r"(?:CEF|LEEF):|(?:[\w.-]+ ){1,2}[a-z-]+: msg_id=|"
    r"\d?,\d{4}/\d\d/\d\d |\"\d?\",\"\d{4}/\d\d/\d\d |[A-Za-z_]+=\"?[\w-]|\{\"|[a-z-]+(?:,[a-z-]+)+ |"
    # The message has a syslog head of its own, or begins with its own stamp.
    r"<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d |1 \d{4}-\d\d-\d\dT|"
    r"(?:1 )?\d{10}(?:\.\d{3,9})? |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t|"
    r"\"(?:\d{4}-\d\d-\d\d |[A-Z][a-z]{2} [A-Z])|"
    r"\d{4}/\d\d/\d\d[ -]\d\d:\d\d:\d\d|\[(?:\d\d/[A-Z][a-z]{2}/\d{4}[ :]|\d{4}-\d\d-\d\d )|"
    r"[0-9A-F]{6} \S+ \d{4}-\d\d-\d\dT|MSWinEventLog(?:\t|#011)|<(?:\d{6}> |Event )|#[A-Z]+# |"
    r"[0-9a-fA-F.:]+ \S+ \S+ \[\d\d/).*)$"
)
#: Kiwi, where it forwards, puts behind it whose message it was.
_PRIORITY = ascii_only(r"^(?:\d{1,6} )?<\d{1,3}>\s*(?:Original Address=\S+ )?")
#: The priority in words, before a time.
_FACILITY = (
    r"(?:kern|user|mail|daemon|auth(?:priv)?|syslog|lpr|news|uucp|cron|ftp|local[0-7])\.[a-z]{3,7}[ \t]+"
)
_IN_WORDS = ascii_only(rf"^{_FACILITY}(\d{{4}}-\d\d-\d\dT|[A-Z][a-z]{{2}} [ \d]\d )")
#: The time at which a relay received a line, before the time at which it was written.
_RECEIVED = ascii_only(rf"^{_ISO} ({_ISO} )")
#: Behind a priority, a time and a host, any text is the message.
_SENT = ascii_only(rf"^(?:1 )?(?P<stamp>{_ISO}) (?P<host>{HOST}) +(?P<text>.*)$")
_NEXUS = r"\d{4} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [A-Z]{3,4})?"
_CISCO = ascii_only(
    rf"^(?:1 )?(?P<stamp>{_ISO}|{_NEXUS})(?: +(?P<host>{HOST}))?[ :]+(?P<text>%[A-Z][\w-]+-\d-.*)$"
)
_UTM = ascii_only(
    rf"^(?P<stamp>\d{{4}}:\d\d:\d\d-\d\d:\d\d:\d\d) (?P<host>{HOST}) "
    r"(?P<text>[A-Za-z_/(][\w./()-]{0,47}(?:\[\d+\])?: .*)$"
)
_SPACED = ascii_only(
    r"^(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:[Zz]|[+-]\d\d:?\d\d))?) "
    rf"(?P<host>{HOST}) (?P<text>(?:CEF|LEEF): ?\d.*)$"
)
_YEAR_FIRST = ascii_only(
    r"^(?P<stamp>\d{4} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?:(?:\([^)]*\) )?[^\s>]+->\S+ (?P<text>.*)|"
    rf"(?:[a-z]+\d?\.[a-z]+ )?(?P<host>{HOST}) (?P<program>(?:\S+: |1 \d{{4}}-\d\d-).*))$"
)
_KIWI = ascii_only(r"^(?P<stamp>\d{4}-\d\d-\d\d[ \t]\d\d:\d\d:\d\d)\t\w+\.\w+\t(?P<host>\S+)\t(?P<text>.*)$")
_LOGREAD = ascii_only(
    r"^(?P<stamp>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}) (?:[a-z]+\d?\.[a-z]+ "
    rf"(?P<text>\S+: .*)|(?P<host>{HOST}) (?P<event>(?:CEF|LEEF): ?\d.*))$"
)
_CRI = ascii_only(rf"^(?P<stamp>{_ISO}) std(?:out|err) [FP] (?P<text>.*)$")
_FLUENTD = ascii_only(rf"^(?P<stamp>{_ISO})\t[\w.*-]+\t(?P<text>\{{.*)$")
#: A relay may have put its own address before the program's.
_RELAYED = r"\d{1,3}(?:\.\d{1,3}){3} (?P<relayed>[A-Za-z_/][\w./-]{0,47})\[\d+\]: "
#: A dash stands for an unknown host.
_AFTER = ascii_only(
    rf"^(?:(?:(?P<host>{HOST})|-) +)?(?:{_BARE_APP}|(?:{_RELAYED}|{_APP}|{_TAG})?"
    # Two colons begin an IPv6 address.
    r"(?: |: )*:?(?P<text>(?:(?:::|[^ :]).*)?))$"
)
_TAG_ONLY = ascii_only(rf"^(?:{_BARE_APP}|(?:{_APP}|{_TAG}\s*)(?P<text>.*))$")
#: What rsyslog writes in place of a repeated line.
_REPEATED = ascii_only(r"^message repeated \d+ times: \[ ?(.*)\]$")
#: IOS numbers its messages, and may put a name before or behind that; IOS XR names the card that sent one.
_NUMBERED = ascii_only(
    r"^(?:(?:[\w.-]+: )?\d{1,10}: (?:[\w.-]+: )?(?:\d{1,10}: )?|(?:RP|LC)/\d+/\w+/CPU\d+:)"
    r"([.*]?[A-Z][a-z]{2} {1,2}\d{1,2} )"
)
#: How a line with any of these heads begins.
MAY_BEGIN = ascii_only(
    r"^(?:[<*:]|\d{1,6} <|\d{1,10}: |(?:RP|LC)/\d|1 (?:\d{4}|-)|\d{4}[-:]\d\d[-:]\d\d[T \t-]|\d{4} [A-Z]|"
    r"[A-Z][A-Za-z]{2,8} |"
    rf"{months.PATTERN}|{_FACILITY})"
)
#: Structured data that only describes the message's transport.
_TRANSPORT = r"\[(?:timeQuality|origin|meta|exampleSDID)[^\]]*\]"
#: Structured data with a parameter that is an address.
_WITH_ADDRESS = r"[=:]\"?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})\b"


def outermost_removed(lines: pl.DataFrame) -> pl.DataFrame:
    """`lines` (line, stamp, sender, tag) without their outermost head, which fills the other columns."""
    worded = lines["line"].str.contains(_IN_WORDS)
    sent = lines["line"].str.contains(_PRIORITY) | worded
    bare = lines["line"].str.replace(_PRIORITY, "").str.replace(r"^: ?([^:]|$)", "$1")
    bare = months.translated(bare)
    if worded.any():
        bare = bare.str.replace(_IN_WORDS, "$1").str.replace(_RECEIVED, "$1")
    bare = bare.str.replace(_NUMBERED, "$1").str.replace(r"^1 ([A-Z][a-z]{2} {1,2}\d{1,2} )", "$1")
    found = _layers(bare)
    left = sent & found["text"].is_null() & bare.str.contains(_SENT)
    if left.any():
        found = filled(found, _rsyslog(patterns.read(bare.set(~left, None), _SENT)))
    text = either(found["text"], bare).str.replace(_REPEATED, "$1")
    fields = {name: either(found[name], lines[name]) for name in ("stamp", "sender", "tag")}
    fields["stamp"] = dated(fields["stamp"], lines["stamp"])
    return lines.with_columns(pl.Series("line", text), **fields)


def dated(stamp: pl.Series, around: pl.Series) -> pl.Series:
    """Stamps without a year get one from the stamp around them: the latest that is at most a day after it.

    The file's own time would be wrong for an export: that is made much later.
    """
    places = (stamp.str.contains(_YEARLESS) & around.is_not_null()).fill_null(False).arg_true()
    if places.is_empty():
        return stamp
    text, outer = stamp.gather(places), stamps.read(around.gather(places))
    year = outer.dt.year()
    late = (stamps.read(text + " " + year.cast(pl.String)) > outer + stamps.AHEAD).fill_null(False)
    dated = text + " " + (year - late.cast(pl.Int32)).cast(pl.String)
    return stamp.scatter(places, either(dated, text))


def _layers(line: pl.Series) -> pl.DataFrame:
    """Columns stamp, sender, tag, text of the first kind of head that fits; NULL where none does."""
    out = pl.DataFrame(
        {name: [None] * len(line) for name in ("stamp", "sender", "tag", "text")},
        schema=dict.fromkeys(("stamp", "sender", "tag", "text"), pl.String),
    )
    day = line.str.contains(r"^[.*]?[A-Z][A-Za-z]{2,8} {1,2}\d{1,2} ")
    if day.any():
        out = filled(out, _bsd(only(line, day)))
    router = line.str.contains(_LOGREAD)
    if router.any():
        parts = patterns.read(only(line, router), _LOGREAD)
        out = filled(out, _rsyslog(parts.with_columns(text=pl.coalesce("text", "event"))))
    digit = line.str.contains(r"^\d")
    if not digit.any():
        return out
    left = only(line, digit)
    # To look for a plain text first costs a hundredth of the pattern.
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
            out = filled(out, read(patterns.read(left, pattern)))
    return out


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
    """RFC 5424. Structured data that holds the record itself (Juniper, Check Point) becomes the text.

    Where there is a text, what forwarders and collectors put there (a customer's token, tags) is left out.
    """
    sd = pl.col("sd")
    text = pl.col("text").str.strip_prefix("\ufeff")
    empty = text.str.strip_chars() == ""
    told = sd.str.replace_all(_TRANSPORT, "")
    carries = ~told.is_in(["", "-"]) & (empty | told.str.contains(_WITH_ADDRESS))
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
    """In an archive, the sender's own line follows; a device's line names a program first."""
    read = _rsyslog(parts.select("stamp", "host", text="program"))
    return read.with_columns(text=pl.coalesce("text", pl.lit(parts["text"])))


def _named(parts: pl.DataFrame) -> pl.DataFrame:
    has = parts.columns
    nothing = pl.lit(None, dtype=pl.String)
    return parts.select(
        "stamp", sender=pl.col("host") if "host" in has else nothing, tag=nothing, text="text"
    )
