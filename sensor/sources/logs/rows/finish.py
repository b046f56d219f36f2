"""Turns the `FIELDS` that families parse into rows of observations, answers and leases.

Addresses, host names, times, actions and accounts are cleaned here, once for all formats.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from sensor import schema
from sensor.coded import Remembered, by_value
from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.rows import flows, records
from sensor.sources.logs.text import accounts, hosts, keys, stamps, urls, verdicts
from sensor.sources.logs.text.reasons import NO_DESTINATION, NO_PORTS, REVERSE

if TYPE_CHECKING:
    from sensor.sources.logs.family import Family

NO_TIME = "no time that can be read"
NO_CLIENT = "set aside: names no client"
NO_NAME = "set aside: not a host name (single label or invalid)"
#: A time of day this near the beginning of a line is its time stamp.
_CLOCK, _HEAD_CHARS = r"(?:^|[^0-9A-Fa-f:])\d{1,2}:\d\d:\d\d(?:[^0-9A-Fa-f:]|$)", 40
_PORT = r":\d{1,5}$"
#: Texts that mean "no value" in any column.
_NOTHING = (
    "",
    "-",
    "N/A",
    "<n/a>",
    "NA",
    "None",
    "none",
    "null",
    "(null)",
    "(empty)",
    "NotAvailable",
    "not-resolved",
    "UNDEF",
    '""',
    "--",
)
_NAME_FROM = {
    "dns": "qname", "tls": "sni", "quic": "quic_sni", "http": "http_host", "proxy": "url", "flow": "address",
}  # fmt: skip
#: ICMP, IGMP, tunnels and routing: nobody uses a service through them.
_LAYERS = (
    *("icmp", "icmp6", "icmpv6", "ipv6-icmp", "igmp", "gre", "esp", "ah", "ospf", "pim", "vrrp"),
    *("1", "2", "47", "50", "51", "58", "89", "103", "112"),
)
_TRANSPORTS = dict.fromkeys(_LAYERS, NO_PORTS) | {
    "6": "tcp",
    "17": "udp",
    "tcp": "tcp",
    "udp": "udp",
    "quic": "udp",
    "tls": "tcp",
    "http": "tcp",
    "https": "tcp",
}


def rows(parsed: pl.DataFrame, lines: pl.DataFrame, family: Family) -> pl.DataFrame:
    """`parsed` (any of `FIELDS`, and `row`) as observations, with `at`, `reason` and the columns of leases.

    `row` is the index of the row's line in `lines`, whose columns `stamp` and `header` come from envelopes.
    """
    have = dict(parsed.schema)
    fields = parsed.select(
        "row",
        *(
            by_value(parsed[name], _something)["text"].alias(name)
            if isinstance(have.get(name), pl.Categorical)
            else _typed(name, dtype, have.get(name))
            for name, (dtype, _) in FIELDS.items()
            if name != "row"
        ),
    )
    at = _times(fields, lines.select("line", "stamp")[fields["row"]], family)
    fields = fields.with_columns(at, _lasted(fields, at, family))
    fields = _located(_named(_keyed(fields, lines["line"])))
    began = pl.when(pl.col("at_end").fill_null(False)).then(pl.col("duration_s").fill_null(0)).otherwise(0.0)
    fields = fields.with_columns(
        seen_at=pl.col("at") - pl.duration(microseconds=(began * 1_000_000).round().cast(pl.Int64)),
        reason=_reason(),
    )
    nothing = (
        pl.lit(None, dtype=schema.TIME).alias("started_at"),
        pl.lit(None, dtype=pl.Int64).alias("slice"),
    )
    coded = (name for name, dtype in fields.schema.items() if isinstance(dtype, pl.Categorical))
    texts = (pl.col(name).cast(pl.String) for name in coded)
    fields = fields.with_columns(*nothing, *texts, name_from=_name_from())
    return flows.oriented(fields, family.internal_networks)


def _something(texts: pl.Series) -> pl.DataFrame:
    """The texts that mean "no value" as NULL."""
    return pl.DataFrame({"text": texts.set(texts.is_in(_NOTHING), None)})


@cache
def _typed(name: str, dtype: pl.DataType, have: pl.DataType | None) -> pl.Expr:
    """The column, of which we `have` a type or nothing, as its type: nothing-words NULL, counts never
    negative."""
    column = pl.col(name)
    if have is None:
        return pl.lit(None, dtype=dtype).alias(name)
    if have == pl.String and dtype != pl.String:
        column = column.str.strip_chars()
    if dtype == pl.String:
        text = column.cast(pl.String)
        return pl.when(~text.is_in(_NOTHING)).then(text).alias(name)
    if dtype == pl.Int64:
        number = column.cast(pl.Int64, strict=False)
        return pl.when(number >= 0).then(number).alias(name)
    if name == "duration_s":
        return records.seconds(column).alias(name)
    return column.cast(dtype, strict=False).alias(name)


def _times(fields: pl.DataFrame, lines: pl.DataFrame, family: Family) -> pl.Series:
    """The row's own time, else its stamp's, else the envelope's.

    A line that carries none at all (CoreDNS, some resolvers' syslog without its head) was written, at the
    latest, when its file was: the reference. For who held an address that is too vague. A stamp that is
    there and cannot be read stays unread, also one before which no envelope was recognised.
    """
    stamp = lines["stamp"]
    at = fields["at"]
    if at.null_count():
        zones = fields["zone"] if fields["zone"].null_count() < fields.height else None
        own = stamps.read(fields["time"], family.zone, family.reference, zones=zones)
        at = pl.select(pl.coalesce(at, own)).to_series()
    if at.null_count():
        left = pl.select(pl.when(at.is_null()).then(stamp)).to_series()
        at = pl.select(pl.coalesce(at, stamps.read(left, family.zone, family.reference))).to_series()
    bare = (fields["time"].is_null() & stamp.is_null() & at.is_null()).alias("bare")
    if family.reference is not None and bare.any():
        bare &= ~((fields["kind"] == "lease") & fields["lease_from"].is_null()).fill_null(False)
        bare &= ~lines["line"].str.head(_HEAD_CHARS).str.contains(_CLOCK).fill_null(False)
        at = pl.select(
            pl.when(~bare).then(at).otherwise(pl.lit(family.reference, dtype=schema.TIME))
        ).to_series()
    seconds = at.dt.epoch("s")
    sane = seconds.is_between(records.EARLIEST_S, records.LATEST_S)
    return pl.select(pl.when(sane).then(at).cast(schema.TIME)).to_series().alias("at")


def _lasted(fields: pl.DataFrame, at: pl.Series, family: Family) -> pl.Series:
    """`duration_s`; where only the end is known, from `at` to the end."""
    stated = fields["duration_s"]
    places = (fields["ended"].is_not_null() & stated.is_null()).arg_true()
    if places.is_empty():
        return stated
    end = stamps.read(fields["ended"].gather(places), family.zone, family.reference)
    lasted = (end - at.gather(places)).dt.total_microseconds() / 1_000_000
    return stated.scatter(places, pl.select(records.seconds(pl.lit(lasted))).to_series())


def _named(fields: pl.DataFrame) -> pl.DataFrame:
    """Addresses, accounts and words in one spelling, once per unique value."""
    account = accounts.split(fields["user_name"])
    # What a machine does by itself is not counted for its owner or user: the machine account stays.
    name = pl.lit(account["device"]).str.extract(r"^([^.]+)")
    machine = pl.when(pl.col("kind") != "lease").then(name + "$")
    fields = fields.with_columns(
        user_name=pl.coalesce(pl.lit(account["user_name"]), machine),
        device=pl.coalesce("device", account["device"]),
        action=verdicts.of(fields["action"]),
    )
    fields = fields.with_columns(
        hosts.addressed(fields["client"]),
        hosts.addressed(fields["server"]),
        *_called(fields["server"]),
        *_mac(fields["client_mac"]),
        *_transport(fields["transport"]),
    )
    layer = (fields["transport"] == NO_PORTS).fill_null(False) & (fields["kind"] != "lease").fill_null(True)
    if not layer.any():
        return fields
    reason = pl.coalesce("reason", pl.when(layer).then(pl.lit(NO_PORTS)))
    return fields.with_columns(reason=reason, transport=pl.when(~layer).then("transport"))


def _first_filled(fields: pl.DataFrame, *names: str) -> pl.Expr:
    """The first of the columns `names` that is not NULL, row by row; empty columns are left out, to save
    time."""
    filled = [name for name in names if fields[name].null_count() < fields.height]
    return pl.coalesce(filled or names[:1])


def _named_server(fields: pl.DataFrame, host: pl.Expr) -> pl.Expr:
    """`host`, or where there is none the server's name; the name of a resolver is not what was asked."""
    if fields["called"].null_count() == fields.height:
        return host
    return pl.when(host.is_null() & (pl.col("kind") != "dns")).then("called").otherwise(host)


@Remembered
def _called(server: pl.Series) -> pl.DataFrame:
    """Names in place of the server's address: some products resolve it, or use names of their own."""
    one = pl.lit(server).str.strip_chars(" \"'").str.to_lowercase()
    name = pl.when(one.str.contains("[a-z]") & ~hosts.is_address(one)).then(one)
    return pl.select(called=hosts.normalise(name))


@Remembered
def _mac(raw: pl.Series) -> pl.DataFrame:
    mac = pl.lit(raw).str.to_lowercase().str.replace_all(r"[-.:]", "")
    mac = pl.when(mac.str.contains(r"^[0-9a-f]{12}$") & (mac != "000000000000")).then(mac)
    pairs = [mac.str.slice(n, 2) for n in range(0, 12, 2)]
    return pl.select(client_mac=pl.concat_str(pairs, separator=":"))


@Remembered
def _transport(raw: pl.Series) -> pl.DataFrame:
    lower = raw.str.to_lowercase()
    return pl.DataFrame(
        {"transport": lower.replace_strict(_TRANSPORTS, default=None, return_dtype=pl.String)}
    )


@Remembered
def _name(asked: pl.Series) -> pl.DataFrame:
    """The name in a host as written, and the address that stands in place of one."""
    bare = pl.lit(asked).str.replace(_PORT, "")
    literal = hosts.address(bare.str.strip_chars("[]"))
    return pl.select(
        host=hosts.normalise(bare.str.strip_chars("[] ")),
        literal=pl.when(hosts.is_address(bare)).then(literal),
    )


@Remembered
def _cname(raw: pl.Series) -> pl.DataFrame:
    return pl.select(cname=hosts.normalise(pl.lit(raw)))


def _keyed(fields: pl.DataFrame, line: pl.Series) -> pl.DataFrame:
    """`fields` with type and fingerprint of an AI key anywhere in the line (URL, header, argument).

    Of lines that the compiled scanner cut, only the URL is searched. What the family found itself takes
    precedence.
    """
    if line.null_count() < len(line):
        found = keys.of_texts(line)[fields["row"]]
    else:
        texts = pl.coalesce(
            pl.when(pl.col(name).str.contains(keys.LIKELY)).then(name)
            for name in ("url", "path")
            if fields.schema[name] == pl.String  # one that was cut up holds none (decode/delimited.py)
        )
        found = keys.of_texts(fields.select("row", text=texts)["text"])
    if all(frame["key_type"].null_count() == fields.height for frame in (found, fields)):
        return fields
    sent = pl.when(pl.coalesce("key_type", found["key_type"]).is_not_null()).then(pl.lit(schema.SENT_KEY))
    return fields.with_columns(
        key_type=pl.coalesce("key_type", found["key_type"]),
        key_print=pl.coalesce("key_print", found["key_print"]),
        software=pl.coalesce("software", sent),
    )


def _is_connect(method: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"is_connect": method.str.to_uppercase() == "CONNECT"})


