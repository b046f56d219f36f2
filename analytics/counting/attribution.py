"""Decides to whom each facet is attributed: the account in the log, or one that a lease or the directory
names.

In: the facets (binding_join.py), and a connection with the tables `context_codes` (day_sql/05_codes.sql),
`bindings` (04_bindings.sql), `statement_codes`, `names` (03_staff.sql) and `shared_contexts` (06_shared.sql).
Out: `Attributions`, a row per facet, and two temporary tables: `chosen_names`, the names attributed, and
`profile_keys`, the distinct combinations of org unit, attribution method and environment. 07_subjects.sql
translates both back to names.

The order of precedence: the account in the log, the user of a lease, the owner of the device, a static lease,
a hint. On a shared address only the log names a person. Columns are arrays indexed by id; 0 means none.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.counting.binding_join import numbered
from analytics.counting.frames import store_frame
from analytics.counting.intervals import STATIC, Columns, Flags, Ints

#: Attribution methods (attributed_by): what named the subject, or why nobody is named. The origins of leases
#: follow after these.
METHODS = ("nobody", "device", "shared", "log", "owner", "hint")
NOBODY, DEVICE, SHARED, LOG, OWNER, HINT = range(len(METHODS))
#: Methods from this one on name an account.
FIRST_PERSON = LOG

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Contexts(Columns):
    """By context: what the log says. `base_binding` is the id before the first binding of the address."""

    base_binding: Ints
    environment: Ints
    address_name: Ints
    account: Ints
    device: Ints
    owner: Ints
    owner_confidence: Floats


@dataclass(frozen=True)
class _Bindings(Columns):
    """By binding: whether the address is shared, and the statement ids of the leases valid meanwhile."""

    is_shared: Flags
    user_statement: Ints
    device_statement: Ints
    static_statement: Ints
    hint_statement: Ints
    station_statement: Ints


@dataclass(frozen=True)
class _Statements(Columns):
    """By statement: the account and device that the lease names, and the owner of that device.

    `hardware` is the name of `mac`.
    """

    kind: Ints
    method: Ints
    account: Ints
    mac: Ints
    hardware: Ints
    device: Ints
    confidence: Floats
    owner: Ints
    owner_confidence: Floats


@dataclass(frozen=True)
class _Names(Columns):
    org_unit: Ints


@dataclass(frozen=True)
class Attributions(Columns):
    """One row per facet, in the order of the facets.

    `stale`: the binding is a login older than an hour. `observed_shared`: sightings show that the address is
    shared. `name`: to whom the facet is attributed, with `confidence` from 0 to 1.
    """

    facet: Ints
    day: Ints
    context: Ints
    binding: Ints
    stale: Flags
    observed_shared: Flags
    name: Ints
    profile_key: Ints
    confidence: Floats


def attribute_facets(
    connection: duckdb.DuckDBPyConnection,
    facet: Ints,
    *,
    binding_slots: int,
    day_pairs: int,
    targets: int,
    stale: float,
) -> Attributions:
    """Attributes each `facet`. Makes the tables `profile_keys` and `chosen_names`.

    `binding_slots`, `day_pairs` and `targets` are the radixes of a facet (binding_join.py). The confidence of
    a stale login is multiplied by `stale`.
    """
    contexts = numbered(connection, _Contexts, "context_codes", by="context")
    bindings = numbered(connection, _Bindings, "bindings", by="binding")
    statements = numbered(connection, _Statements, "statement_codes", by="statement")
    org_units = numbered(connection, _Names, "names", by="name_id").org_unit

    context, rest = np.divmod(facet // targets, binding_slots * day_pairs)
    binding_slot, day_pair = np.divmod(rest, day_pairs)
    said = contexts.at(context)
    binding = np.where(binding_slot < 2, 0, said.base_binding + binding_slot // 2)
    is_stale = binding_slot % 2 == 1
    observed_shared = _observed_shared(connection, context, binding, day_pair)

    held = bindings.at(binding)
    shared = held.is_shared | observed_shared
    login = np.where(is_stale, stale, 1.0)
    name, method, confidence = _decided(said, held, statements, shared, login)
    org_unit = np.where(method >= FIRST_PERSON, org_units[name], 0)
    profiles, profile_key = _combinations(org_unit=org_unit, method=method, environment=said.environment)
    store_frame(connection, "profile_keys", profiles)
    store_frame(connection, "chosen_names", pl.DataFrame({"name_id": np.flatnonzero(np.bincount(name))}))
    day = day_pair // 8
    return Attributions(
        facet, day, context, binding, is_stale, observed_shared, name, profile_key, confidence
    )


def _decided(
    said: _Contexts, held: _Bindings, statements: _Statements, shared: Flags, login: Floats
) -> tuple[Ints, Ints, Floats]:
    """By facet: the name it is attributed to, the method, and the confidence.

    `said` and `held` are the context and the binding of each facet; `shared` tells whether its address is,
    and `login` is the factor for the confidence in its user.
    """
    user, device, static = held.user_statement, held.device_statement, held.static_statement
    device_name = statements.device[device]
    # If the log names the device, leases about another device do not apply.
    fits = ~_conflict(said.device, device_name)
    static_fits = fits & ~_is_overridden(statements, static, device)
    hint, station = held.hint_statement, held.station_statement
    candidates = (
        (said.account, LOG, 1.0),
        (np.where(shared, said.address_name, 0), SHARED, 0.0),
        (statements.account[user], statements.method[user], statements.confidence[user] * login),
        (said.owner, OWNER, said.owner_confidence),
        (np.where(fits, statements.owner[device], 0), OWNER, statements.owner_confidence[device]),
        (np.where(fits, statements.owner[station], 0), OWNER, statements.owner_confidence[station]),
        (
            np.where(static_fits, statements.account[static], 0),
            statements.method[static],
            statements.confidence[static],
        ),
        (np.where(fits, statements.account[hint], 0), HINT, statements.confidence[hint]),
        (said.device, DEVICE, 0.0),
        (device_name, DEVICE, 0.0),
        (statements.hardware[station], DEVICE, 0.0),
        (said.address_name, NOBODY, 0.0),
    )
    applies = [name > 0 for name, _, _ in candidates]
    name, method, confidence = (np.select(applies, column) for column in zip(*candidates, strict=True))
    return name, method, confidence


def _combinations(**columns: Ints) -> tuple[pl.DataFrame, Ints]:
    """The distinct combinations of non-negative `columns`, numbered in `profile_key`; and the number of each
    row's."""
    combined = np.zeros(1, np.int64)
    sizes = {name: 1 + column.max(initial=0) for name, column in columns.items()}
    for name, column in columns.items():
        combined = combined * sizes[name] + column
    rest, number = np.unique(combined, return_inverse=True)
    parts = {}
    for name in reversed(columns):
        rest, parts[name] = np.divmod(rest, sizes[name])
    count = {"profile_key": np.arange(len(rest))}
    return pl.DataFrame(count | {name: parts[name] for name in columns}), number


