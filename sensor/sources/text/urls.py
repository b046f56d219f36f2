"""URLs as proxies and firewalls write them: with and without scheme, tunnels, wrapped in words.

`https://host/p?q` · `host/p` · `host:443` (CONNECT) · `tunnel://host:443/` (WSA) · `tcp://`, `ssl://`
(ProxySG) · `UNKNOWN https://host/...` (Meraki) · `\\/` for `/` (JSON twice encoded). What follows
`?` or `#` is dropped at once.
"""

from __future__ import annotations

import polars as pl

from sensor.sources import hosts

_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ssl": 443}
_TUNNELS = ("tunnel", "tcp", "ssl")


def split(urls: pl.Series) -> pl.DataFrame:
    """Columns `host`, `literal` (an address instead of a name), `port` and `path`, row by row.

    `path` is NULL for a tunnel and for a bare authority.
    """
    unique = _plain(urls.unique().drop_nulls())
    scheme, rest = _halves(unique["bare"], "://")
    none = rest.is_null()
    scheme, rest = scheme.set(none, None).str.to_lowercase(), rest.zip_with(~none, scheme)
    for sign in "?#":
        rest = _halves(rest, sign)[0]
    authority, path = _halves(rest, "/")
    parts = unique.select("url").with_columns(
        scheme=scheme, authority=authority.str.strip_chars(" "), path="/" + path
    )
    found = parts.join(
        hosts.authorities(parts["authority"]), on="authority", how="left", maintain_order="left"
    )
    by_scheme = pl.col("scheme").replace_strict(_PORTS, default=None, return_dtype=pl.Int64)
    tunnel = pl.col("scheme").is_in(_TUNNELS).fill_null(False)
    whole = pl.col("scheme").is_not_null() & ~tunnel
    clear = pl.when(whole).then(pl.col("path").fill_null("/")).when(~tunnel).then("path")
    found = found.select(
        "url", "host", "literal", port=pl.coalesce("port", by_scheme), path=clear,
    )  # fmt: skip
    return urls.to_frame("url").join(found, on="url", how="left", maintain_order="left").drop("url")


def _plain(urls: pl.Series) -> pl.DataFrame:
    """Columns `url` and `bare`: without quotes, words before it, and slashes escaped twice."""
    odd = urls.str.contains(r'^[\s"]|[\s"]$|\\/|^[A-Z]+ ')
    if not odd.any():
        return pl.DataFrame({"url": urls, "bare": urls})
    bare = urls.str.strip_chars(' "').str.replace(r"^[A-Z]+ +", "").str.replace_all("\\/", "/", literal=True)
    return pl.DataFrame({"url": urls, "bare": bare.zip_with(odd, urls)})


def _halves(text: pl.Series, sign: str) -> tuple[pl.Series, pl.Series]:
    """What stands before and after the first `sign`; NULL after it where there is none."""
    both = text.str.splitn(sign, 2).struct.unnest()
    return both["field_0"], both["field_1"]