def _is_secure(url: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"is_secure": url.str.starts_with("https://") | url.str.starts_with("wss://")})


def _located(fields: pl.DataFrame) -> pl.DataFrame:
    """Host, path and server out of `url`, where the family has not read them itself."""
    fields = fields.with_columns(*_name(fields["host"]), *_cname(fields["cname"]), asked=pl.col("host"))
    path = pl.col("path").str.replace(r"[?#].*$", "")
    if fields["url"].null_count() == fields.height:
        return fields.with_columns(
            path=path,
            server=_first_filled(fields, "server", "literal"),
            by_url=pl.lit(False),
            host=_named_server(fields, pl.col("host")),
        )
    url = urls.split(fields["url"])
    url.columns = [f"url_{name}" for name in url.columns]
    tunnel = pl.lit(by_value(fields["method"], _is_connect)["is_connect"].fill_null(False))
    rest = pl.when(~pl.col("url_tunnel").fill_null(False)).then("url_rest")
    secure = by_value(fields["url"], _is_secure)["is_secure"]
    fields = fields.hstack(url)
    return fields.with_columns(
        by_url=pl.col("host").is_null() & pl.col("url_host").is_not_null(),
        host=_named_server(fields, _first_filled(fields, "host", "url_host")),
        path=pl.when(~tunnel).then(pl.coalesce(path, rest, "url_path")),
        server=_first_filled(fields, "server", "literal", "url_literal"),
        server_port=_first_filled(fields, "server_port", "url_port"),
        decrypted=pl.coalesce("decrypted", pl.when(pl.lit(secure) & ~tunnel).then(pl.lit(True))),
    ).drop(url.columns)


