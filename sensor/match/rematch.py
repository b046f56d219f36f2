"""Stored sightings and today's index in, what they would be called today out: columns only. Pure.

What was stored is less than what was seen: of a path only the matched prefix, of a User-Agent its first
token, no CNAME, no Origin, internal addresses as tokens. Where such a part made the hit, the stored
signature says what it was (`app#suffix:example.com@cname`), and it is put back from there. What cannot be
known: whether a row would hit an indicator that asks for a path, a CNAME, an add-on or a User-Agent that
played no part when it was stored.
"""

from __future__ import annotations

import polars as pl

from sensor.match.grade import grade
from sensor.match.index import LIBRARY_ACCESS, Index
from sensor.match.match import match

#: What is asked once per unique combination.
ASKED = ("host", "name_from", "path", "user_agent", "ja4", "signature", "access", "server", "server_port")
#: What the catalog says of a sighting.
VERDICT = ("signature", "app", "access", "role", "confidence", "name_from", "path", "grade")
#: Of these a change is worth a restatement; confidence, path and the name's origin follow the signature.
_CHANGES = ("signature", "app", "access", "role", "grade")
#: Columns `rematch` needs of stored sightings.
NEEDED = (
    *dict.fromkeys((*ASKED, *VERDICT)),
    "kind", "action", "method", "status", "client_class", "packets_down", "bytes_up", "bytes_down",
)  # fmt: skip

_AGENTS = ["user_agent", "extension_id"]
#: Tokens of internal hosts and addresses (privacy/pseudonyms.py): no names, no addresses.
_TOKEN = r"^[ah]\d+-[a-z2-7]+$"
#: What is stored of a User-Agent, without its version.
_FIRST_TOKEN = r"^([A-Za-z0-9._+-]+)"


def rematch(sightings: pl.DataFrame, index: Index) -> pl.DataFrame:
    """Stored `sightings` (NEEDED, total_bytes_up, total_bytes_down) with `now_` and each column of VERDICT.

    `now_app` is NULL where no indicator fires any more. The grade is weighed anew with the service's
    baseline; what was no exchange stays none.
    """
    asked = sightings.with_columns(_only_where_it_tells())
    verdicts = _verdicts(asked.select(ASKED).unique(), index)
    rows = asked.select(ASKED).join(verdicts, on=ASKED, how="left", nulls_equal=True, maintain_order="left")
    now = rows.select(pl.col("^now_.*$"))
    return _graded(_kept(pl.concat([sightings, now], how="horizontal")))


def changed() -> pl.Expr:
    """True for rows of `rematch` that today's catalog calls otherwise."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"now_{name}")) for name in _CHANGES)


def totals(slices: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """`slices` (sensor, connection, slice, bytes_up, bytes_down) with `total_bytes_*` up to each slice's end.

    `before` has sensor, connection and what earlier days hold of it (`before_bytes_*`). A row without
    connection or slice tells the whole of it.
    """
    key = ["sensor", "connection"]
    later = slices.filter(pl.col("slice") > 0)["connection"].unique()
    if later.is_empty():
        return slices.with_columns(pl.col(name).alias(f"total_{name}") for name in ("bytes_up", "bytes_down"))
    many = slices.with_row_index("_row").filter(pl.col("connection").is_in(later.implode()))
    sums = many.sort(*key, "slice").join(before, on=key, how="left", maintain_order="left")
    sums = sums.select(
        "_row",
        *(
            pl.col(name).cum_sum().over(key) + pl.col(f"before_{name}").fill_null(0)
            for name in ("bytes_up", "bytes_down")
        ),
    ).rename({name: f"_{name}" for name in ("bytes_up", "bytes_down")})
    joined = slices.with_row_index("_row").join(sums, on="_row", how="left", maintain_order="left")
    return joined.with_columns(
        pl.coalesce(f"_{name}", name).alias(f"total_{name}") for name in ("bytes_up", "bytes_down")
    ).drop("_row", "_bytes_up", "_bytes_down")


def _only_where_it_tells() -> list[pl.Expr]:
    """Address and port only where they can decide, so that fewer combinations are asked."""
    nameless = pl.col("host").is_null() | (pl.col("name_from") == "address")
    return [
        pl.when(nameless).then("server").alias("server"),
        pl.when(pl.col("path").is_not_null()).then("server_port").alias("server_port"),
    ]


def _verdicts(asked: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The unique combinations that hit, with what today's catalog says of them."""
    hits = match(_recalled(asked, index).with_row_index("_asked"), index)
    says = hits.select("_asked", *(name for name in VERDICT if name != "grade"), "upload_baseline_bytes")
    says = says.rename({name: f"now_{name}" for name in says.columns if name != "_asked"})
    return asked.with_row_index("_asked").join(says, on="_asked", maintain_order="left").drop("_asked")


