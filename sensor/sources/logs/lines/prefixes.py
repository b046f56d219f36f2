r"""What tools put before each line of a log when they print, search or export it.

    squid-1  | 2026-10-06T10:00:00.123456789Z text       docker compose logs, with --timestamps
    [pod/squid-0/squid] text                             kubectl logs --prefix
    2026-10-06T10:00:00Z {job="squid"} text              logcli
    2026-10-06T10:00:00.123Z text                        kubectl logs --timestamps, exports of CloudWatch
    2026-10-06T10:00:00.123000+00:00 stream text         aws logs tail; rsyslog, if the sender gave no program
    Tue 2026-10-06 10:00:00 CEST box squid[12]: text     journalctl -o short-full
    1795597200.123456 box squid[12]: text                journalctl -o short-unix
    2026-10-06 10:00:00 box squid[12]: text              templates of rsyslog, Graylog
    CreateTime:1795597200123<TAB>text                    Kafka's console consumer, with print.timestamp
    CreateTime:1795597200123<TAB>key<TAB>text            and print.key (also alone; `null` for none)
    7711…<TAB>2026-…<TAB>2026-…<TAB>31<TAB>box<TAB>…     Papertrail's archives
    10 06 2026 10:00:00 10.0.0.1 <LOC4:INFO> text        LogRhythm
    [Tue Oct  6 10:00:00 2026] text                      dmesg -T
    2026-10-06 10:00:00 +02:00: text                     pm2
    2026-10-06_10:00:00.12345 text                       svlogd
    /var/log/squid/access.log:12:text                    grep, with names and numbers of lines
    12:text, 12<TAB>text                                 grep -n, cat -n
    app.squid: [1795597200.123456, {…}]                  Fluent Bit (out_file)
    "text"                                               spreadsheets
    {…},                                                 a piece of a JSON array

Almost any text looks like one of these, so they are not removed from every line that has one, as envelopes
are. A file has a prefix only if more of its lines are claimed without it (known_formats.py).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.patterns import ascii_only

_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)"
_STAMP = rf"(?P<stamp>{_ISO}) "
_PROGRAM = r"(?P<sender>\S+) (?P<tag>[\w./()-]{1,48})(?:\[\d+\])?: "
_POD = r"\[pod/[\w./-]+\] "
_CONTAINER = r"[\w.@-]+ +\| "
_KAFKA = r"(?:CreateTime|LogAppendTime):(?P<stamp>\d{13})\t(?:Partition:\d+\t)?(?:Offset:\d+\t)?"
_KEY = r"[\w.-]{1,128}\t"
_PAPERTRAIL = rf"\d+\t(?P<stamp>{_ISO})\t{_ISO}\t\d+\t(?P<sender>[^\t]*)\t[^\t]*\t\w+\t\w+\t(?P<tag>[^\t]*)\t"
_DMESG = r"(?:kern +:\w+ *: )?\[(?P<stamp>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] "
_FLUENT_BIT = ascii_only(r"^[\w./*-]+: \[(?P<stamp>\d{10}\.\d{1,9}), (?P<text>\{.*\})\]$")
_PIECE = r"^(?P<text>\{.*\}),$"
_QUOTED = r'^"(?P<text>(?:[^"]|"")*)"$'


#: No format's lines begin in this way. A time after such a prefix may be the line's or the tool's.
_OWN = (
    _POD + _STAMP,
    _POD,
    _CONTAINER + _STAMP,
    _CONTAINER,
    _KAFKA + _KEY,
    _KAFKA,
    _PAPERTRAIL,
    _DMESG,
)


def _before(head: str) -> str:
    return ascii_only(f"^{head}(?P<text>.*)$")


#: Each captures `text`, and `stamp`, `sender` and `tag` if it has them. If several fit alike, the first is
#: taken.
PREFIXES = (
    *map(
        _before,
        (
            *_OWN,
            rf"(?P<stamp>{_ISO}) \{{[^}}]*\}} ",
            rf"(?P<stamp>{_ISO}) ",
            rf"(?P<stamp>{_ISO}) (?P<sender>\S+) ",
            rf"[A-Z][a-z]{{2}} (?P<stamp>\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z]{{2,5}}) {_PROGRAM}",
            rf"(?P<stamp>\d{{10}}\.\d{{6}}) {_PROGRAM}",
            rf"(?P<stamp>\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d) {_PROGRAM}",
            r"(?P<stamp>\d\d \d\d \d{4} \d\d:\d\d:\d\d) (?P<sender>\S+) <\w+:\w+> ",
            r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [+-]\d\d:\d\d)?): ",
            r"(?P<stamp>\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d\.\d+) ",
            r"(?:[^\s:]*/[^\s:]*|[\w-]+\.[\w.-]+):(?:\d+:)?",
            r" *\d+[\t:]",
            _KEY,
            r"[ \t]+",
        ),
    ),
    _FLUENT_BIT,
    _QUOTED,
    _PIECE,
)
#: No format's lines look like these.
UNMISTAKABLE = frozenset((*map(_before, _OWN), _FLUENT_BIT, _QUOTED, _PIECE))
#: How records begin: with an object, the address of a client, or a time.
WHOLE = (
    r"^\{\"|^\"?(?:date|itime)=|^\d{1,3}(?:\.\d{1,3}){3}[ :]|"
    r"^\[?(?:\d{1,4}[-/.:](?:\d{1,2}|[A-Z][a-z]{2})[-/.:]\d{2,4}[T -]|[a-z]{3}/\d\d/\d{4} |"
    r"[A-Z][a-z]{2} [ \d]?\d |\d{9,10}[. ])"
)
#: The stamp of LogRhythm in an order that stamps.py reads.
_MONTH_FIRST = r"^(\d\d) (\d\d) (\d{4}) "


def removed(lines: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """`lines` (line, stamp, sender, tag; all String) without `prefix`, one of PREFIXES.

    The prefix fills the other columns. Lines without it stay as they are.
    """
    parts = patterns.read(lines["line"], prefix)
    said = parts.with_columns(
        pl.lit(None, pl.String).alias(n) for n in ("stamp", "sender", "tag") if n not in parts
    )
    text = said["text"].str.replace_all('""', '"', literal=True) if prefix == _QUOTED else said["text"]
    return lines.with_columns(
        either(text, lines["line"]).alias("line"),
        stamp=said["stamp"].str.replace(_MONTH_FIRST, "$3-$1-$2 "),
        sender=said["sender"],
        tag=said["tag"],
    )
