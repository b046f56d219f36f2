"""Side doors below a service's pages, known by their first label: `docs.`, `status.`, `auth.`, `cdn.` …

A domain listed as `access: web` covers all hosts below it, and nobody lists the help pages, sign-in, scripts
and statistics of each. Where the catalog names such hosts, the label never lied: 75 of 75 `docs.`, 29 of 29
`help.`, 27 of 27 `cdn.` are no use. So a host of such a label directly below the domain is none either,
unless an indicator names it. Not below an API, where the first label is often that of a customer.
"""

from __future__ import annotations

import polars as pl

#: First label → access class of the host.
ACCESS = {
    **dict.fromkeys(("blog", "docs", "help", "status", "support"), "site"),
    **dict.fromkeys(("assets", "cdn", "static"), "cdn"),
    **dict.fromkeys(("accounts", "auth"), "auth"),
    **dict.fromkeys(("analytics", "telemetry"), "telemetry"),
}
#: The access class below which labels count, and the role of a side door.
PAGES = "web"
SUPPORT = "support"


def at_side_doors(hits: pl.DataFrame) -> pl.DataFrame:
    """`hits` (name, signature, access, role) with access and role of the side doors among them."""
    domain = pl.col("signature").str.extract(r"#suffix:(.*)$")
    label = pl.col("name").str.extract(r"^([^.]+)\.")
    access = label.replace_strict(ACCESS, default=None, return_dtype=pl.String)
    is_below = pl.col("name") == pl.concat_str(label, domain, separator=".")
    covered = is_below & (pl.col("access") == PAGES) & (pl.col("role") == "use") & access.is_not_null()
    return hits.with_columns(
        access=pl.when(covered).then(access).otherwise("access"),
        role=pl.when(covered).then(pl.lit(SUPPORT)).otherwise("role"),
    )
