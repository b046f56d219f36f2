"""Turns DNS questions into lookups: questions that belong to one lookup of a name count once.

One lookup asks for A, AAAA and HTTPS, asks again if no answer comes, tries the name with search suffixes
appended, and is repeated by the resolver that forwards it. Counting questions would inflate use 3 to 10
times. Within `TOGETHER_S` of a question,

- the same name asked by the same client begins no new lookup: `lookups` is 0 instead of 1;
- a name that the client also asked without its last labels is a search suffix being tried;
- a resolver that asks what a client has just asked it forwards the question.

The last two are set aside and counted. A resolver is an address that was asked (`server` of a question), a
declared proxy, or a loopback address. A forwarder that cannot be recognised so, because its clients appear in
another input, has to be declared in `networks.proxies`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from sensor import schema

#: From one question to the next of one lookup: stub resolvers ask again after 1 to 5 s (resolv.conf(5)).
TOGETHER_S = 5
SUFFIXED = "set aside: a search suffix tried behind a name that was asked"
FORWARDED = "set aside: a resolver forwarding what its client asked"
#: Questions remembered, the newest; a flood beyond them is counted line by line.
MAX_REMEMBERED = 500_000
MAX_RESOLVERS = 10_000

_TOGETHER = timedelta(seconds=TOGETHER_S)
_LOOPBACK = r"^127\.|^::1$"
_ONE_LOOKUP = ("client", "host", "action")
_REMEMBERED = ("client", "server", "host", "action", "seen_at")
#: Suffixes of one name that are looked at beside each other (resolv.conf(5) allows 6 and more).
_DEPTH = 4
#: A suffix of one label is a search suffix only where no registry has it: `google.co.uk` is no `google.co`.
_LONE_SUFFIXES = ("local", "lan", "internal", "intranet", "corp", "home", "private", "localdomain", "arpa")


class Questions:
    """Remembers the questions of the last seconds, across batches."""

    def __init__(self, is_forwarder: Callable[[pl.Series], pl.Series] | None = None) -> None:
        """`is_forwarder` takes addresses and returns a Boolean for each: is it declared as a proxy or
        forwarder?"""
        self._is_forwarder = is_forwarder
        self._recent = schema.OBSERVATIONS.empty().select(_REMEMBERED)
        self._resolvers = pl.Series("server", [], dtype=pl.String)

    def mark(self, observations: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """`observations` with `lookups` (Int64; NULL unless a question), without those set aside.

        Also returns how many were set aside, by reason.
        """
        asked = (observations["kind"] == "dns").fill_null(False)
        if not asked.any():
            bare = observations.drop("lookups", strict=False)
            return bare.with_columns(lookups=pl.lit(None, dtype=pl.Int64)), {}
        rows = observations.drop("lookups", strict=False).with_row_index("place")
        questions = rows.filter(asked).select("place", *_REMEMBERED)
        self._learn(questions["server"])
        both = pl.concat(
            [self._recent.with_columns(place=pl.lit(None, pl.UInt32)), questions], how="diagonal"
        )
        begins = _begins(both)
        reason = {
            FORWARDED: self._forwarded(both),
            SUFFIXED: _suffixed(both),
        }
        self._remember(both)
        kept = rows.join(begins, on="place", how="left", maintain_order="left")
        counts = {}
        for why, places in reason.items():
            is_set_aside = kept["place"].is_in(places.implode())
            if is_set_aside.any():
                counts[why] = int(is_set_aside.sum())
                kept = kept.filter(~is_set_aside)
        return kept.drop("place"), counts

    def _learn(self, servers: pl.Series) -> None:
        fresh = servers.drop_nulls().unique()
        if fresh.len():
            self._resolvers = (
                pl.concat([self._resolvers, fresh]).unique(maintain_order=True).tail(MAX_RESOLVERS)
            )

    def _remember(self, both: pl.DataFrame) -> None:
        newest = both["seen_at"].max()
        if isinstance(newest, datetime):
            late = pl.col("seen_at") >= pl.lit(newest, dtype=schema.TIME) - 2 * _TOGETHER
            self._recent = both.filter(late).select(_REMEMBERED).tail(MAX_REMEMBERED)

    def _forwarded(self, both: pl.DataFrame) -> pl.Series:
        """Places of questions by a resolver that another client had asked, of it where that is known."""
        clients = both["client"].unique().drop_nulls()
        known = clients.is_in(self._resolvers.implode()) | clients.str.contains(_LOOPBACK)
        if self._is_forwarder is not None:
            known |= self._is_forwarder(clients)
        resolvers = clients.filter(known)
        by_one = pl.col("client").is_in(resolvers.implode())
        copies = both.filter(by_one & pl.col("place").is_not_null())
        if copies.is_empty():
            return copies["place"]
        others = both.filter(~by_one).select("host", "seen_at", asked="server", asker="client")
        near = copies.sort("seen_at").join_asof(
            others.sort("seen_at"), on="seen_at", by="host", strategy="backward", tolerance=_TOGETHER,
            check_sortedness=False,
        )  # fmt: skip
        of_it = pl.col("asked").is_null() | pl.col("server").is_null() | (pl.col("asked") != pl.col("server"))
        return near.filter(pl.col("asker").is_not_null() & of_it)["place"]


def _begins(both: pl.DataFrame) -> pl.DataFrame:
    """`lookups` by `place`: 1 for a question no other of its client and name came before, else 0.

    Blocked ones are counted apart: blocked is not use.
    """
    # The hash of a struct takes ten times as long.
    client, host, action = (both[name].hash(seed).to_numpy() for seed, name in enumerate(_ONE_LOOKUP))
    keys = client ^ host ^ action
    times = both["seen_at"].cast(pl.Int64).to_numpy()
    # Logs are in order of time as a rule: then one stable sort is enough.
    order = np.argsort(keys, kind="stable") if both["seen_at"].is_sorted() else np.lexsort((times, keys))
    same = np.diff(keys[order]) == 0
    again = np.zeros(len(order), dtype=np.int64)
    again[order[1:]] = same & (np.diff(times[order]) < TOGETHER_S * 1_000_000)
    return both.select("place", lookups=1 - pl.Series(again)).drop_nulls("place")


def _suffixed(both: pl.DataFrame) -> pl.Series:
    """Places of questions for a name its client asked without the suffix, before or after."""
    stems = _stems(both["host"].drop_nulls().unique())
    nothing = pl.Series("place", [], dtype=pl.UInt32)
    if stems.is_empty():
        return nothing
    tried = both.drop_nulls("place").join(stems, on="host").select("place", "client", "seen_at", host="stem")
    plain = both.select("client", "host", "seen_at", found=pl.lit(True)).sort("seen_at")
    near = tried.sort("seen_at").join_asof(
        plain, on="seen_at", by=["client", "host"], strategy="nearest", tolerance=_TOGETHER,
        check_sortedness=False,
    )  # fmt: skip
    return near.filter(pl.col("found").is_not_null())["place"]


def _stems(names: pl.Series) -> pl.DataFrame:
    """Those of the unique `names` that are another of them with a suffix behind: host, stem; every stem.

    Sorted with a dot behind each, what begins with a name follows it; so the one before, or one that it
    begins with itself, is the longest stem, found without comparing each with each.
    """
    frame = pl.DataFrame({"host": names}).select(dotted=pl.col("host") + ".").sort("dotted")
    before = pl.col("dotted").shift()
    frame = frame.with_columns(stem=pl.when(pl.col("dotted").str.starts_with(before)).then(before))
    for _ in range(_DEPTH):
        above = pl.col("stem").shift()
        found = pl.when(pl.col("dotted").str.starts_with(above)).then(above)
        frame = frame.with_columns(stem=pl.coalesce("stem", found))
    stems = frame.drop_nulls("stem")
    if stems.is_empty():
        return pl.DataFrame(schema={"host": pl.String, "stem": pl.String})
    every, shorter = [stems], stems
    for _ in range(_DEPTH):
        up = stems.select(stem="dotted", above="stem")
        shorter = shorter.join(up, on="stem").select("dotted", stem="above")
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
