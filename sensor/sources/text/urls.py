"""URLs as proxies and firewalls write them: with and without scheme, tunnels, wrapped in words.

`https://host/p?q` · `host/p` · `host:443` (CONNECT) · `tunnel://host:443/` (WSA) · `tcp://`, `ssl://`
(ProxySG) · `UNKNOWN https://host/...` (Meraki) · `\\/` for `/` (JSON twice encoded). What follows
`?` or `#` is dropped at once.
"""

from __future__ import annotations

import polars as pl

from sensor.sources import hosts

_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ssl": 443}
_SHAPE = r"^(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,15})://)?(?P<authority>[^/?#\s]*)(?P<path>/[^?#]*)?"
_TUNNELS = ("tunnel", "tcp", "ssl")


def split(urls: pl.Series) -> pl.DataFrame:
    """Columns `host`, `literal` (an address instead of a name), `port` and `path`, row by row.

    `path` is NULL for a tunnel and for a bare authority.
    """
    unique = urls.unique().drop_nulls()
    bare = unique.str.strip_chars(' "').str.replace(r"^[A-Z]+ (?:[a-z]+://)", "${0}")
    bare = bare.str.replace(r"^[A-Z]+ +", "").str.replace_all("\\/", "/", literal=True)
    parts = bare.str.extract_groups(_SHAPE).struct.unnest().with_columns(pl.col("scheme").str.to_lowercase())
    found = parts.with_columns(url=unique).join(
        hosts.authorities(parts["authority"]), on="authority", how="left", maintain_order="left"
    )
    by_scheme = pl.col("scheme").replace_strict(_PORTS, default=None, return_dtype=pl.Int64)
    tunnel = pl.col("scheme").is_in(_TUNNELS).fill_null(False)
    whole = pl.col("scheme").is_not_null() & ~tunnel
    path = pl.when(whole).then(pl.col("path").fill_null("/")).when(~tunnel).then("path")
    found = found.select(
        "url", "host", "literal", port=pl.coalesce("port", by_scheme), path=path,
    )  # fmt: skip
    return urls.to_frame("url").join(found, on="url", how="left", maintain_order="left").drop("url")
