r"""Requests and tunnels of access logs as `FIELDS`, whatever a log calls its parts.

Parts (all text, all optional): client (address, or address:port), client_port, forwarded, user, mac, time,
seconds, millis, micros, request (`GET /p HTTP/1.1`), method, target (path, URL or host:port), host, sni,
status, up, down, body_down, agent, server (address, or address:port), server_port, transport, result (Squid's
word), flags (HAProxy's or Envoy's).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sensor.sources.logs.text.words import one_of, said

PARTS = (
    "client", "client_port", "forwarded", "user", "mac", "time", "seconds", "millis", "micros", "request",
    "method", "target", "host", "sni", "status", "up", "down", "body_down", "agent", "server", "server_port",
    "transport", "result", "flags",
)  # fmt: skip
_WHOLE = r"^(?:[A-Za-z]{2,6}://|\[?[^/\s]+:\d+$)"
_PORT = r"^(?:[^:\]]+|\[[^\]]+\]):(\d+)$"
#: The first of several servers, without its scheme.
_SERVER = r"^(?:\w+://)?([^\s,]+)"


def fields(*, at_end: bool) -> dict[str, pl.Expr]:
    """Expressions over the columns of `named`, by column of `FIELDS`."""
    asked = pl.col("request").str.extract_groups(r"^(?<verb>[A-Z][A-Z_-]*) (?<target>\S+)")
    verb = pl.coalesce(_told("method"), asked.struct.field("verb"))
    target = pl.coalesce(_told("target"), asked.struct.field("target"))
    whole = (target.str.contains(_WHOLE) | (verb == "CONNECT")).fill_null(False)
    is_request = verb.is_not_null() | target.is_not_null()
    host = pl.coalesce(_told("host"), pl.when(~is_request).then(_told("sni")))
    client = pl.coalesce(_told("client"), _told("forwarded").str.extract(r"^\"?([^\s,\"]+)"))
    there = _told("server").str.extract(_SERVER)
    refused = _told("result").str.contains("DENIED") | _told("flags").str.contains(
        r"^PR|\bUAEX\b|\bRLSE\b|\bRL\b"
    )
    refused |= (verb == "CONNECT") & pl.col("status").is_in(["403", "405", "407"])
    failed = _told("flags").str.contains(r"^[SC][CH]|\b(?:UF|UH|NR|UC|UT|LR)\b").fill_null(False)
    return {
        "time": _told("time").str.strip_chars("[]"),
        "at_end": pl.lit(at_end),
        "duration_s": pl.coalesce(_number("micros") / 1e6, _number("millis") / 1e3, _number("seconds")),
        "kind": one_of({"proxy": is_request, "tls": _told("sni").is_not_null()}, otherwise="flow"),
        "client": _address(client),
        "client_port": pl.coalesce(_told("client_port"), client.str.extract(_PORT)),
        "client_mac": _told("mac"),
        "user_name": _told("user"),
        "url": pl.when(whole).then(target).when(is_request).then(pl.coalesce(host, _told("sni"))),
        "host": pl.when(~is_request).then(host),
        "path": pl.when(~whole & target.str.starts_with("/")).then(target),
        "method": verb,
        "status": pl.col("status"),
        "user_agent": _told("agent"),
        "server": _address(there).str.extract(r"^([0-9a-fA-F.:]+)$"),
        "server_port": pl.coalesce(_told("server_port"), there.str.extract(_PORT)),
        "transport": pl.coalesce(_told("transport"), pl.lit("tcp")),
        "bytes_up": pl.col("up").str.strip_prefix("+"),
        "bytes_down": pl.coalesce(_told("down"), _told("body_down")).str.strip_prefix("+"),
        "action": one_of({"blocked": refused, "reset": failed}, otherwise="allowed"),
    }


def _address(text: pl.Expr) -> pl.Expr:
    """Without a port; an IPv6 address without brackets has none behind it."""
    four, bracketed = r"^((?:::ffff:)?\d+\.\d+\.\d+\.\d+)(?::\d+)?$", r"^\[([^\]]+)\](?::\d+)?$"
    return pl.coalesce(text.str.extract(four), text.str.extract(bracketed), text)


def _told(name: str) -> pl.Expr:
    return said(name, "-")


def _number(name: str) -> pl.Expr:
    return pl.col(name).str.strip_prefix("+").cast(pl.Float64, strict=False)


def named(found: pl.DataFrame, meanings: Mapping[str, str]) -> pl.DataFrame:
    """`found` (groups of a pattern) as `PARTS`."""
    nothing = pl.lit(None, dtype=pl.String)
    by_part = {part: group for group, part in meanings.items()}
    return found.select(
        # HAProxy's `+Q` puts quotes around a value.
        (pl.col(by_part[part]).str.strip_chars('"') if part in by_part else nothing).alias(part)
        for part in PARTS
    )
