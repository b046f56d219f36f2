"""URLs as proxies and firewalls write them: with and without scheme, tunnels, wrapped in words.

`https://host/p?q` · `host/p` · `host:443` (CONNECT) · `tunnel://host:443/` (WSA) · `tcp://`, `ssl://`
(ProxySG) · `UNKNOWN https://host/...` (Meraki) · `\\/` for `/` (JSON twice encoded). What follows
`?` or `#` is dropped at once.
"""

from __future__ import annotations

import polars as pl

from sensor.coded import Remembered
from sensor.sources.logs.text import hosts

_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ssl": 443}
_TUNNELS = ("tunnel", "tcp", "ssl")
#: What a URL has beyond scheme, host and port.
_BEGUN = r"[/?#]"
#: Begins or ends with what does not belong to a URL.
_ODD = r'^(?:[\s"]|[A-Z]+ )|[\s"]$'


def split(urls: pl.Series) -> pl.DataFrame:
    """Columns `host`, `literal` (an address instead of a name), `port`, `path` and `tunnel`, row by row.

    `path` is NULL for a tunnel and for a bare authority.
    """
    # The compiled scanner leaves only scheme and authority, which repeat: each is read once.
    return _coded(urls) if isinstance(urls.dtype, pl.Categorical) else _split(urls)


def _split(urls: pl.Series) -> pl.DataFrame:
    bare = _plain(urls)
    scheme, rest = _halves(bare, "://")
    # `host/p?u=https://other/` has none: that of its query is another's.
    none = rest.is_null() | scheme.str.contains(_BEGUN).fill_null(False)
    if none.any():
        scheme, rest = scheme.set(none, None), rest.zip_with(~none, bare)
    for sign in "?#":
        if rest.str.contains(sign, literal=True).any():
            rest = _halves(rest, sign)[0]
    authority, path = _halves(rest, "/")
    parts = pl.DataFrame({"authority": authority, "path": path})
    found = hosts.once_all(parts, "authority", _authorities)
    found = hosts.once_all(found.with_columns(scheme=scheme), "scheme", _schemes)
    whole = pl.col("is_whole").fill_null(False)
    is_tunnel = pl.col("is_tunnel").fill_null(False)
    path_text = "/" + pl.col("path")
    clear = pl.when(whole).then(path_text.fill_null("/")).when(~is_tunnel).then(path_text)
    return found.select(
        "host", "literal", port=pl.coalesce("port", "scheme_port"), path=clear, tunnel=is_tunnel
    )


_coded = Remembered(_split)


def _authorities(unique: pl.Series) -> pl.DataFrame:
    """Columns host, literal and port of each unique authority, in order."""
    found = hosts.authorities(unique.str.strip_chars(" "))
    asked = pl.DataFrame({"authority": unique.str.strip_chars(" ")})
    return asked.join(found, on="authority", how="left", maintain_order="left").drop("authority")


def _schemes(unique: pl.Series) -> pl.DataFrame:
    """Columns scheme_port, is_tunnel and is_whole (a URL with all its parts) of each unique scheme."""
    scheme = unique.str.to_lowercase()
    tunnel = scheme.is_in(_TUNNELS)
    port = scheme.replace_strict(_PORTS, default=None, return_dtype=pl.Int64)
    return pl.DataFrame({"scheme_port": port, "is_tunnel": tunnel, "is_whole": ~tunnel})


def _plain(urls: pl.Series) -> pl.Series:
    """`urls` without quotes and words before them, and with slashes that were escaped twice."""
    odd = (urls.str.contains(_ODD) | urls.str.contains("\\/", literal=True)).fill_null(False).arg_true()
    if odd.is_empty():
        return urls
    bare = urls.gather(odd).str.strip_chars(' "').str.replace(r"^[A-Z]+ +", "")
    return urls.clone().scatter(odd, bare.str.replace_all("\\/", "/", literal=True))


def _halves(text: pl.Series, sign: str) -> tuple[pl.Series, pl.Series]:
    """What stands before and after the first `sign`; NULL after it where there is none."""
    both = text.str.splitn(sign, 2).struct.unnest()
    return both["field_0"], both["field_1"]
