"""What follows from what a record tells.

A record counts what its source sent, unless it is a biflow and counts the way back, too (`obyt`,
`out_bytes`). A sampled record says its rate, and is scaled by it. Times in milliseconds since the exporter's
start tell no time of day, and 0 stands for none; between 17 and 29 days after it they look like an epoch's
seconds, and only the time the record was sent tells them apart. Where a router translates addresses, an
answer goes to the router's, and `226`, `228` are the client's. Argus turns a record round whose `Dir` is
`<-`; its `TotBytes` are of both directions, and all its bytes those of frames (checked with 5.0: a lone SYN
has 74). nfdump rounds what it prints for people (`1.2 M`), unless told `-N`. A firewall's event (NSEL) tells
that it began (CREATE: no bytes yet), goes on (UPDATE), ended (DELETE) or was refused (DENIED); nel is of
translations and counts nothing.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

#: Numbers (firewallEvent) and names of a firewall's events, by the word nfdump has for them.
_EVENTS = {
    **{"1": "CREATE", "2": "DELETE", "3": "DENIED", "5": "UPDATE"},
    **{f"flow {word}": word[:6].upper() for word in ("created", "deleted", "denied", "update")},  # Telegraf
}
#: Their counts are those since the event before.
_PHASES = {"CREATE": "begin", "UPDATE": "delta", "DELETE": "end-delta"}
_DENIED = "DENIED"
_UNITS = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}
_FRAME_HEADER = 14


def told(read: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of `COLUMNS`."""
    fields = _untranslated(_turned(_without_frames(read.with_columns(pl.all().str.strip_chars(" ")))))
    return fields.select(
        **_when(),
        **_who(),
        **_volume(),
        **_event(),
        kind=pl.lit("flow"),
        reason=one_of({NO_PORTS: ~has_ports(_protocol())}),
    )


