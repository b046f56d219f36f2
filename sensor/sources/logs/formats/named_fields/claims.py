"""What a line must have: a client, and what it asked for."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.named_fields.vocabulary import LEVELS, spelled
from sensor.sources.logs.text.patterns import ascii_only

ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]+\]?)"
#: Between a name and its value: in JSON, or an equals sign or colon.
_IS = r"(?:_[sdgbt])?\"?\s*[=:]\s*(?:\[\s*)?\"?"
_BEFORE = rf"(?i)(?:^|[\s,;:|\[({{\".])(?:_|{LEVELS})?"
#: A name may be of any script. To fold the case of all takes forty times as long as the rest.
_LABEL = r"(?-i:[\w\x{80}-\x{10FFFF}-]+)"
_HOST = rf"{_LABEL}(?:\.{_LABEL})+"
_CLIENT = (
    rf"{_BEFORE}(?:{spelled('client', 'local')}{_IS}{ADDRESS}(?:[^\w.]|$)|"
    rf"(?:src|source|client)\"\s*:\s*\{{[^}}]*\"(?:ip|addr|address)\"\s*:\s*(?:\[\s*)?\"{ADDRESS})"
)
_ADDRESSED = rf"{spelled('server', 'remote')}{_IS}{ADDRESS}(?:[^\w.]|$)"
_NAMED = rf"{spelled('server')}{_IS}{_HOST}:\d"
_SOURCE = rf"{_BEFORE}{spelled('source')}{_IS}{ADDRESS}(?:[^\w.]|$)"
_SERVER = (
    rf"{_BEFORE}(?:{_ADDRESSED}|"
    rf"(?:dst|dest|destination)\"\s*:\s*\{{[^}}]*\"(?:ip|addr|address)\"\s*:\s*(?:\[\s*)?\"{ADDRESS}|"
    rf"{spelled('url', 'web_host', 'sni', 'named', 'server')}{_IS}(?:https?://)?{_HOST})"
)
_QUESTION = rf"{_BEFORE}(?:{spelled('question')}{_IS}|question\"\s*:\s*\{{[^}}]*\"q?name\"\s*:\s*\"){_HOST}"
_TYPE = rf"{_BEFORE}{spelled('type', 'rcode')}{_IS}\w|\"question\"\s*:\s*\{{|(?i:\bdns)"
_ANY_HOST = rf"{_BEFORE}host{_IS}{_HOST}:\d|{_BEFORE}{spelled('method', 'request')}{_IS}[A-Z]{{3}}"
_METHODS = "GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH"
_SERVED = (
    rf"{_BEFORE}{spelled('remote', 'asker')}{_IS}{ADDRESS}(?:[^\w.]|$)",
    rf"{_BEFORE}{spelled('method')}{_IS}(?-i:{_METHODS})\b",
    rf"{_BEFORE}{spelled('url', 'path', 'any_path')}{_IS}/",
)


def _has(pattern: str) -> pl.Expr:
    return pl.col("line").str.contains(ascii_only(pattern))


CLAIMS = (
    (_has(_CLIENT) & (_has(f"{_SERVER}|{_ANY_HOST}") | (_has(_QUESTION) & _has(_TYPE))))
    | (_has(_SOURCE) & _has(f"{_BEFORE}(?:{_ADDRESSED}|{_NAMED})"))
    | pl.all_horizontal(_has(part) for part in _SERVED)
)
