"""Finds for each event the binding of its address that it falls into (an as-of join), and its facet.

In: a connection with `events`, and the tables `context_numbers`, `target_numbers` (counting/05_numbers.sql)
and `bindings` (04_held.sql). Out: its temporary table `attributed`, every event with its facet, which is
everything that decides who was behind it.

The bindings of an address follow each other, and the last one that began before an event is found by binary
search, for all events at once. So events need not be sorted. Columns are arrays; 0 means nobody or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import duckdb
import numpy as np
import polars as pl

from analytics.marts.intervals import DAY_US, NEVER_US, Columns, Flags, Ints, as_before
from analytics.marts.weeks import store_frame

Table = TypeVar("Table", bound=Columns)

#: In the order of their table, in which they are put beside what is found: a positional join keeps it.
_EVENTS = (
    "SELECT CAST(day AS TINYINT), CAST(context AS INTEGER), CAST(target AS INTEGER), start_us "
    "FROM events POSITIONAL JOIN (SELECT 0)"
)
#: So many events are placed at once: what they need then stays in the processor's caches.
EVENTS_A_PART = 32_768


@dataclass(frozen=True)
class _Contexts(Columns):
    """What the log says of who, by context; `before` is the number before the address's first binding."""

    counts: Ints
    is_asked: Flags
    before: Ints
    line: Ints


@dataclass(frozen=True)
class _Targets(Columns):
    """What was seen how, by target."""

    vantage_rank: Ints
    counts_as: Ints


@dataclass(frozen=True)
class _Bindings(Columns):
    """Since when it holds (`moment`: address and time in one number), until when, and from when on it is
    stale; by binding."""

    moment: Ints
    to_us: Ints
    stale_from_us: Ints


def place(
    connection: duckdb.DuckDBPyConnection, *, turns: int, shifts: int, targets: int, first_day: int
) -> Ints:
    """Makes `attributed`; returns the distinct facets, sorted.

    A facet combines four numbers of an event: its context; the binding it fell into (`turn`: position among
    the bindings of the address, and whether it had grown stale; 0 if the log names the account, which is
    believed before any lease); the day it counts for and the day it happened on (`shift`: 8 * day, plus 3 if
    they are the same); and its target. There are far fewer facets than events, so that belief.py decides only
    once for each. `turns`, `shifts` and `targets` are how many of each there can be. `first_day` is four days
    before the first day, in days since 1970.

    A `watch` is a vantage on a day; day numbers are below 8. `counts_as` is 1 for records, 2 for lookups, and
    0 for what a proxy forwards for others.
    """
    contexts = numbered(connection, _Contexts, "context_numbers", by="context")
    target_numbers = numbered(connection, _Targets, "target_numbers", by="target")
    bindings = numbered(connection, _Bindings, "bindings", by="binding")
    # Binding 0 stands before all, and what is beyond the last is looked at by mistake: they never begin.
    moments = np.append(bindings.moment, np.full(turns, NEVER_US))
    reaches = [1 << power for power in reversed(range((turns // 2 - 1).bit_length()))]
    looks = [(far, moments[far:]) for far in reaches]
    day, context, target, start_us = connection.execute(_EVENTS).fetchnumpy().values()
    placed = {name: np.empty(len(day), np.int32) for name in ("watch", "counts_as", "binding")}
    facet = np.empty(len(day), np.int64)
    for begin in range(0, len(day), EVENTS_A_PART):
        part = slice(begin, begin + EVENTS_A_PART)
        who, what, at_us = context[part].astype(np.int64), target[part].astype(np.int64), start_us[part]
        before, moment = contexts.before.take(who), contexts.line.take(who) + at_us
        binding = before.copy()
        for far, later in looks:
            binding += far * (later.take(binding) <= moment)
        is_said = (binding > before) & (at_us < bindings.to_us.take(binding))
        turn = 2 * (binding - before) + (at_us >= bindings.stale_from_us.take(binding))
        turn *= is_said & contexts.is_asked.take(who)
        shift = 7 * np.int64(day[part]) + at_us // DAY_US - first_day
        placed["watch"][part] = target_numbers.vantage_rank.take(what) * 8 + day[part]
        placed["counts_as"][part] = contexts.counts.take(who) * target_numbers.counts_as.take(what)
        placed["binding"][part] = binding * is_said
        facet[part] = ((who * turns + turn) * shifts + shift) * targets + what
    events = "(SELECT * EXCLUDE (day, context, target) FROM events)"
    store_frame(connection, "attributed", pl.DataFrame({**placed, "facet": facet}), beside=events)
    return _changes(np.sort(_changes(facet)))


def _changes(numbers: Ints) -> Ints:
    """Those of the numbers that are not the same as the one before."""
    return numbers.take(np.flatnonzero(~as_before(numbers)))


def numbered(connection: duckdb.DuckDBPyConnection, kind: type[Table], relation: str, *, by: str) -> Table:
    """The columns of `relation` that the dataclass `kind` names, as arrays indexed by column `by`.

    Row 0 means nothing.
    """
    names = [field.name for field in fields(kind)]
    found = connection.execute(f"SELECT {by}, {', '.join(names)} FROM {relation}").fetchnumpy()
    number = found[by]
    columns = []
    for name in names:
        column = np.zeros(number.max(initial=0) + 1, found[name].dtype)
        column[number] = found[name]
        columns.append(column)
    return kind(*columns)
