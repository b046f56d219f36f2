"""Turns DNS queries into lookups: the queries of one lookup count once, and are refused only as a whole.

One lookup queries A, AAAA and HTTPS, retries if no answer comes, tries the name with search suffixes
appended, and is repeated by the resolver that forwards it. Counting queries would inflate use 3 to 10 times.
Within `TOGETHER_S` of a query,

- another query of the same client (address, account and device) for the same name is the same lookup: its
  `lookups` is 0 instead of 1;
- a query for a name that the client also queried without its last labels is a search suffix attempt;
- a query by a resolver for what a client has just queried it for is forwarded.

The last two are set aside and counted; so are questions for something other than an address: a mail server
asks for MX, SPF and DKIM records of every domain that mail is exchanged with.

An address is a resolver if it received queries (`server` of a query), is a declared proxy, or is a loopback
address. A forwarder whose clients appear only in another input cannot be recognised and must be declared in
`networks.proxies`.

Networks refuse questions of one type for reasons of their own: HTTPS records against Encrypted Client Hello,
AAAA where they have no IPv6. Such a query is not blocked if the same client's query for A was allowed.
(`decode/dns/lookups.py` does this itself, because batches of packets end between the two.)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from sensor import schema

#: Maximum time between two queries of one lookup: stub resolvers retry after 1 to 5 s (resolv.conf(5)).
TOGETHER_S = 5
SUFFIXED = "set aside: a search suffix tried behind a name that was asked"
FORWARDED = "set aside: a resolver forwarding what its client asked"
NO_ADDRESS_ASKED = "set aside: a question for no address (MX, TXT, NS …)"
#: Maximum queries kept (the newest). Queries of a larger flood are counted one by one.
MAX_REMEMBERED = 500_000
MAX_RESOLVERS = 10_000

_TOGETHER = timedelta(seconds=TOGETHER_S)
_LOOPBACK = r"^127\.|^::1$"
#: Of several devices behind one public address (NextDNS, roaming clients), each has lookups of its own.
_ONE_LOOKUP = ("client", "user_name", "device", "host", "action")
_KEPT = ("client", "user_name", "device", "server", "host", "qtype", "action", "seen_at")
#: Types that are asked beside A.
_OTHER_TYPES = ("AAAA", "SVCB", "HTTPS")
#: Types that no client asks in order to connect: mail, delegation, DNSSEC, services by name, certificates.
_OF_NO_HOST = (
    "NS", "SOA", "HINFO", "MX", "TXT", "LOC", "SRV", "NAPTR", "DNAME", "DS", "SSHFP", "RRSIG", "NSEC",
    "DNSKEY", "NSEC3", "TLSA", "SMIMEA", "OPENPGPKEY", "SPF", "AXFR", "URI", "CAA",
)  # fmt: skip
#: Maximum search suffixes per name that are recognised (resolv.conf(5) allows 6 or more).
_MAX_SUFFIXES = 4
#: Single labels accepted as search suffix. Others may be registries: `google.co.uk` is not `google.co` plus
#: `uk`.
_LONE_SUFFIXES = ("local", "lan", "internal", "intranet", "corp", "home", "private", "localdomain", "arpa")


class Questions:
    """Keeps the queries of the last seconds across batches."""

    def __init__(self, is_forwarder: Callable[[pl.Series], pl.Series] | None = None) -> None:
        """`is_forwarder` maps addresses to Booleans: True if declared as a proxy or forwarder."""
        self._is_forwarder = is_forwarder
        self._recent = schema.OBSERVATIONS.empty().select(_KEPT)
        self._resolvers = pl.Series("server", [], dtype=pl.String)

    def mark(self, observations: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """`observations` with `lookups` (Int64; NULL unless a query), without those set aside.

        Also returns the number set aside by reason.
        """
        asked = (observations["kind"] == "dns").fill_null(False)
        if not asked.any():
            bare = observations.drop("lookups", strict=False)
            return bare.with_columns(lookups=pl.lit(None, dtype=pl.Int64)), {}
        rows = observations.drop("lookups", strict=False).with_row_index("row")
        self._add_resolvers(rows["server"].filter(asked))
        counts: dict[str, int] = {}
        of_no_host = asked & rows["qtype"].is_in(_OF_NO_HOST).fill_null(False)
        if of_no_host.any():
            counts[NO_ADDRESS_ASKED] = int(of_no_host.sum())
            rows = rows.filter(~of_no_host)
        questions = rows.filter(pl.col("kind") == "dns").select("row", *_KEPT)
        window = pl.concat(
            [self._recent.with_columns(row=pl.lit(None, pl.UInt32)), questions], how="diagonal"
        )
        allowed = _refused_by_type(window)
        if len(allowed):
            window, rows = (_allow(frame, allowed) for frame in (window, rows))
        flags = _lookup_flags(window)
        reason = {
            FORWARDED: self._forwarded(window),
            SUFFIXED: _search_suffixes(window),
        }
        self._remember(window)
        kept = rows.join(flags, on="row", how="left", maintain_order="left")
        for why, set_aside in reason.items():
            is_set_aside = kept["row"].is_in(set_aside.implode())
            if is_set_aside.any():
                counts[why] = int(is_set_aside.sum())
                kept = kept.filter(~is_set_aside)
        return kept.drop("row"), counts

    def _add_resolvers(self, servers: pl.Series) -> None:
        fresh = servers.drop_nulls().unique()
        if fresh.len():
            self._resolvers = (
                pl.concat([self._resolvers, fresh]).unique(maintain_order=True).tail(MAX_RESOLVERS)
            )

    def _remember(self, window: pl.DataFrame) -> None:
        """Keeps the queries near the newest ones of this batch: an earlier one may have had a wrong clock."""
        newest = window.filter(pl.col("row").is_not_null())["seen_at"].max()
        if isinstance(newest, datetime):
            away = pl.col("seen_at") - pl.lit(newest, dtype=schema.TIME)
            self._recent = window.filter(away.abs() <= 2 * _TOGETHER).select(_KEPT).tail(MAX_REMEMBERED)

    def _forwarded(self, window: pl.DataFrame) -> pl.Series:
        """Rows of queries by a resolver that repeat what a client had just queried it for."""
        clients = window["client"].unique().drop_nulls()
        known = clients.is_in(self._resolvers.implode()) | clients.str.contains(_LOOPBACK)
        if self._is_forwarder is not None:
            known |= self._is_forwarder(clients)
        resolvers = clients.filter(known)
        by_one = pl.col("client").is_in(resolvers.implode())
        copies = window.filter(by_one & pl.col("row").is_not_null())
        if copies.is_empty():
            return copies["row"]
        others = window.filter(~by_one).select("host", "seen_at", asked="server", asker="client")
        near = copies.sort("seen_at").join_asof(
            others.sort("seen_at"), on="seen_at", by="host", strategy="backward", tolerance=_TOGETHER,
            check_sortedness=False,
        )  # fmt: skip
        asked_it = (
            pl.col("asked").is_null() | pl.col("server").is_null() | (pl.col("asked") != pl.col("server"))
        )
        return near.filter(pl.col("asker").is_not_null() & asked_it)["row"]


def _refused_by_type(window: pl.DataFrame) -> pl.Series:
    """Rows of blocked queries of another type, of a name whose client was given A records then."""
    blocked = pl.col("action") == "blocked"
    refused = window.filter(blocked & pl.col("qtype").is_in(_OTHER_TYPES) & pl.col("row").is_not_null())
    if refused.is_empty():
        return refused["row"]
    given = window.filter((pl.col("action") == "allowed") & (pl.col("qtype") == "A"))
    near = refused.sort("seen_at").join_asof(
        given.select("client", "host", "seen_at", given=pl.lit(True)).sort("seen_at"), on="seen_at",
        by=["client", "host"], strategy="nearest", tolerance=_TOGETHER, check_sortedness=False,
    )  # fmt: skip
    return near.filter("given")["row"]


def _allow(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    return frame.with_columns(
        action=pl.when(pl.col("row").is_in(rows.implode())).then(pl.lit("allowed")).otherwise("action")
    )


def _lookup_flags(window: pl.DataFrame) -> pl.DataFrame:
    """`lookups` by `row`: 1 for the first query of a lookup, 0 for further ones.

    Blocked queries are counted separately, because blocked is not use.
    """
    # XOR of column hashes, because hashing a struct takes ten times as long.
    keys = np.zeros(window.height, np.uint64)
    for seed, name in enumerate(_ONE_LOOKUP):
        if window[name].null_count() < window.height:  # most logs name neither accounts nor devices
            keys ^= window[name].hash(seed).to_numpy()
    times = window["seen_at"].cast(pl.Int64).to_numpy()
    # Logs are usually sorted by time; then one stable sort is enough.
    order = np.argsort(keys, kind="stable") if window["seen_at"].is_sorted() else np.lexsort((times, keys))
    same = np.diff(keys[order]) == 0
    again = np.zeros(len(order), dtype=np.int64)
    again[order[1:]] = same & (np.diff(times[order]) < TOGETHER_S * 1_000_000)
    return window.select("row", lookups=1 - pl.Series(again)).drop_nulls("row")


def _search_suffixes(window: pl.DataFrame) -> pl.Series:
    """Rows of queries for a name that its client also queried without the suffix, before or after."""
    stems = _stems(window["host"].drop_nulls().unique())
    nothing = pl.Series("row", [], dtype=pl.UInt32)
    if stems.is_empty():
        return nothing
    tried = window.drop_nulls("row").join(stems, on="host").select("row", "client", "seen_at", host="stem")
    plain = window.select("client", "host", "seen_at", found=pl.lit(True)).sort("seen_at")
    near = tried.sort("seen_at").join_asof(
        plain, on="seen_at", by=["client", "host"], strategy="nearest", tolerance=_TOGETHER,
        check_sortedness=False,
    )  # fmt: skip
    return near.filter(pl.col("found").is_not_null())["row"]


def _stems(names: pl.Series) -> pl.DataFrame:
    """All pairs of the unique `names` of which one (`host`) is the other (`stem`) plus a suffix.

    Sorted with a dot appended, every name follows its prefixes. So the longest stem of a name is the name
    before it, or a stem of that one, and no pairwise comparison is needed.
    """
    frame = pl.DataFrame({"host": names}).select(dotted=pl.col("host") + ".").sort("dotted")
    before = pl.col("dotted").shift()
    frame = frame.with_columns(stem=pl.when(pl.col("dotted").str.starts_with(before)).then(before))
    for _ in range(_MAX_SUFFIXES):
        above = pl.col("stem").shift()
        found = pl.when(pl.col("dotted").str.starts_with(above)).then(above)
        frame = frame.with_columns(stem=pl.coalesce("stem", found))
    stems = frame.drop_nulls("stem")
    if stems.is_empty():
        return pl.DataFrame(schema={"host": pl.String, "stem": pl.String})
    every, shorter = [stems], stems
    for _ in range(_MAX_SUFFIXES):
        parents = stems.select(stem="dotted", above="stem")
        shorter = shorter.join(parents, on="stem").select("dotted", stem="above")
        every.append(shorter)
    suffix = pl.col("dotted").str.slice(pl.col("stem").str.len_chars()).str.strip_suffix(".")
    is_suffix = suffix.str.contains(".", literal=True) | suffix.is_in(_LONE_SUFFIXES)
    bare = (pl.col(name).str.strip_suffix(".") for name in ("dotted", "stem"))
    return (
        pl.concat(every)
        .unique(maintain_order=True)
        .filter(is_suffix)
        .select(*bare)
        .rename({"dotted": "host"})
    )