@cache
def _reason() -> pl.Expr:
    """Why a row is no observation, after what the family itself says."""
    kind = pl.col("kind")
    nobody = pl.all_horizontal(pl.col(name).is_null() for name in ("client", "user_name", "device"))
    nowhere = pl.col("host").is_null() & pl.col("server").is_null()
    dns = (kind == "dns").fill_null(False)
    asked = pl.col("asked").str.to_lowercase().str.strip_suffix(".")
    return (
        pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(pl.col("at").is_null())
        .then(pl.lit(NO_TIME))
        .when((kind == "lease").fill_null(False))
        .then(pl.when(pl.col("client").is_null()).then(pl.lit(NO_CLIENT)))
        .when(dns & asked.str.ends_with(".arpa").fill_null(False))
        .then(pl.lit(REVERSE))
        .when(nobody)
        .then(pl.lit(NO_CLIENT))
        .when(dns & pl.col("host").is_null())
        .then(pl.lit(NO_NAME))
        .when(nowhere)
        .then(pl.lit(NO_DESTINATION))
    )


@cache
def _name_from() -> pl.Expr:
    by_kind = pl.col("kind").replace_strict(_NAME_FROM, default=None, return_dtype=pl.String)
    named = pl.when(pl.col("by_url")).then(pl.lit("url")).otherwise(pl.coalesce("name_from", by_kind))
    return pl.when(pl.col("host").is_not_null()).then(named)


