"""Classifies stored sightings with the current catalog.

Less is stored than was seen: of a path only the matched prefix, of a User-Agent only the first token, no
CNAME, no Origin, nothing of the software a server reports, and internal addresses only as tokens. If such a
part made the match, the stored signature names it (`app#suffix:example.com@cname`), and it is restored from
there. So a row cannot match an indicator by a part that did not matter when it was stored.
"""

from __future__ import annotations

import secrets

import numpy as np
import polars as pl

from sensor.match.grade import GRADED, grade
from sensor.match.index import LIBRARY_ACCESS, Index
from sensor.match.match import match

#: Columns that are matched once per distinct combination.
ASKED = (
    "host",
    "name_from",
    "path",
    "user_agent",
    "ja4",
    "signature",
    "access",
    "role",
    "server",
    "server_port",
)
#: Columns of a sighting that come from the catalog.
CLASSIFICATION = ("signature", "app", "access", "role", "confidence", "name_from", "path", "grade")
#: A change of these, or of the grade, is restated. The app is part of the signature; confidence, path and
#: name_from depend on it.
_CHANGES = ("signature", "access", "role")
#: Columns of stored sightings that `reclassify` needs.
NEEDED = (
    *dict.fromkeys((*ASKED, *CLASSIFICATION)),
    "kind", "action", "method", "status", "client_class", "packets_down", "bytes_up", "bytes_down", "hunted",
)  # fmt: skip

_BYTES = ("bytes_up", "bytes_down")
#: Stored columns that determine the grade.
_GRADE_INPUTS = (
    "grade", "whole", "kind", "action", "method", "status", "client_class", "name_from", "packets_down",
    "total_bytes_up", "total_bytes_down", "hunted",
)  # fmt: skip
_AGENTS = ["user_agent", "extension_id"]
#: Tokens of internal hosts and addresses (privacy/pseudonyms.py), which are neither names nor addresses.
_TOKEN = r"^[ah]\d+-[a-z2-7]+$"
#: The stored part of a User-Agent, without its version.
_FIRST_TOKEN = r"^([A-Za-z0-9._+-]+)"


def reclassify(sightings: pl.DataFrame, index: Index, also: pl.Expr | None = None) -> pl.DataFrame:
    """The stored `sightings` that the catalog now classifies differently, and those for which `also` is true.

    `sightings` has the columns NEEDED and those that `totals` adds. Adds each column of CLASSIFICATION with
    the prefix `now_`; `now_app` is NULL if no indicator matches any more. The grade is recomputed with the
    baseline of the service, but never raised from "connected" to "exchanged".
    """
    asked = sightings.select(_asked(index))
    # Rows are compared by one hash of ten columns, with a random seed so that nobody can craft a collision.
    numbers = asked.hash_rows(secrets.randbits(63)).rename("_number").to_frame()
    distinct = asked.with_columns(numbers).unique("_number", keep="any", maintain_order=True)
    verdicts = _carried_over(_verdicts(distinct.drop("_number"), index))
    places = distinct.select("_number").with_row_index("_verdict")
    of_row = numbers.join(places, on="_number", how="left", maintain_order="left")["_verdict"]
    inputs = verdicts.select("now_role", "now_upload_baseline_bytes", "differs")[of_row]
    graded = _regraded(pl.concat([sightings.select(*_GRADE_INPUTS), inputs], how="horizontal"))
    wanted = sightings.select(graded["differs"] | (pl.lit(False) if also is None else also)).to_series()
    says = verdicts.select(pl.all().exclude(*ASKED, "differs"))[of_row.filter(wanted)]
    rows = pl.concat(
        [sightings.filter(wanted), says, graded.select("now_grade").filter(wanted)], how="horizontal"
    )
    return rows.with_columns(now_confidence=pl.when("as_sure").then("confidence").otherwise("now_confidence"))


def differs(was: str = "") -> pl.Expr:
    """True where the classification with the prefix `was` differs from that with the prefix `now_`."""
    return pl.any_horizontal(
        pl.col(f"{was}{name}").ne_missing(pl.col(f"now_{name}")) for name in (*_CHANGES, "grade")
    )


