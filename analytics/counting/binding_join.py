"""Joins each event with the binding of its address that is valid at that time (an as-of join).

In: a connection with `events`, and the tables `context_codes`, `target_codes` (day_sql/05_codes.sql) and
`bindings` (04_bindings.sql). Out: its temporary table `attributed`, every event with its facet: the key that
decides who was behind it.

The bindings of an address are numbered by time. A binary search finds the last one that began before an
event, for all events at once, so that events need not be sorted. Columns are arrays; id 0 means none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import duckdb
import numpy as np
import polars as pl

from analytics.counting.frames import store_frame
from analytics.counting.intervals import DAY_US, NEVER_US, Columns, Flags, Ints, as_before

Table = TypeVar("Table", bound=Columns)

#: A positional join keeps the rows in table order, so that the result can be joined by position as well.
_EVENTS = (
    "SELECT CAST(day AS TINYINT), CAST(context AS INTEGER), CAST(target AS INTEGER), start_us "
    "FROM events POSITIONAL JOIN (SELECT 0)"
)
#: Events joined at a time, so that their arrays stay in the processor's caches.
EVENTS_A_PART = 32_768


@dataclass(frozen=True)
class _Contexts(Columns):
    """By context: how it counts, and where the bindings of its address lie.

    `base_binding` is the id before the first binding. `asof_offset` + time is comparable with `asof_key`.
    """

    is_counted: Ints
    needs_lease: Flags
    base_binding: Ints
    asof_offset: Ints


@dataclass(frozen=True)
class _Targets(Columns):
    """By target: rank of the vantage, and how its events count."""

    vantage_rank: Ints
    counts_as: Ints


@dataclass(frozen=True)
class _Bindings(Columns):
    """By binding: its start (`asof_key`, address and time in one number), its end, and when it becomes
    stale."""

    asof_key: Ints
    to_us: Ints
    stale_from_us: Ints


def join_bindings(
    connection: duckdb.DuckDBPyConnection, *, binding_slots: int, day_pairs: int, targets: int, first_day: int
) -> Ints:
    """Makes `attributed`; returns the distinct facets, sorted.

    A facet combines four parts of an event in one number, in mixed radix:

    - its context;
    - `binding_slot`: 2 * position among the bindings of the address, plus 1 if it is stale; 0 if none
      is valid, or if the log names the account, which takes precedence over any lease;
    - `day_pair`: the day it counts for and the day it happened on (8 * day, plus 3 if they are the same);
    - its target.

    There are far fewer facets than events, and attribution.py decides once per facet. `binding_slots`,
    `day_pairs` and `targets` are the radixes. `first_day` is four days before the first day, in days since
    1970.

    `vantage_day` is 8 * vantage rank + day; day numbers are below 8. `counts_as` is 1 for records, 2 for
    lookups, and 0 for what a proxy forwards for others.
    """
    contexts = numbered(connection, _Contexts, "context_codes", by="context")
    target_codes = numbered(connection, _Targets, "target_codes", by="target")
    bindings = numbered(connection, _Bindings, "bindings", by="binding")
    # Sentinels that never begin: the search may look past the last binding.
    starts = np.append(bindings.asof_key, np.full(binding_slots, NEVER_US))
    strides = [1 << power for power in reversed(range((binding_slots // 2 - 1).bit_length()))]
    steps = [(stride, starts[stride:]) for stride in strides]
    day, context, target, start_us = connection.execute(_EVENTS).fetchnumpy().values()
    placed = {name: np.empty(len(day), np.int32) for name in ("vantage_day", "counts_as", "binding")}
    facet = np.empty(len(day), np.int64)
    for begin in range(0, len(day), EVENTS_A_PART):
        part = slice(begin, begin + EVENTS_A_PART)
        who, what, at_us = context[part].astype(np.int64), target[part].astype(np.int64), start_us[part]
        base_binding, asof_key = contexts.base_binding.take(who), contexts.asof_offset.take(who) + at_us
        binding = base_binding.copy()
        for stride, later in steps:
            binding += stride * (later.take(binding) <= asof_key)
        is_valid = (binding > base_binding) & (at_us < bindings.to_us.take(binding))
        binding_slot = 2 * (binding - base_binding) + (at_us >= bindings.stale_from_us.take(binding))
        binding_slot *= is_valid & contexts.needs_lease.take(who)
        day_pair = 7 * np.int64(day[part]) + at_us // DAY_US - first_day
        placed["vantage_day"][part] = target_codes.vantage_rank.take(what) * 8 + day[part]
        placed["counts_as"][part] = contexts.is_counted.take(who) * target_codes.counts_as.take(what)
        placed["binding"][part] = binding * is_valid
        facet[part] = ((who * binding_slots + binding_slot) * day_pairs + day_pair) * targets + what
    events = "(SELECT * EXCLUDE (day, context, target) FROM events)"
    store_frame(connection, "attributed", pl.DataFrame({**placed, "facet": facet}), beside=events)
    return _changes(np.sort(_changes(facet)))


def _changes(numbers: Ints) -> Ints:
    """The numbers that differ from the one before."""
    return numbers.take(np.flatnonzero(~as_before(numbers)))


def numbered(connection: duckdb.DuckDBPyConnection, kind: type[Table], relation: str, *, by: str) -> Table:
    """The columns of `relation` that the dataclass `kind` names, as arrays indexed by column `by`.

    Row 0 stands for NULL.
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
