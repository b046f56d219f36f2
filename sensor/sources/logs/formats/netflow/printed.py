"""What nfdump, yafscii and ra print for people.

    2026-10-06 10:00:00.000 5.000 TCP 10.1.2.3:40000 -> 192.0.2.7:443 9 900 1         nfdump -o line, long
    … 5.000 TCP 10.1.2.3:40000 <-> 192.0.2.7:443 12 9 7000 900 2                      nfdump -o biline, bilong
    2026-10-06 10:00:00.000 - 10:00:05.000 (5.000 sec) tcp 10.1.2.3:40000 => 192.0.2.7:443 …
      (9/900 <-> 12/7000)                                                             yafscii
    … DELETE Ignore TCP 10.1.2.3:40000 -> 192.0.2.7:443 203.0.113.1:40000 -> …        nfdump -o nsel, nel
    1791280800.123456  e s  tcp  10.1.2.3.40000 -> 192.0.2.7.443 12 4000 FIN                 Argus: ra -n

nfdump's `In` is what the source sent, printed behind `Out` in biline and before it in nsel. `ra` counts both
directions as one, and before Argus 5, unless it is told otherwise (-u, RA_TIME_FORMAT), prints a time without
a date, which tells no time.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.patterns import ascii_only

_STAMP = r"^(?P<start>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) +"
_LASTED = r"(?:[A-Z]+ +\S+ +)?(?P<duration>\d+\.\d+|\d\d:\d\d:\d\d\.\d+) +(?P<proto>[A-Z0-9]+) +"
_ADDRESS = r"(?:\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.]\d+(?:\.\d+)?"
_CLIENT = r"(?P<client>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.](?P<client_port>\d+) +"
_SERVER = r" +(?P<server>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.](?P<port>\d+)(?:\.\d+)? +"
_FLAGS = r"(?:[A-Z.]{6,8} +\d+ +)?"
_COUNT = r"\d+(?:\.\d+ [KMGT])?"
_PRINTED = (
    rf"{_STAMP}{_LASTED}{_CLIENT}->{_SERVER}{_FLAGS}(?P<packets>{_COUNT}) +(?P<bytes>{_COUNT})"
    rf"(?:(?: +{_COUNT}){{3}})?(?: +\d+)?\s*$"
)
_PRINTED_BOTH = (
    rf"{_STAMP}{_LASTED}{_CLIENT}<->{_SERVER}{_FLAGS}(?P<packets_back>{_COUNT}) +(?P<packets>{_COUNT}) +"
    rf"(?P<bytes_back>{_COUNT}) +(?P<bytes>{_COUNT}) +\d+\s*$"
)
_PRINTED_EVENT = (
    rf"{_STAMP}(?P<event>[A-Z]+) +(?:[A-Z][\w /-]*? +)?(?P<proto>[A-Z0-9]+) +{_CLIENT}->{_SERVER}"
    rf"{_ADDRESS} +-> +{_ADDRESS}(?: +(?P<bytes>{_COUNT}) +(?P<bytes_back>{_COUNT}))?\s*$"
)
#: What yafscii prints; a uniflow has no way back.
_YAFSCII = (
    rf"{_STAMP}- [\d:.]+ \((?P<duration>[\d.]+) sec\) (?P<proto>\w+) {_CLIENT}=>{_SERVER}"
    r".*\((?P<packets>\d+)/(?P<bytes>\d+) (?:->|<-> (?P<packets_back>\d+)/(?P<bytes_back>\d+))\)"
)
_ARGUS_END = r"(?P<{0}>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:]*\*?)(?:\.(?P<{1}>[\w*-]+))?"
_ARGUS = (
    r"^ *(?P<start>(?:(?:\d{4}[-/])?\d\d[-/]\d\d[ .T])?\d\d:\d\d:\d\d\.\d+|\d{10}\.\d+) +(?:\S +){0,6}?"
    rf"(?P<proto>[a-z][a-z0-9-]+\*?) +{_ARGUS_END.format('client', 'client_port')} +"
    rf"(?P<direction><?[-?|o]>|<[-?|o]|who) +{_ARGUS_END.format('server', 'port')} +\d+ +\d+"
    r"(?: +[A-Z]{2,4})?\s*$"
)
PATTERNS = (_PRINTED, _PRINTED_BOTH, _PRINTED_EVENT, _YAFSCII, _ARGUS)
CLAIMS = pl.any_horizontal(pl.col("line").str.contains(ascii_only(pattern)) for pattern in PATTERNS)


def reader(pattern: str) -> layouts.Reader:
    """Reads `COLUMNS` of lines printed so, as far as they have them."""
    return lambda lines: _dated(patterns.read(lines["line"], pattern))


def _dated(read: pl.DataFrame) -> pl.DataFrame:
    day = r"^(\d{4})[-/](\d\d)[-/](\d\d)[ .T]"
    return read.with_columns(pl.col("start").str.replace(day, "$1-$2-$3 "))
