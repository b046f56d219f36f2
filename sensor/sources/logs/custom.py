r"""A log format written down in TOML, for a product nobody here knows.

    name = "corp-proxy"                       # how `source` is called in the lake
    help = "the proxy at the branch office"
    vantage = "proxy"                         # dns, proxy, firewall, flow, endpoint, identity
    kind = "proxy"                            # of every row: dns, tls, http, proxy, flow, lease
    timezone = "Europe/Berlin"                # of stamps without an offset; default UTC
    time_format = "%d/%m/%Y %H:%M:%S"         # only where the stamp is none of the usual shapes
    at_end = true                             # the line is written when the transaction ends
    claim = '^\d{4}-.* CORP '                 # which lines are meant; default: by the layout below

    [layout]                                  # one of these five
    delimiter = ";"                           # with `columns`, or with `header = true` for a header line
    columns = ["time", "src", "", "site", "out", "in"]
    # pattern = '(?P<time>\S+) (?P<src>\S+) (?P<site>\S+)'
    # keyvalue = " "                          # key=value, separated by this
    # json = true
    # format = '$remote_addr [$time_local] "$request" $status $request_length $bytes_sent'
    #   as in the settings of nginx, Apache, Squid, HAProxy or Envoy, the directive around it too; then
    #   [fields] is only needed for placeholders of the site's own: user_name = "http_x_user"
    # dialect = "nginx"                       # only where the string itself does not show whose it is

    [fields]                                  # our column = theirs; `a|b` takes the first that is there
    time = "time"
    client = "src"
    host = "site"
    bytes_up = "out"

    [fixed]                                   # our column = a constant
    transport = "tcp"

    [actions]                                 # their word = allowed, blocked, reset
    PERMIT = "allowed"

Our columns are those of `fields.FIELDS`; `date` and `time` in theirs may be joined: `time = "date+time"`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sensor import schema
from sensor.errors import UsageError, reason_of
from sensor.settings import Zone
from sensor.sources.interface import Proof
from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import (
    commas,
    formatstrings,
    keyvalue,
    layouts,
    objects,
    patterns,
    requests,
    stamps,
)
from sensor.sources.logs.text.escapes import unescaped

_Action = Literal["allowed", "blocked", "reset", "unknown"]
#: What a format can prove: that which one of these columns tells.
_PROVES: dict[Proof, set[str]] = {
    "host": {"host", "url"},
    "path": {"path", "url"},
    "user": {"user_name"},
    "device": {"device", "client_mac"},
    "bytes_up": {"bytes_up"},
    "bytes_down": {"bytes_down"},
    "action": {"action"},
    "user_agent": {"user_agent"},
    "fingerprint": {"ja4"},
}


#: Columns that a file may fill: `row` and `at` are for formats that are programs.
_OURS = {name: dtype for name, (dtype, _) in FIELDS.items() if name not in ("row", "at")}
#: What a constant in [fixed] may be, by the type of its column.
_CONSTANTS: dict[pl.DataType, tuple[tuple[type, ...], str]] = {
    pl.String(): ((str,), "a text"),
    pl.Int64(): ((int,), "a whole number"),
    pl.Float64(): ((int, float), "a number"),
    pl.Boolean(): ((bool,), "true or false"),
}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
#: Columns that hold an address, and its forms: with a port, in brackets.
_ADDRESSES, _ADDRESS = (
    ("client", "server"),
    r"\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)(?:%\w+)?\]?(?::\d+)?",
)
#: A named group of a regular expression.
_GROUP = re.compile(r"\(\?P?<(\w+)>")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Layout(_Part):
    """How a line is taken apart."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    columns: tuple[str, ...] = ()
    header: bool = False
    pattern: str | None = None
    keyvalue: str | None = Field(default=None, min_length=1, max_length=1)
    json_lines: bool = Field(default=False, alias="json")
    format_string: str | None = Field(default=None, alias="format", min_length=2, max_length=8192)
    dialect: formatstrings.Dialect | None = None

    @cached_property
    def understood(self) -> formatstrings.FormatString | None:
        """The format string, if that is the layout. Raises ValueError."""
        return formatstrings.read(self.format_string, self.dialect) if self.format_string else None

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = [
            self.delimiter is not None,
            self.pattern is not None,
            self.keyvalue is not None,
            self.json_lines,
            self.understood is not None,
        ]
        if sum(ways) != 1:
            raise ValueError("name exactly one of delimiter, pattern, keyvalue, json and format")
        if self.delimiter is not None and bool(self.columns) == self.header:
            raise ValueError("a delimiter needs either columns or header = true")
        named = [name for name in self.columns if name]
        if twice := next((name for name in named if named.count(name) > 1), None):
            raise ValueError(f"two columns are called {twice!r}")
        return self

    @property
    def names(self) -> Collection[str] | None:
        """The names that the layout gives to parts of a line; None if only a log tells them."""
        if self.understood is not None:
            return self.understood.names
        if self.pattern is not None:
            return _GROUP.findall(self.pattern)
        return self.columns or None


