"""Turns the `FIELDS` that formats return into finished rows: one spelling for everything, whoever logged it.

`rows` does this in order: types; the time, and how long it lasted; AI keys in the text; names and addresses
(names.py); why it is no observation, if it is none; which end is the client (replies.py, flows.py).
"""

from __future__ import annotations

from functools import cache

import polars as pl

from sensor import schema
from sensor.coded import by_value
from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.line_format import LineFormat
from sensor.sources.logs.rows import flows, records, replies
from sensor.sources.logs.rows.names import located, spelled
from sensor.sources.logs.text import hosts, keys, lookups, stamps
from sensor.sources.logs.text.partial import either, only
from sensor.sources.logs.text.reasons import CHALLENGE, NO_CLIENT, NO_DESTINATION, NO_NAME, NO_TIME, REVERSE

#: A time of day among so many first characters of a line is its time stamp.
_CLOCK, _HEAD_CHARS = r"(?:^|[^0-9A-Fa-f:])\d{1,2}:\d\d:\d\d(?:[^0-9A-Fa-f:]|$)", 40
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
    "Not Available",
    "not-resolved",
    "UNDEF",
    '""',
    "--",
)
_NAME_FROM = {
    "dns": "qname", "tls": "sni", "quic": "quic_sni", "http": "http_host", "proxy": "url", "flow": "address",
}  # fmt: skip


def rows(parsed: pl.DataFrame, lines: pl.DataFrame, log_format: LineFormat) -> pl.DataFrame:
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
    at = _times(fields, lines.select("line", "stamp")[fields["row"]], log_format)
    fields = fields.with_columns(at, _lasted(fields, at, log_format))
    fields = located(spelled(_keyed(fields, lines["line"])))
    fields = fields.with_columns(lookups.question_type(pl.col("qtype")))
    if fields["answers"].null_count() < fields.height:
        asked = pl.col("kind") == "dns"
        action = lookups.led(pl.when(asked).then("answers"), pl.col("action"))
        fields = fields.with_columns(action=action)
    began = pl.when(pl.col("at_end").fill_null(False)).then(pl.col("duration_s").fill_null(0)).otherwise(0.0)
    fields = fields.with_columns(
        seen_at=pl.col("at") - pl.duration(microseconds=(began * 1_000_000).round().cast(pl.Int64)),
        reason=_reason(),
        # Products write 0 where nothing was answered.
        status=pl.when(pl.col("status") > 0).then("status"),
    )
    nothing = (
        pl.lit(None, dtype=schema.TIME).alias("started_at"),
        pl.lit(None, dtype=pl.Int64).alias("slice"),
    )
    coded = (name for name, dtype in fields.schema.items() if isinstance(dtype, pl.Categorical))
    texts = (pl.col(name).cast(pl.String) for name in coded)
    fields = fields.with_columns(*nothing, *texts, name_from=_name_from())
    fields = replies.turned(fields, by_device=log_format.vantage == "endpoint")
    return flows.oriented(fields, log_format.internal_networks)


def answers(rows: pl.DataFrame) -> pl.DataFrame:
    """The table `answers` of finished rows: one row per address in their column `answers`.

    Rows that are set aside have answers, too: an answer logged apart from its question still names later
    connections. Where a lookup was blocked, they lead to the page that says so, which is no use of what was
    asked for.
    """
    blocked = (pl.col("action") == "blocked").fill_null(False)
    answered = rows.filter(
        pl.col("answers").list.len() > 0, pl.col("host").is_not_null(), pl.col("at").is_not_null(), ~blocked
    )
    if answered.is_empty():
        return schema.ANSWERS.empty()
    each = answered.select("client", "host", "cname", "ttl_s", answered_at="at", address="answers").explode(
        "address"
    )
    each = hosts.once(each, "address", hosts.address(pl.col("address")))
    return schema.ANSWERS.conform(each.filter(hosts.is_address(pl.col("address")).fill_null(False)))


def _something(texts: pl.Series) -> pl.DataFrame:
    """The texts that mean "no value" as NULL."""
    return pl.DataFrame({"text": texts.set(texts.is_in(_NOTHING), None)})