def _without_frames(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with Argus' bytes of frames as those from IP on."""
    back = (_number("frame_bytes_both") - _number("frame_bytes")).cast(pl.String)
    fields = fields.with_columns(frame_bytes_back=pl.coalesce("frame_bytes_back", back))
    return fields.with_columns(_from_ip_on(""), _from_ip_on("_back"))


def _from_ip_on(way: str) -> pl.Expr:
    headers = _FRAME_HEADER * _number(f"packets{way}").fill_null(0)
    bare = (_number(f"frame_bytes{way}") - headers).cast(pl.String)
    return pl.coalesce(f"bytes{way}", bare).alias(f"bytes{way}")


def _turned(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with the sides exchanged where the second one began."""
    sides = (
        ("client", "server"), ("client_port", "port"), ("packets", "packets_back"), ("bytes", "bytes_back")
    )  # fmt: skip
    back = (pl.col("direction") == "<-").fill_null(False)
    return fields.with_columns(
        pl.when(back).then(other).otherwise(one).alias(one)
        for pair in sides
        for one, other in (pair, pair[::-1])
    )


def _untranslated(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with the client behind the translated address that an answer was sent to."""
    is_answer = _number("client_port") < _number("port")
    told = is_answer & ~pl.col("behind").is_in(["", "0.0.0.0", "::"])
    port = pl.when(_number("behind_port") > 0).then("behind_port")
    return fields.with_columns(
        server=pl.when(told).then("behind").otherwise("server"),
        port=pl.when(told).then(pl.coalesce(port, "port")).otherwise("port"),
    )


def _when() -> dict[str, pl.Expr]:
    began, ended = _micros("start"), _micros("end")
    second = pl.when(_is_uptime("start")).then(1_000_000_000).otherwise(1_000_000)
    lasted = pl.when(ended >= began).then((ended - began) / second)
    untold = _is_uptime("start") | pl.col("start").str.starts_with("1970-01-01T00:00:00").fill_null(False)
    undated = _is_uptime("start") & (pl.col("start") != "0")  # reads as no time
    return {
        "time": pl.coalesce(pl.when(~untold).then("start"), "exported", pl.when(undated).then("start")),
        "ended": pl.when(lasted.is_null() & ~_is_uptime("end")).then("end"),
        "duration_s": pl.coalesce(pl.col("duration").cast(pl.Float64, strict=False), lasted),
    }


def _who() -> dict[str, pl.Expr]:
    host = pl.col("host").str.strip_chars("\x00 ")  # of a field of a fixed length
    host = pl.when(host != "").then(host)
    return {
        "client": pl.col("client"),
        "client_port": pl.col("client_port"),
        "server": pl.col("server"),
        "server_port": pl.col("port"),
        "transport": _protocol(),
        "host": host,
        "name_from": one_of({"sni": host.is_not_null()}),
        "observer": pl.col("observer"),
    }


def _protocol() -> pl.Expr:
    return pl.col("proto").str.to_lowercase()


def _volume() -> dict[str, pl.Expr]:
    up, down = _number("bytes"), _number("bytes_back")
    rate = pl.col("rate").cast(pl.Int64, strict=False)
    rate = pl.when(rate > 1).then(rate).otherwise(1)
    # An event prints 0 for what was not told.
    counted = (pl.col("event").is_null() | (up > 0) | (down > 0)).fill_null(False)
    return {
        "bytes_up": pl.when(counted).then(up * rate),
        "packets_up": _number("packets") * rate,
        "bytes_down": pl.when(_is_biflow()).then(down * rate),
        "packets_down": pl.when(_is_biflow()).then(_number("packets_back") * rate),
    }


def _is_biflow() -> pl.Expr:
    return ((_number("bytes_back") > 0) | (_number("packets_back") > 0)).fill_null(False)


def _event() -> dict[str, pl.Expr]:
    event = pl.col("event").replace(_EVENTS)
    is_denied = event == _DENIED
    phase = event.replace_strict(_PHASES, default=None, return_dtype=pl.String)
    connection = pl.concat_str("client", "client_port", "server", "port", _protocol(), separator="|")
    return {
        "session": pl.when(phase.is_not_null()).then(connection),
        "phase": phase,
        "one_way": ~_is_biflow() & phase.is_null() & ~is_denied.fill_null(False),
        "action": one_of({"blocked": is_denied, "allowed": phase.is_not_null()}),
    }


def _number(name: str) -> pl.Expr:
    """A count, also one rounded to `1.2 M` (nfdump counts by thousands)."""
    text = pl.col(name)
    unit = text.str.extract(r"^[\d.]+ ([KMGT])$").replace_strict(_UNITS, default=None, return_dtype=pl.Int64)
    rounded = text.str.extract(r"^([\d.]+) [KMGT]$").cast(pl.Float64, strict=False) * unit
    return pl.coalesce(text.cast(pl.Int64, strict=False), rounded.round().cast(pl.Int64, strict=False))


def _is_uptime(name: str) -> pl.Expr:
    """Milliseconds since the exporter started, of 32 bits; some in between may be seconds of an epoch."""
    number = pl.col(name).cast(pl.Int64, strict=False)
    is_uptime = (number < 1_500_000_000) | number.is_between(2_500_000_000, (1 << 32) - 1)
    # Records are sent within the hour; seconds of an epoch that say otherwise are none.
    apart = (_micros("exported") - number * 1_000_000).abs() > 86_400_000_000
    return (is_uptime | ((number < 1 << 32) & apart)).fill_null(False)


def _micros(name: str) -> pl.Expr:
    """An epoch of any unit, or ISO text, in microseconds."""
    number = pl.col(name).cast(pl.Int64, strict=False)
    scaled = (
        pl.when(number < 100_000_000_000)
        .then(number * 1_000_000)
        .when(number < 100_000_000_000_000)
        .then(number * 1_000)
        .when(number < 100_000_000_000_000_000)
        .then(number)
        .otherwise(number // 1_000)
    )
    text = (
        pl.col(name)
        .str.replace("T", " ")
        .str.replace("Z$", "")
        .str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    )
    return pl.coalesce(scaled, text.dt.epoch("us"))