def totals(slices: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """`slices` (sensor, connection, slice, bytes_up, bytes_down) with the running totals `total_bytes_*`.

    Adds `key`, the connection at a sensor, and `whole`, which is False if the beginning of the connection is
    missing. `before` has the totals of earlier slices: key, before_bytes_up, before_bytes_down. A row without
    connection or slice counts as a whole connection.
    """
    rows = slices.with_columns(
        key=pl.when(pl.col("slice").is_not_null()).then(pl.col("connection").hash() ^ pl.col("sensor").hash())
    )
    if before.is_empty() and not (rows["slice"] > 0).any():
        return rows.with_columns(*(pl.col(n).alias(f"total_{n}") for n in _BYTES), whole=True)
    order = rows.select(pl.arg_sort_by("key", "slice")).to_series()
    ordered = rows.select("key", "slice", *_BYTES)[order]
    if before.is_empty():
        ordered = ordered.with_columns(pl.lit(None, pl.Int64).alias(f"before_{name}") for name in _BYTES)
    else:
        ordered = ordered.join(before, on="key", how="left", maintain_order="left")
    alone = pl.col("key").is_null()
    starts = alone | (pl.col("key") != pl.col("key").shift(1)).fill_null(True)
    known_start = alone | (pl.col("slice") == 0) | pl.col("before_bytes_up").is_not_null()
    sums = ordered.select(
        *(_sum_so_far(name, starts).alias(f"total_{name}") for name in _BYTES),
        whole=pl.when(starts).then(known_start).forward_fill(),
    )
    place = pl.Series(np.argsort(order.to_numpy(), kind="stable"))
    return pl.concat([rows, sums[place]], how="horizontal")


def _sum_so_far(name: str, starts: pl.Expr) -> pl.Expr:
    """Running sum within each connection plus what was before it; NULL where the row has none."""
    amount = pl.col(name).fill_null(0)
    run = amount.cum_sum()
    earlier = pl.when(starts).then(run - amount - pl.col(f"before_{name}").fill_null(0)).forward_fill()
    return pl.when(pl.col(name).is_not_null()).then(run - earlier)


def _asked(index: Index) -> list[pl.Expr]:
    """The columns of ASKED. Values that cannot affect the match become NULL, for fewer combinations."""
    nameless = pl.col("host").is_null() | (pl.col("name_from") == "address")
    decides = {
        "server": nameless,
        "server_port": pl.col("path").is_not_null(),
        "ja4": pl.lit(not index.fingerprints.is_empty()),
    }
    return [pl.when(decides[n]).then(n).alias(n) if n in decides else pl.col(n) for n in ASKED]


def _verdicts(asked: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The unique combinations `asked` with their current classification; NULL where nothing matches."""
    hits = match(_restored(asked, index).with_row_index("_asked"), index)
    says = hits.select(
        "_asked", *(name for name in CLASSIFICATION if name != "grade"), "upload_baseline_bytes"
    )
    says = says.rename({name: f"now_{name}" for name in says.columns if name != "_asked"})
    numbered = asked.with_row_index("_asked")
    return numbered.join(says, on="_asked", how="left", maintain_order="left").drop("_asked")


def _restored(asked: pl.DataFrame, index: Index) -> pl.DataFrame:
    """`asked` with parts that were not stored, restored from the stored signature."""
    parts = pl.col("signature").str.extract_groups(r"^[^#]*#(?<kind>[a-z_]+):(?<value>.*?)(?<by>@cname)?$")
    asked = asked.with_columns(parts.alias("_said")).unnest("_said")
    kind, value, by_cname = pl.col("kind"), pl.col("value"), pl.col("by").is_not_null()
    host, server = pl.col("host"), pl.col("server")
    by_address = pl.col("name_from") == "address"
    by_label = (kind == "label") & host.str.contains(_TOKEN)
    return (
        asked.join(_library_tokens(asked, index), on=["user_agent", "access"], how="left")
        .with_columns(
            host=pl.when(by_label)
            .then(pl.concat_str(value, pl.lit("."), host, pl.lit(".internal")))
            .when(~(by_address & host.str.contains(_TOKEN)))
            .then(host),
            server=pl.when(server.is_null() | server.str.contains(_TOKEN))
            .then(pl.when(kind == "address").then(value.str.extract(r"^([^/]*)")))
            .otherwise(server),
            cname=pl.when(by_cname).then(value.str.replace_all("*", "x", literal=True)),
            origin=pl.when(kind == "extension_id").then(
                pl.concat_str(pl.lit("chrome-extension://"), value, pl.lit("/"))
            ),
            software=pl.when(kind == "software").then(value),
            user_agent=pl.concat_str(
                "user_agent", "library", pl.when(kind == "user_agent").then(value), separator=" ",
                ignore_nulls=True,
            ),
        )
        .with_columns(user_agent=pl.when(pl.col("user_agent") != "").then("user_agent"))
        .drop("kind", "value", "by", "library", "signature", "access", "role")
    )  # fmt: skip


def _library_tokens(asked: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The libraries that match the stored part of a User-Agent: user_agent, access, library.

    A library sets no signature; it shows in the access class of the row.
    """
    stored = (
        asked.filter(pl.col("access") == LIBRARY_ACCESS).select("user_agent", "access").drop_nulls().unique()
    )
    library = pl.col("access") == LIBRARY_ACCESS
    known = index.agents.join(index.rows.select("row", "access"), on="row").filter(library)
    known = known.select("product", name=pl.col("product").str.extract(_FIRST_TOKEN))
    return (
        stored.with_columns(name=pl.col("user_agent").str.extract(_FIRST_TOKEN))
        .join(known, on="name")
        .group_by("user_agent", "access")
        .agg(library=pl.col("product").sort().str.join(" "))
    )


def _carried_over(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Carries over what the same indicator said when the row was seen, and cannot say of a stored row.

    If an agent was on a host known only by its CNAME, the role stays use instead of support. Confidence in a
    name does not depend on the catalog (`as_sure`).
    """
    same = pl.col("signature").eq_missing(pl.col("now_signature"))
    by_agent = pl.col("signature").str.extract(r"#([a-z_]+):").is_in(_AGENTS).fill_null(False)
    placed = same & by_agent & (pl.col("now_role") == "support") & (pl.col("role") != "support")
    verdicts = verdicts.with_columns(now_role=pl.when(placed).then("role").otherwise("now_role"))
    changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"now_{name}")) for name in _CHANGES)
    return verdicts.with_columns(
        as_sure=same & pl.col("role").eq_missing(pl.col("now_role")), differs=changed
    )


def _regraded(rows: pl.DataFrame) -> pl.DataFrame:
    """now_grade and differs of `rows`. Grades 1 and 2 do not depend on the catalog; from 3 on, role and
    baseline matter.

    A hunted row is a sum and cannot prove an upload. If the beginning of a connection is missing, its bytes
    are a lower bound, so they never lower a grade.
    """
    inputs = rows.select(
        *(name for name in GRADED if name not in ("role", "upload_baseline_bytes")),
        role="now_role",
        upload_baseline_bytes="now_upload_baseline_bytes",
    )
    at_least_4 = ~pl.col("whole") & (pl.col("grade") >= 4)
    least = pl.when(at_least_4).then(pl.lit(4, pl.Int16)).otherwise(pl.lit(3, pl.Int16))
    now = rows.select(
        "grade", "hunted", "differs", least=least, inputs=grade(inputs), gone=pl.col("now_role").is_null()
    )
    now = now.with_columns(
        now_grade=pl.when(~pl.col("gone")).then(
            pl.when((pl.col("grade") >= 3) & pl.col("hunted").is_null())
            .then(pl.max_horizontal("inputs", "least"))
            .otherwise("grade")
        )
    )
    return now.select(
        "now_grade", differs=pl.col("differs") | pl.col("grade").ne_missing(pl.col("now_grade"))
    )