@cache
def _typed(name: str, dtype: pl.DataType, have: pl.DataType | None) -> pl.Expr:
    """The column `name` as its `dtype`; `have` is the type the format gave it, None if it gave none.

    Texts without a meaning (`_NOTHING`) and negative counts are NULL.
    """
    column = pl.col(name)
    if have is None:
        return pl.lit(None, dtype=dtype).alias(name)
    if have == pl.String and dtype != pl.String:
        column = column.str.strip_chars()
    if dtype == pl.String:
        text = column.cast(pl.String)
        return pl.when(~text.is_in(_NOTHING)).then(text).alias(name)
    if dtype == pl.Int64:
        if have == pl.String:
            column = column.str.strip_suffix(".0")  # a spreadsheet or data frame had it as a float
        number = column.cast(pl.Int64, strict=False)
        return pl.when(number >= 0).then(number).alias(name)
    if name == "duration_s":
        return records.seconds(column).alias(name)
    return column.cast(dtype, strict=False).alias(name)


def _times(fields: pl.DataFrame, lines: pl.DataFrame, log_format: LineFormat) -> pl.Series:
    """The time of each row: `at`, else `time`, else the stamp of the envelope.

    Some lines carry no time at all (CoreDNS, resolvers whose syslog head was cut off). They get the
    reference: the time at which their file was last written. That is too vague to tell who held an address,
    so leases get none. A stamp that is there and cannot be read stays NULL, also if it is in no known
    envelope.
    """
    stamp = lines["stamp"]
    at = fields["at"]
    if at.null_count():
        zones = fields["zone"] if fields["zone"].null_count() < fields.height else None
        own = stamps.read(fields["time"], log_format.zone, log_format.reference, zones=zones)
        at = either(at, own)
    if at.null_count():
        left = only(stamp, at.is_null())
        at = either(at, stamps.read(left, log_format.zone, log_format.reference))
    bare = (fields["time"].is_null() & stamp.is_null() & at.is_null()).alias("bare")
    if log_format.reference is not None and bare.any():
        bare &= ~((fields["kind"] == "lease") & fields["lease_from"].is_null()).fill_null(False)
        # In an envelope that is not known, it may stand anywhere.
        wrapped = pl.col("line").str.starts_with("{")
        head = pl.when(wrapped).then("line").otherwise(pl.col("line").str.head(_HEAD_CHARS))
        bare &= ~lines.select(head).to_series().str.contains(_CLOCK).fill_null(False)
        at = pl.select(
            pl.when(~bare).then(at).otherwise(pl.lit(log_format.reference, dtype=schema.TIME))
        ).to_series()
    seconds = at.dt.epoch("s")
    sane = seconds.is_between(records.EARLIEST_S, records.LATEST_S)
    return pl.select(pl.when(sane).then(at).cast(schema.TIME)).to_series().alias("at")


def _lasted(fields: pl.DataFrame, at: pl.Series, log_format: LineFormat) -> pl.Series:
    """`duration_s`; where only the end is known, from `at` to the end."""
    stated = fields["duration_s"]
    places = (fields["ended"].is_not_null() & stated.is_null()).arg_true()
    if places.is_empty():
        return stated
    end = stamps.read(fields["ended"].gather(places), log_format.zone, log_format.reference)
    lasted = (end - at.gather(places)).dt.total_microseconds() / 1_000_000
    return stated.scatter(places, pl.select(records.seconds(pl.lit(lasted))).to_series())


def _keyed(fields: pl.DataFrame, line: pl.Series) -> pl.DataFrame:
    """`fields` with type and fingerprint of an AI key anywhere in the line (URL, header, argument).

    The compiled scanner keeps no lines: there, only the URL is searched. A key that the format itself found
    takes precedence.
    """
    if line.null_count() < len(line):
        found = keys.of_texts(line)[fields["row"]]
    else:
        texts = pl.coalesce(
            pl.when(pl.col(name).str.contains(keys.LIKELY)).then(name)
            for name in ("url", "path")
            if fields.schema[name] == pl.String  # Categorical ones hold no key, see decode/text/delimited.py
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


@cache
def _reason() -> pl.Expr:
    """Why a row is no observation: what the format itself says, else what is missing."""
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
        .when(dns & ((pl.col("qtype") == "PTR") | asked.str.ends_with(".arpa")).fill_null(False))
        .then(pl.lit(REVERSE))
        # A proxy asks for credentials, and the client repeats the request with them; NTLM and Negotiate do so
        # twice. As visits they would double or triple use, as blocks report refusals nobody met.
        .when(pl.col("status") == 407)
        .then(pl.lit(CHALLENGE))
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