class Format(_Part):
    """The whole file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    help: str = ""
    vantage: Literal["dns", "proxy", "firewall", "flow", "endpoint", "identity"] = "proxy"
    kind: Literal["dns", "tls", "quic", "http", "proxy", "flow", "lease"] | None = None
    timezone: Zone | None = None
    time_format: str | None = None
    at_end: bool = False
    claim: str | None = None
    layout: Layout
    fields: dict[str, str] = Field(default_factory=dict)
    fixed: dict[str, str | int | float | bool] = Field(default_factory=dict)
    actions: dict[str, _Action] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        for name in (*self.fields, *self.fixed):
            if name not in _OURS:
                raise ValueError(f"no column {name!r}; known: {', '.join(_OURS)}")
        for name, value in self.fixed.items():
            kinds, told = _CONSTANTS.get(_OURS[name], ((), "no constant"))
            if type(value) not in kinds:
                raise ValueError(f"{name} takes {told}, not {value!r}")
        for pattern in (self.claim, self.layout.pattern):
            if pattern is not None:
                _compiled(pattern)
        known = self.layout.names
        for theirs in _theirs(self.fields):
            if known is not None and theirs not in known:
                names = ", ".join(filter(None, known))
                raise ValueError(f"{theirs!r} is no part of the layout; it has {names}")
        if self.layout.understood is None and not self.fields:
            raise ValueError("[fields] says which columns are ours")
        return self


def read(file: Path) -> type[LogFormat]:
    """The format that `file` describes. Raises UsageError with the place and what to mend."""
    try:
        described = Format(**tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(reason_of(error), place=str(file), hint="check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"not valid TOML: {error}", place=str(file), hint="see `shadowai sources --help`"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{where}: {text}" if where else text, place=str(file), hint="correct the file"
        ) from None
    return log_format(described)


def log_format(described: Format) -> type[LogFormat]:
    """`described` as a format like any other."""
    have = {*described.fields, *described.fixed, *_told_by_string(described.layout)}

    class Custom(LogFormat):
        """Reads a format of the user's own."""

        name = described.name
        help = described.help or "a format of your own"
        vantage = described.vantage
        proof = tuple(what for what, fields in _PROVES.items() if not have.isdisjoint(fields))
        claims = _claims(described)
        header = _header(described)
        own_zone = described.timezone

        def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
            """As the file says."""
            return _typed(_parse(described, lines), self)

    return Custom