def _recalled(asked: pl.DataFrame, index: Index) -> pl.DataFrame:
    """`asked` with the parts that were not stored, as far as the stored signature tells them."""
    parts = pl.col("signature").str.extract_groups(r"^[^#]*#(?<kind>[a-z_]+):(?<value>.*?)(?<by>@cname)?$")
    asked = asked.with_columns(parts.alias("_said")).unnest("_said")
    kind, value, by_cname = pl.col("kind"), pl.col("value"), pl.col("by").is_not_null()
    host, server = pl.col("host"), pl.col("server")
    by_address = pl.col("name_from") == "address"
    return (
        asked.join(_library_tokens(asked, index), on=("user_agent", "access"), how="left", maintain_order="left")
        .with_columns(
            host=pl.when(~(by_address & host.str.contains(_TOKEN))).then(host),
            server=pl.when(server.is_null() | server.str.contains(_TOKEN))
            .then(pl.when(kind == "address").then(value.str.extract(r"^([^/]*)")))
            .otherwise(server),
            cname=pl.when(by_cname).then(value.str.replace_all("*", "x", literal=True)),
            origin=pl.when(kind == "extension_id").then(
                pl.concat_str(pl.lit("chrome-extension://"), value, pl.lit("/"))
            ),
            user_agent=pl.concat_str(
                "user_agent", "library", pl.when(kind == "user_agent").then(value), separator=" ",
                ignore_nulls=True,
            ),
        )
        .with_columns(user_agent=pl.when(pl.col("user_agent") != "").then("user_agent"))
        .drop("kind", "value", "by", "library", "signature", "access")
    )  # fmt: skip


def _library_tokens(asked: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The library whose name is what was stored of a User-Agent: user_agent, access, library.

    A library leaves no signature; it shows in the access class it gave the row.
    """
    told = asked.filter(pl.col("access") == LIBRARY_ACCESS).select("user_agent", "access").drop_nulls().unique()
    library = pl.col("access") == LIBRARY_ACCESS
    known = index.agents.join(index.rows.select("row", "access"), on="row").filter(library)
    known = known.select("product", name=pl.col("product").str.extract(_FIRST_TOKEN))
    return (
        told.with_columns(name=pl.col("user_agent").str.extract(_FIRST_TOKEN))
        .join(known, on="name")
        .group_by("user_agent", "access")
        .agg(library=pl.col("product").sort().str.join(" "))
    )


def _kept(rows: pl.DataFrame) -> pl.DataFrame:
    """What the same indicator said before and cannot say now stays.

    An agent's token on a host that is not told any more (its CNAME was) makes no support of use, and how
    far a name was believed is not told by the catalog.
    """
    same = pl.col("signature").eq_missing(pl.col("now_signature"))
    by_agent = pl.col("signature").str.extract(r"#([a-z_]+):").is_in(_AGENTS).fill_null(False)
    placed = same & by_agent & (pl.col("now_role") == "support") & (pl.col("role") != "support")
    rows = rows.with_columns(now_role=pl.when(placed).then("role").otherwise("now_role"))
    as_sure = same & pl.col("role").eq_missing(pl.col("now_role"))
    return rows.with_columns(
        now_confidence=pl.when(as_sure).then("confidence").otherwise("now_confidence")
    )


def _graded(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with now_grade. Grades 1 and 2 hang on no catalog; from 3 on role and baseline decide."""
    weighed = rows.with_columns(
        role=pl.col("now_role"), upload_baseline_bytes=pl.col("now_upload_baseline_bytes")
    )
    graded = pl.max_horizontal(grade(weighed), pl.lit(3, pl.Int16))
    return rows.with_columns(
        now_grade=pl.when(pl.col("now_app").is_not_null()).then(
            pl.when(pl.col("grade") >= 3).then(graded).otherwise("grade")
        )
    ).drop("now_upload_baseline_bytes")