def answers(rows: pl.DataFrame) -> pl.DataFrame:
    """The table `answers` of finished rows: one row per address in their column `answers`.

    Rows set aside count, too: an answer whose question was logged separately still names later connections.
    """
    answered = rows.filter(
        pl.col("answers").list.len() > 0, pl.col("host").is_not_null(), pl.col("at").is_not_null()
    )
    if answered.is_empty():
        return schema.ANSWERS.empty()
    each = answered.select("client", "host", "cname", "ttl_s", answered_at="at", address="answers").explode(
        "address"
    )
    each = hosts.once(each, "address", hosts.address(pl.col("address")))
    return schema.ANSWERS.conform(each.filter(hosts.is_address(pl.col("address")).fill_null(False)))


def leases(rows: pl.DataFrame, vantage: str) -> pl.DataFrame:
    """Finished rows of kind `lease` with the columns of the table `leases`, and `closes` (see leases.py)."""
    begin = pl.coalesce("lease_from", "seen_at")
    held = pl.duration(microseconds=(pl.col("lease_s") * 1_000_000).cast(pl.Int64, strict=False))
    closes = pl.col("closes").fill_null(False)
    return rows.select(
        "user_name",
        "device",
        "shared",
        closes.alias("closes"),
        address="client",
        mac="client_mac",
        valid_from=begin,
        valid_to=pl.coalesce("lease_to", begin + held, pl.when(closes).then("seen_at")),
        origin=pl.coalesce("origin", pl.lit(vantage)),
        confidence=pl.col("confidence").fill_null(0.9),
    )
