"""Side doors of a service's pages, known by their first label, `docs.`, `status.`, `auth.`, `cdn.` …, or by
the first part of the path, `/pricing`, `/login` …

A domain listed as that of a chat, an editor or an agent covers all hosts below it, and nobody lists the help
pages, sign-in, scripts and statistics of each. Where the catalog names such hosts, the label never lied: 75
of 75 `docs.`, 29 of 29 `help.`, 27 of 27 `cdn.` are no use. So a host with such a label directly below the
domain is no use either, unless an indicator names it. Directly below the domain of an API or a hub, this
holds for pages only: other first labels are often a customer's, and `cdn.` hands out models.

In logs with paths, the same goes for pages on the host itself. `/docs`, `/help` and `/support` are not among
them, because what people write in a service may be there, too.
"""

from __future__ import annotations

import polars as pl

#: First label → access class of the host.
ACCESS = {
    **dict.fromkeys(("blog", "docs", "help", "status", "support"), "site"),
    **dict.fromkeys(("careers", "changelog", "community", "forum", "jobs", "trust"), "site"),
    **dict.fromkeys(("assets", "cdn", "downloads", "releases", "static"), "cdn"),
    **dict.fromkeys(("accounts", "auth", "login", "sso"), "auth"),
    **dict.fromkeys(("analytics", "metrics", "telemetry"), "telemetry"),
}
#: The same by the first part of the path.
PATHS = {
    **dict.fromkeys(("blog", "careers", "legal", "pricing", "privacy", "terms"), "site"),
    **dict.fromkeys(("login", "sign-in", "sign-up", "sign_in", "sign_up", "signin", "signup"), "auth"),
    # What a CDN adds to every site: checks for bots, measurements. Browsers post there by themselves.
    **dict.fromkeys(("_vercel", "cdn-cgi"), "cdn"),
}
#: The access classes of a product's own domain, below which labels count, and the role of a side door.
OWN = ("web", "ide", "cli", "agent")
#: Those below whose domain (of two labels) only the labels of pages count.
PAGES_BESIDE = ("api", "download")
SUPPORT = "support"


def at_side_doors(hits: pl.DataFrame) -> pl.DataFrame:
    """`hits` (name, path, prefix, signature, access, role) with access and role of the side doors among them,
    and the prefix of those known by their path."""
    domain = pl.col("signature").str.extract(r"#suffix:(.*)$")
    label = pl.col("name").str.extract(r"^([^.]+)\.")
    is_below = pl.col("name") == pl.concat_str(label, domain, separator=".")
    by_label = pl.when(is_below).then(_of(label, ACCESS))
    first = pl.col("path").str.extract(r"^/([^/?#]+)")
    by_path = pl.when(pl.col("prefix").is_null()).then(_of(first, PATHS))
    access = pl.coalesce(by_label, by_path)
    is_page = (by_label == "site") & (domain.str.count_matches(".", literal=True) == 1)
    has_doors = pl.col("access").is_in(OWN) | (pl.col("access").is_in(PAGES_BESIDE) & is_page)
    covered = has_doors.fill_null(False) & (pl.col("role") == "use") & access.is_not_null()
    return hits.with_columns(
        access=pl.when(covered).then(access).otherwise("access"),
        role=pl.when(covered).then(pl.lit(SUPPORT)).otherwise("role"),
        prefix=pl.when(covered & by_label.is_null()).then("/" + first).otherwise("prefix"),
    )


def _of(word: pl.Expr, known: dict[str, str]) -> pl.Expr:
    return word.replace_strict(known, default=None, return_dtype=pl.String)