def _is_overridden(statements: _Statements, static: Ints, device: Ints) -> Flags:
    """True where a static lease is about another device than the one known to have the address."""
    mac, static_mac = statements.mac[device], statements.mac[static]
    by_mac = (mac > 0) & (static_mac > 0)
    by_name = _conflict(statements.device[static], statements.device[device])
    overridden: Flags = np.where(by_mac, mac != static_mac, by_name) & (statements.kind[device] != STATIC)
    return overridden


def _observed_shared(
    connection: duckdb.DuckDBPyConnection, context: Ints, binding: Ints, day_pair: Ints
) -> Flags:
    """True for facets whose context, binding and day pair are in `shared_contexts` (06_shared.sql)."""
    shared = connection.execute("SELECT context, binding, day_pair FROM shared_contexts").fetchnumpy()
    if not len(shared["day_pair"]):
        return np.zeros(len(day_pair), bool)
    bindings = 1 + max(binding.max(initial=0), shared["binding"].max())
    day_pairs = 1 + max(day_pair.max(initial=0), shared["day_pair"].max())

    def at(context: Ints, binding: Ints, day_pair: Ints) -> Ints:
        number: Ints = (context * bindings + binding) * day_pairs + day_pair
        return number

    return np.isin(at(context, binding, day_pair), at(*(np.asarray(column) for column in shared.values())))


def _conflict(one: Ints, other: Ints) -> Flags:
    """True where both are known and differ."""
    differs: Flags = (one > 0) & (other > 0) & (one != other)
    return differs
