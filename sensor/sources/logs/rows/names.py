"""Names and addresses in one spelling: accounts, hosts, MAC addresses, protocols, and what a URL holds.

Each text is cleaned once, however many rows have it (`Remembered`).
"""

from __future__ import annotations

import polars as pl

from sensor.coded import Remembered, by_value
from sensor.sources.logs.text import accounts, hosts, urls, verdicts
from sensor.sources.logs.text.reasons import NO_PORTS

#: Behind a name, an IPv4 address or brackets; an IPv6 address without brackets has colons of its own.
_PORT = r"^([^:]+|\[.*\]):\d{1,5}$"
#: ICMP, IGMP, tunnels and routing, which carry no use of a service.
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


def spelled(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with accounts, addresses, actions, methods and protocols in one spelling."""
    account = accounts.split(fields["user_name"])
    # A machine account is kept, with its `$`: what a machine does by itself is not attributed to its user.
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
        *_method(fields["method"]),
    )
    layer = (fields["transport"] == NO_PORTS).fill_null(False) & (fields["kind"] != "lease").fill_null(True)
    if not layer.any():
        return fields
    reason = pl.coalesce("reason", pl.when(layer).then(pl.lit(NO_PORTS)))
    return fields.with_columns(reason=reason, transport=pl.when(~layer).then("transport"))


def located(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with host, path, server and port from `url`, where the format has not read them itself."""
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
    tunnel = (pl.col("method") == "CONNECT").fill_null(False)
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


def _first_filled(fields: pl.DataFrame, *names: str) -> pl.Expr:
    """The first of the columns `names` that is not NULL. Empty columns are left out, to save time."""
    filled = [name for name in names if fields[name].null_count() < fields.height]
    return pl.coalesce(filled or names[:1])


def _named_server(fields: pl.DataFrame, host: pl.Expr) -> pl.Expr:
    """`host`, else the name that stands in place of the server's address.

    Not for lookups: there the server is the resolver, and not what was asked for.
    """
    if fields["called"].null_count() == fields.height:
        return host
    return pl.when(host.is_null() & (pl.col("kind") != "dns")).then("called").otherwise(host)


@Remembered
def _called(server: pl.Series) -> pl.DataFrame:
    """The name in place of a server's address: some products resolve it, or use names of their own."""
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
    """The host name in `asked` (a host, perhaps with a port), or the address that stands in its place."""
    bare = pl.lit(asked).str.replace(_PORT, "$1").str.strip_chars("[] ")
    return pl.select(host=hosts.normalise(bare), literal=hosts.address(bare))


@Remembered
def _cname(raw: pl.Series) -> pl.DataFrame:
    return pl.select(cname=hosts.normalise(pl.lit(raw)))


@Remembered
def _method(raw: pl.Series) -> pl.DataFrame:
    return pl.select(method=pl.lit(raw).str.to_uppercase())


def _is_secure(url: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"is_secure": url.str.starts_with("https://") | url.str.starts_with("wss://")})
