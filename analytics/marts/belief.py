"""Decides who is believed to be behind each facet of some days: the account in the log, or one from a lease.

In: the facets (placing.py), and a connection with the tables `context_numbers` (counting/05_numbers.sql),
`bindings` (04_held.sql), `word_numbers` and `names` (03_staff.sql) and `shared` (06_crowded.sql). Out:
`Beliefs`, a row per facet, and two temporary tables: `believed` (the names that are believed) and
`appearances` (a row per post, way it is known and setting). 07_subjects.sql translates both back to names.

The first of these is believed: the account that the log names, the user of a lease, the owner of the device,
a static lease, a hint. On a shared address nobody is. Columns are arrays indexed by number; 0 means none.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.marts.intervals import STATIC, Columns, Flags, Ints
from analytics.marts.placing import numbered
from analytics.marts.weeks import store_frame

#: The source that names somebody (attributed_by), or why nobody is named. The origins of leases follow.
WAYS = ("nobody", "device", "shared", "log", "owner", "hint")
NOBODY, DEVICE, SHARED, LOG, OWNER, HINT = range(len(WAYS))
#: From here on it is a person, if not a machine or service account.
PERSONS = LOG

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Contexts(Columns):
    """What the log says, by context; `before` is the number before the first binding of the address."""

    before: Ints
    setting: Ints
    label: Ints
    account: Ints
    device: Ints
    owner: Ints
    owner_confidence: Floats


@dataclass(frozen=True)
class _Bindings(Columns):
    """What is known of the address meanwhile, by binding: words of leases."""

    is_shared: Flags
    user_word: Ints
    device_word: Ints
    static_word: Ints
    hint_word: Ints


@dataclass(frozen=True)
class _Words(Columns):
    """Whom and what a lease names, by word, and who owns the device that it names."""

    kind: Ints
    way: Ints
    account: Ints
    mac: Ints
    device: Ints
    confidence: Floats
    owner: Ints
    owner_confidence: Floats


@dataclass(frozen=True)
class _Names(Columns):
    post: Ints


@dataclass(frozen=True)
class Beliefs(Columns):
    """One row per facet, in the order of the facets.

    The day it counts for, its binding, whether that had grown stale, whether sightings show that the address
    is shared, who is believed to be behind it, and with which confidence.
    """

    facet: Ints
    day: Ints
    context: Ints
    binding: Ints
    stale: Flags
    crowded: Flags
    name: Ints
    appearance: Ints
    confidence: Floats


def believe(
    connection: duckdb.DuckDBPyConnection, facet: Ints, *, turns: int, shifts: int, targets: int, stale: float
) -> Beliefs:
    """Who is behind each `facet`. Makes the tables `appearances` and `believed`.

    `turns`, `shifts` and `targets` are the factors a facet is composed with (placing.py). The confidence of a
    login that has grown stale is multiplied by `stale`.
    """
    contexts = numbered(connection, _Contexts, "context_numbers", by="context")
    bindings = numbered(connection, _Bindings, "bindings", by="binding")
    words = numbered(connection, _Words, "word_numbers", by="word")
    posts = numbered(connection, _Names, "names", by="name_nth").post

    context, rest = np.divmod(facet // targets, turns * shifts)
    turn, shift = np.divmod(rest, shifts)
    binding = np.where(turn < 2, 0, contexts.before[context] + turn // 2)
    is_stale = turn % 2 == 1
    is_crowded = _crowded(connection, context, binding, shift)
    is_shared = bindings.is_shared[binding] | is_crowded
    user, device = bindings.user_word[binding], bindings.device_word[binding]
    static, hint = bindings.static_word[binding], bindings.hint_word[binding]
    named, held, label = contexts.device[context], words.device[device], contexts.label[context]
    # The log names the device itself: what is known of another one there is beside the point.
    fits = ~_differ(named, held)
    static_fits = fits & ~_silenced(words, static, device)
    claims = (
        (contexts.account[context], LOG, 1.0),
        (np.where(is_shared, label, 0), SHARED, 0.0),
        (words.account[user], words.way[user], words.confidence[user] * np.where(is_stale, stale, 1.0)),
        (contexts.owner[context], OWNER, contexts.owner_confidence[context]),
        (np.where(fits, words.owner[device], 0), OWNER, words.owner_confidence[device]),
        (np.where(static_fits, words.account[static], 0), words.way[static], words.confidence[static]),
        (np.where(fits, words.account[hint], 0), HINT, words.confidence[hint]),
        (named, DEVICE, 0.0),
        (held, DEVICE, 0.0),
        (label, NOBODY, 0.0),
    )
    speaks = [name > 0 for name, _, _ in claims]
    name, way, confidence = (np.select(speaks, column) for column in zip(*claims, strict=True))
    setting = contexts.setting[context]
    ways, settings = 1 + way.max(initial=0), 1 + setting.max(initial=0)
    post = np.where(way >= PERSONS, posts[name], 0)
    distinct, appearance = np.unique((post * ways + way) * settings + setting, return_inverse=True)
    rest, setting_seen = np.divmod(distinct, settings)
    post_seen, way_seen = np.divmod(rest, ways)
    seen = {"post": post_seen, "way": way_seen, "setting": setting_seen}
    store_frame(connection, "appearances", pl.DataFrame({"appearance": np.arange(len(distinct)), **seen}))
    store_frame(connection, "believed", pl.DataFrame({"name_nth": np.flatnonzero(np.bincount(name))}))
    return Beliefs(facet, shift // 8, context, binding, is_stale, is_crowded, name, appearance, confidence)


def _silenced(words: _Words, static: Ints, device: Ints) -> Flags:
    """Whether the device that is there is known to be another than the one a static word is about."""
    mac, static_mac = words.mac[device], words.mac[static]
    by_mac = (mac > 0) & (static_mac > 0)
    is_other = np.where(by_mac, mac != static_mac, _differ(words.device[static], words.device[device]))
    silenced: Flags = is_other & (words.kind[device] != STATIC)
    return silenced


def _crowded(connection: duckdb.DuckDBPyConnection, context: Ints, binding: Ints, shift: Ints) -> Flags:
    """True for facets whose context, binding and shift are in `shared`: too many accounts log in there."""
    shared = connection.execute("SELECT context, binding, shift FROM shared").fetchnumpy()
    if not len(shared["shift"]):
        return np.zeros(len(shift), bool)
    bindings = 1 + max(binding.max(initial=0), shared["binding"].max())
    shifts = 1 + max(shift.max(initial=0), shared["shift"].max())

    def at(context: Ints, binding: Ints, shift: Ints) -> Ints:
        number: Ints = (context * bindings + binding) * shifts + shift
        return number

    return np.isin(at(context, binding, shift), at(*(np.asarray(column) for column in shared.values())))


def _differ(one: Ints, other: Ints) -> Flags:
    """Whether both are known, and not the same."""
    differs: Flags = (one > 0) & (other > 0) & (one != other)
    return differs
