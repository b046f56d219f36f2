"""Cleans host names and addresses in logs: lower case, A-labels, no port, no IP literals as names.

Work is done once per distinct value: a log of a million lines names a few thousand hosts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import polars as pl

from sensor.coded import Coded, Remembered, repeats

#: Letters, digits, hyphen and underscore per label (RFC 1123, and what is seen in practice), at
#: least two labels: a single label names nothing outside its own network.
_NAME = r"^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,62}$"
_MAX_NAME = 253
#: The same without bounds on lengths, which make a pattern slow: for names no longer than one label may be.
_PLAIN_NAME = r"^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z][a-z0-9-]*$"
_MAX_LABEL = 63
_PLAIN_IPV4 = r"^[1-9]\d{0,2}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"
_ADDRESS = r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}:[0-9a-f:.]+)$"


def is_address(text: pl.Expr) -> pl.Expr:
    """True where `text` looks like an IPv4 or IPv6 address; only its characters are checked."""
    return text.str.contains(_ADDRESS)


def address(text: pl.Expr) -> pl.Expr:
    """`text` as an address without brackets and zone, IPv4-mapped as IPv4, IPv6 as in RFC 5952.

    NULL for 0.0.0.0, ::, and anything that is no address.
    """
    return text.map_batches(_addresses, return_dtype=pl.String)


def _addresses(text: pl.Series) -> pl.Series:
    """Nearly all are plain IPv4, which one check confirms; only the others are parsed."""
    plain = text.str.contains(_PLAIN_IPV4).fill_null(True)
    if plain.all():
        return text
    other = pl.select(pl.when(~pl.lit(plain)).then(pl.lit(text)).alias("text"))["text"].str.to_lowercase()
    other = other.str.strip_chars("[]").str.replace(r"%.*$", "")
    six = other.filter(other.str.contains(":", literal=True).fill_null(False)).unique()
    if len(six):
        spelled = pl.Series([_spelled(one) for one in six], dtype=pl.String)
        other = other.replace_strict(six, spelled, default=other, return_dtype=pl.String)
    is_one = other.str.contains(_ADDRESS) & ~other.str.contains(r"^[0.]+$|^[0:]+$")
    nothing = pl.Series([None], dtype=pl.String)
    return text.zip_with(plain, other.zip_with(is_one.fill_null(False), nothing.new_from_index(0, len(text))))


def _spelled(text: str) -> str | None:
    """An IPv6 address as RFC 5952 writes it, or the IPv4 address that is mapped in it; None for neither."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    return str(address.ipv4_mapped or address)


def once(frame: pl.DataFrame, column: str, clean: pl.Expr) -> pl.DataFrame:
    """`frame` with `column` (String) replaced by `clean` of it, computed once per distinct value."""
    values = frame.get_column(column)
    if not repeats(values):
        return frame.with_columns(clean.alias(column))
    coded = Coded.of(values)
    cleaned = coded.values.alias(column).to_frame().select(clean).to_series()
    return frame.with_columns(coded.each(cleaned).alias(column))


@Remembered
def _addressed(texts: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"address": _addresses(texts.str.strip_chars(" \"'"))})


def addressed(texts: pl.Series) -> pl.Series:
    """`address` of each of `texts` (String or Categorical), without quotes around it.

    Fast if all of them are plain IPv4 addresses, as in most logs.
    """
    if texts.dtype == pl.String and texts.str.contains(_PLAIN_IPV4).all():
        return texts
    return _addressed(texts)["address"].alias(texts.name)


def once_all(frame: pl.DataFrame, column: str, read: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """`frame` with `column` replaced by the columns that `read` makes of its distinct values (no NULL).

    `read` returns one row per value, in their order. NULL stays NULL.
    """
    coded = Coded.of(frame.get_column(column))
    replaced = read(coded.values)
    return frame.drop(column).hstack(
        replaced[coded.codes] if replaced.height else replaced.clear(frame.height)
    )


def authorities(authority: pl.Series) -> pl.DataFrame:
    """The distinct values of `authority` (`user@host:port`) with columns host, literal and port.

    If the host is an address, `literal` holds it and `host` is NULL. Join on `authority`.
    """
    unique = authority.alias("authority").unique().drop_nulls()
    halves = unique.str.splitn(":", 2).struct.rename_fields(["host", "port"]).struct.unnest()
    number = halves["port"].cast(pl.UInt32, strict=False)
    is_plain = halves["host"].str.contains(_PLAIN_NAME) & (halves["host"].str.len_bytes() <= _MAX_LABEL)
    is_plain &= halves["port"].is_null() | (number <= 65_535).fill_null(False)
    nothing = pl.lit(None, pl.String)
    plain = halves.select(unique, "host", literal=nothing, port=number.cast(pl.Int64)).filter(is_plain)
    odd = unique.filter(~is_plain)
    return plain if odd.is_empty() else pl.concat([plain, _odd_authorities(odd)])


def _odd_authorities(unique: pl.Series) -> pl.DataFrame:
    """As `authorities`, of whatever is not a plain name with or without a port."""
    bare = unique.str.replace(r"^.*@", "")
    parts = bare.str.extract_groups(
        r"^(?<name>\[[^\]]*\]|[^:\[\]]*|[0-9a-fA-F:]*::[0-9a-fA-F:.]*)(?::(?<port>\d{1,5}))?$"
    ).struct.unnest()
    port = pl.col("port").cast(pl.Int64, strict=False)
    return (
        parts.with_columns(unique, literal=address(pl.col("name")), port=pl.when(port <= 65535).then(port))
        .with_columns(host=pl.when(pl.col("literal").is_null()).then(normalise(pl.col("name"))))
        .select("authority", "host", "literal", "port")
    )


def normalise(name: pl.Expr) -> pl.Expr:
    """`name` in lower case, as A-labels, without trailing dot; NULL if it cannot be the name of a service
    host."""
    return name.map_batches(_normalised, return_dtype=pl.String)


def _normalised(names: pl.Series) -> pl.Series:
    """`normalise` of distinct names. Nearly all are in that form already; only the others are taken apart."""
    plain = (names.str.contains(_PLAIN_NAME) & (names.str.len_bytes() <= _MAX_LABEL)).fill_null(True)
    if plain.all():
        return names
    places = (~plain).arg_true()
    odd = names.gather(places).rename("name").to_frame().select(_taken_apart(pl.col("name")))["name"]
    return names.clone().scatter(places, odd)


def _taken_apart(name: pl.Expr) -> pl.Expr:
    lower = name.str.to_lowercase().str.strip_suffix(".")
    ascii_only = pl.when(lower.str.contains(r"^[\x00-\x7f]*$")).then(lower)
    idna = pl.when(ascii_only.is_null()).then(lower).map_batches(_to_a_labels, return_dtype=pl.String)
    plain = ascii_only.fill_null(idna)
    valid = plain.str.contains(_NAME) & (plain.str.len_bytes() <= _MAX_NAME) & ~is_address(plain)
    return pl.when(valid).then(plain)


def _to_a_labels(names: pl.Series) -> pl.Series:
    """Internationalised names as A-labels (RFC 5890); rare, so one by one, once per unique value."""
    unique = names.drop_nulls().unique()
    if unique.is_empty():
        return names
    labels = pl.Series([_a_label(name) for name in unique], dtype=pl.String)
    return names.replace_strict(unique, labels, default=None, return_dtype=pl.String)


def _a_label(name: str) -> str | None:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
