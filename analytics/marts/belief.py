"""Decides who is believed to be behind each facet of some days: the account in the log, or one from a lease.

In: the facets (placing.py), and a connection with the tables `asked` (counting/2_asked.sql), `spells`
(2_held.sql), `voices` and `names` (2_staff.sql) and `shared` (3_crowded.sql), all in numbers. Out: `Beliefs`,
a row per facet, and two temporary tables: `heard` (the names that are believed) and `appearances` (a row per
post, way it is known and setting). 3_subjects.sql translates both back to names.

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

#: By whose word somebody is named (attributed_by), or why nobody is. The origins of leases follow.
WAYS = ("nobody", "device", "shared", "log", "owner", "hint")
NOBODY, DEVICE, SHARED, LOG, OWNER, HINT = range(len(WAYS))
#: From here on it is a person, if not a machine or service account.
PERSONS = LOG

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Asked(Columns):
    """What the log says, by context; `before` is the number before the first spell of the address."""

    before: Ints
    setting: Ints
    label: Ints
    account: Ints
    device: Ints
    owner: Ints
    owner_confidence: Floats


@dataclass(frozen=True)
class _Spells(Columns):
    """What is known of the address meanwhile, by spell: words of leases."""

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

    The day it counts for, its spell, whether that had grown stale, whether sightings show that the address is
    shared, who is believed to be behind it, and with which confidence.
    """

    facet: Ints
    day: Ints
    context: Ints
    spell: Ints
    stale: Flags
    crowded: Flags
    name: Ints
    appearance: Ints
    confidence: Floats


def believe(
    connection: duckdb.DuckDBPyConnection, facet: Ints, *, turns: int, shifts: int, aims: int, stale: float
) -> Beliefs:
    """Who is behind each `facet`. Makes the tables `appearances` and `heard`.

    `turns`, `shifts` and `aims` are the factors a facet is composed with (placing.py). The confidence of a
    login that has grown stale is multiplied by `stale`.
    """
    asked = numbered(connection, _Asked, "asked", by="context")
    spells = numbered(connection, _Spells, "spells", by="spell")
    words = numbered(connection, _Words, "voices", by="word")
    posts = numbered(connection, _Names, "names", by="name_nth").post

    context, rest = np.divmod(facet // aims, turns * shifts)
    turn, shift = np.divmod(rest, shifts)
    spell = np.where(turn < 2, 0, asked.before[context] + turn // 2)
    is_stale = turn % 2 == 1
    is_crowded = _crowded(connection, context, spell, shift)
    is_shared = spells.is_shared[spell] | is_crowded
    user, device = spells.user_word[spell], spells.device_word[spell]
    static, hint = spells.static_word[spell], spells.hint_word[spell]
    named, held, label = asked.device[context], words.device[device], asked.label[context]
    # The log names the device itself: what is known of another one there is beside the point.
    fits = ~_differ(named, held)
    static_fits = fits & ~_silenced(words, static, device)
    claims = (
        (asked.account[context], LOG, 1.0),
        (np.where(is_shared, label, 0), SHARED, 0.0),
        (words.account[user], words.way[user], words.confidence[user] * np.where(is_stale, stale, 1.0)),
        (asked.owner[context], OWNER, asked.owner_confidence[context]),
        (np.where(fits, words.owner[device], 0), OWNER, words.owner_confidence[device]),
        (np.where(static_fits, words.account[static], 0), words.way[static], words.confidence[static]),
        (np.where(fits, words.account[hint], 0), HINT, words.confidence[hint]),
        (named, DEVICE, 0.0),
        (held, DEVICE, 0.0),
        (label, NOBODY, 0.0),
    )
    speaks = [name > 0 for name, _, _ in claims]
    name, way, confidence = (np.select(speaks, column) for column in zip(*claims, strict=True))
    setting = asked.setting[context]
    ways, settings = 1 + way.max(initial=0), 1 + setting.max(initial=0)
    post = np.where(way >= PERSONS, posts[name], 0)
    distinct, appearance = np.unique((post * ways + way) * settings + setting, return_inverse=True)
    rest, setting_seen = np.divmod(distinct, settings)
    post_seen, way_seen = np.divmod(rest, ways)
    seen = {"post": post_seen, "way": way_seen, "setting": setting_seen}
    store_frame(connection, "appearances", pl.DataFrame({"appearance": np.arange(len(distinct)), **seen}))
    store_frame(connection, "heard", pl.DataFrame({"name_nth": np.flatnonzero(np.bincount(name))}))
    return Beliefs(facet, shift // 8, context, spell, is_stale, is_crowded, name, appearance, confidence)


def _silenced(words: _Words, static: Ints, device: Ints) -> Flags:
    """Whether the device that is there is known to be another than the one a static word is about."""
    mac, static_mac = words.mac[device], words.mac[static]
    by_mac = (mac > 0) & (static_mac > 0)
    is_other = np.where(by_mac, mac != static_mac, _differ(words.device[static], words.device[device]))
    silenced: Flags = is_other & (words.kind[device] != STATIC)
    return silenced


def _crowded(connection: duckdb.DuckDBPyConnection, context: Ints, spell: Ints, shift: Ints) -> Flags:
    """For each facet: is its context, spell and shift in `shared`, because too many accounts log in there?"""
    shared = connection.execute("SELECT context, spell, shift FROM shared").fetchnumpy()
    if not len(shared["shift"]):
        return np.zeros(len(shift), bool)
    spells = 1 + max(spell.max(initial=0), shared["spell"].max())
    shifts = 1 + max(shift.max(initial=0), shared["shift"].max())

    def at(context: Ints, spell: Ints, shift: Ints) -> Ints:
        number: Ints = (context * spells + spell) * shifts + shift
        return number

    return np.isin(at(context, spell, shift), at(*(np.asarray(column) for column in shared.values())))


def _differ(one: Ints, other: Ints) -> Flags:
    """Whether both are known, and not the same."""
    differs: Flags = (one > 0) & (other > 0) & (one != other)
    return differs