def _claims(described: Format) -> pl.Expr:
    """By `claim`, else by what only the layout shows."""
    line, layout = pl.col("line"), described.layout
    if described.claim is not None:
        return line.str.contains(described.claim)
    if layout.pattern is not None:
        return line.str.contains(layout.pattern)
    if layout.understood is not None:
        return line.str.contains(layout.understood.pattern)
    theirs = _theirs(described.fields)
    if layout.json_lines:
        keys = [line.str.contains(rf'"{re.escape(name.split(".")[-1])}"\s*:') for name in theirs]
        return line.str.contains(r"^\s*\{") & (pl.sum_horizontal(keys) >= (len(keys) + 1) // 2)
    if layout.keyvalue is not None:
        keys = [line.str.contains(rf"\b{re.escape(name)}=") for name in theirs]
        return pl.sum_horizontal(keys) >= (len(keys) + 1) // 2
    if layout.header or layout.delimiter is None:
        return pl.lit(False) & line.is_not_null()
    enough = line.str.count_matches(layout.delimiter, literal=True) >= len(layout.columns) - 1
    return enough & line.str.contains(_columns_fit(layout, described.fields))


def _columns_fit(layout: Layout, fields: dict[str, str]) -> str:
    """Addresses where there should be some, and a digit in a time: most text has enough commas or blanks."""
    sign = re.escape(layout.delimiter or ",")
    forms = {name: rf'"?(?:{_ADDRESS}|-?)"?' for ours in _ADDRESSES if (name := fields.get(ours))}
    times = {ours: name for ours, name in fields.items() if ours == "time"}
    forms |= dict.fromkeys(_theirs(times), rf"[^{sign}]*\d[^{sign}]*")
    parts = [forms.get(name, rf'(?:"[^"]*"|[^{sign}]*)') for name in layout.columns]
    return f"^{sign.join(parts)}(?:{sign}|$)"


def _header(described: Format) -> str:
    """The header line: it has two of the names that the file asks for, in any order."""
    layout = described.layout
    if not layout.header or layout.delimiter is None:
        return ""
    names = "|".join(re.escape(name) for name in _theirs(described.fields))
    sign = re.escape(layout.delimiter)
    return rf'(?i)^[#\s"]*(?:[^{sign}]*{sign})*"?(?:{names})"?(?:{sign}.*(?:{names}))+'


def _parse(described: Format, lines: pl.DataFrame) -> pl.DataFrame:
    asked = sorted(set(_theirs(described.fields)))
    understood = described.layout.understood
    if understood is None:
        read = _taken_apart(described.layout, lines, asked)
        out = read.select(_column(spelled).alias(name) for name, spelled in described.fields.items())
    else:
        read, out = _by_string(understood, lines["line"], described.fields)
    out = out.with_columns(pl.lit(value).alias(name) for name, value in described.fixed.items())
    if described.kind is not None:
        out = out.with_columns(kind=pl.lit(described.kind))
    if described.actions and "action" in out.columns:
        out = out.with_columns(pl.col("action").replace(described.actions))
    if described.at_end:
        out = out.with_columns(at_end=pl.lit(True))
    if described.time_format is not None and "time" in out.columns:
        stamp = pl.col("time").str.to_datetime(described.time_format, strict=False, time_unit="us")
        offset = "%z" if "%z" in described.time_format else ""
        out = out.with_columns(time=stamp.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.6f{offset}"))
    said = pl.col("reason") if "reason" in out.columns else None
    return out.with_columns(reason=pl.when(_empty(read)).then(pl.lit("not this format")).otherwise(said))


def _typed(out: pl.DataFrame, source: LogFormat) -> pl.DataFrame:
    """`out` with texts as times, truth values and lists where our column holds such."""

    def of(name: str) -> pl.Series:
        text, dtype = out[name], _OURS.get(name)
        if text.dtype != pl.String or dtype is None:
            return text
        if dtype == schema.TIME:
            return stamps.read(text, source.zone, source.reference)
        if dtype == pl.Boolean:
            return text.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
        return text.str.extract_all(r"[^\[\]\s\",;]+") if dtype == pl.List else text

    return out.with_columns(of(name).alias(name) for name in out.columns)


def _theirs(fields: dict[str, str]) -> list[str]:
    return [name for spelled in fields.values() for name in re.split(r"[|+]", spelled)]


def _by_string(
    understood: formatstrings.FormatString, lines: pl.Series, fields: dict[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The groups of a format string, and our columns: what its placeholders mean, `fields` before that."""
    groups = patterns.read(lines, understood.pattern)
    parts = requests.named(groups, understood.meanings)
    if sign := formatstrings.ESCAPES.get(understood.dialect):
        parts = parts.with_columns(unescaped(parts["user"], sign).alias("user"))
    at_end = understood.dialect in formatstrings.STAMPS_THE_END
    out = parts.select(**requests.fields(at_end=at_end))
    by_name = groups.select(pl.col(group).alias(name) for name, group in understood.names.items())
    own = by_name.select(_column(spelled).alias(name) for name, spelled in fields.items())
    return groups, out.with_columns(own.get_columns())


def _told_by_string(layout: Layout) -> set[str]:
    """Our columns that a format string fills."""
    if layout.understood is None:
        return set()
    parts = set(layout.understood.meanings.values())
    by = {"user": "user_name", "up": "bytes_up", "down": "bytes_down", "body_down": "bytes_down",
          "sni": "host",
          "target": "url", "request": "url", "agent": "user_agent", "mac": "client_mac", "result": "action",
          "flags": "action", "status": "action", "host": "host"}  # fmt: skip
    return {ours for theirs, ours in by.items() if theirs in parts}


def _empty(read: pl.DataFrame) -> pl.Series:
    return read.select(pl.all_horizontal(pl.all().is_null()).alias("empty"))["empty"]


def _taken_apart(layout: Layout, lines: pl.DataFrame, asked: list[str]) -> pl.DataFrame:
    line = lines["line"]
    if layout.json_lines:
        return objects.read(line, asked)
    if layout.keyvalue is not None:
        return keyvalue.read(line, asked, separator=layout.keyvalue)
    if layout.pattern is not None:
        return layouts.conformed(patterns.read(line, layout.pattern), asked)
    sign = layout.delimiter or ","
    if layout.header:
        return commas.read_headed(lines, asked, separator=sign)
    return layouts.conformed(commas.read(line, layout.columns, separator=sign), asked)


def _column(spelled: str) -> pl.Expr:
    """`a|b` is the first that is there, `a+b` both with a space between."""
    choices = [
        pl.concat_str(choice.split("+"), separator=" ") if "+" in choice else pl.col(choice)
        for choice in spelled.split("|")
    ]
    return pl.coalesce(choices)


def _compiled(pattern: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"not a regular expression: {str(error).splitlines()[-1].strip()}") from None
