"""Turns the leases of some addresses into intervals that do not overlap. Pure.

Leases are sorted once, by address, kind and time; after that each step only looks at neighbouring rows.
Renewals are merged with the lease they renew (`_merged`), logins end when their device gives up the address
(`_vouched`), and the leases of each kind become spans that follow each other (`_settled`). The boundaries of
the spans of all kinds cut time into intervals; for each, the surest lease is believed (`_believed`).

Columns are arrays of integers; times are microseconds since 1970; 0 means nobody or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

#: From this many people logged in at one address within an hour on, it is shared.
CROWD = 3
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NEVER_US = np.iinfo(np.int64).max

#: Kinds of leases, by how far they are believed. A login is whatever else names somebody, static is a CSV, a
#: hint is not sure enough to speak where anything else does. What says that many share an address claims
#: nothing.
SHARED, VPN, RADIUS, LOGIN, DHCP, STATIC, HINT = range(7)
#: Who is believed about the user, and who about the device: the first before the next.
_ABOUT_USERS = (VPN, RADIUS, LOGIN, DHCP, STATIC, HINT)
_ABOUT_DEVICES = (VPN, RADIUS, DHCP, LOGIN, STATIC)
#: Kinds whose leases may be reported in renewals. A repeated login is news, because it is believed less as
#: it gets old; and what ends a RADIUS session or a hint may lie between two of them.
_RENEWED = (VPN, DHCP, STATIC)
#: A user named by these is gone from the address when another device gets it.
_ON_A_DEVICE = (RADIUS, LOGIN, HINT)
_KINDS = 8
#: No lease.
_NONE = -1

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Columns:
    """A table: its fields are arrays of equal length."""

    def at(self, rows: Ints | Flags) -> Self:
        """The table with only these rows, in this order."""
        # Rows by number are taken several times as fast as by a flag each.
        numbers = np.flatnonzero(rows) if rows.dtype == bool else rows
        return type(self)(*(getattr(self, field.name).take(numbers) for field in fields(self)))


@dataclass(frozen=True)
class Words(Columns):
    """The distinct statements of leases, indexed by number, as in holding/2_coded.sql."""

    kind: Ints
    sure: Ints
    shared: Flags
    person: Ints
    mac: Ints
    device: Ints
    #: the device by whichever name it has
    thing: Ints
    #: all that is said about it
    about_thing: Ints


@dataclass(frozen=True)
class Leases(Columns):
    """Leases: number of the address (`place`), number of the statement (`word`), from when, until before
    when."""

    place: Ints
    word: Ints
    from_us: Ints
    to_us: Ints


@dataclass(frozen=True)
class _Merged(Leases):
    """Leases by `turn` (place and kind) and time, renewals merged; of two that begin at once the surer is
    last."""

    kind: Ints
    sure: Ints
    turn: Ints


@dataclass(frozen=True)
class _Spans(Columns):
    """Spans by place and time; `lease` (a row of _Merged) is the one that holds during the span."""

    place: Ints
    from_us: Ints
    to_us: Ints
    lease: Ints


@dataclass(frozen=True)
class _Claims(_Spans):
    """What leases say about users, or about devices, by turn and time: `holder` is the one named, `says`
    tells one way to put it from another, `mac` and `device` are those of the lease."""

    turn: Ints
    kind: Ints
    holder: Ints
    says: Ints
    mac: Ints
    device: Ints


@dataclass(frozen=True)
class Held:
    """`rows` of the table `held` (holders.py), and what they were made of."""

    rows: pl.DataFrame
    _merged: _Merged
    _intervals: tuple[_Claims, _Claims]
    _vouched: tuple[Ints, Ints]

    def steps(self) -> dict[str, pl.DataFrame]:
        """Frames that explain the result, by number of the merged lease (`nth`).

        `merged`: the leases. `intervals`: when each was the latest of its kind. `vouched`: until when the
        device of a login had the address (NEVER_US if unknown).
        """
        merged, (lease, until_us) = self._merged, self._vouched
        return {
            "merged": _frame(
                nth=np.arange(len(merged.word)), word=merged.word, shared=merged.kind == SHARED,
                from_us=merged.from_us, to_us=merged.to_us,
            ),
            "intervals": pl.concat(
                _frame(nth=some.lease, from_us=some.from_us, to_us=some.to_us) for some in self._intervals
            ),
            "vouched": _frame(nth=lease, until_us=until_us),
        }  # fmt: skip


def hold(words: Words, leases: Leases) -> Held:
    """Who and what held the addresses of `leases`, which must be all leases about these addresses."""
    merged = _merged(words, leases)
    word, nth = merged.word, np.arange(len(merged.word))
    # A VPN session takes the address over: it claims user and device even where it names one of them.
    speaks, takes_over = merged.kind != SHARED, merged.kind == VPN
    users = _claims(
        words, merged, speaks & (takes_over | (words.person.take(word) > 0)),
        holder=words.person.take(word), says=np.where(merged.kind == LOGIN, -1 - nth, word),
    )  # fmt: skip
    devices = _claims(
        words, merged, speaks & (merged.kind != HINT) & (takes_over | (words.thing.take(word) > 0)),
        holder=words.thing.take(word), says=words.about_thing.take(word),
    )  # fmt: skip
    until_us, same_device = _vouched(users, _tenures(devices))
    users = replace(users, to_us=np.minimum(users.to_us, until_us))
    vouched_for = np.zeros(len(nth), bool)
    vouched_for[users.lease] = same_device
    user_intervals, user_spans = _settled(users)
    device_intervals, device_spans = _settled(devices)
    rows = _believed(merged, vouched_for, user_spans, device_spans, _shared(merged), _crowds(users))
    return Held(rows, merged, (user_intervals, device_intervals), (users.lease, until_us))


def _merged(words: Words, leases: Leases) -> _Merged:
    """Every lease once. One that says the same as the one before it of its kind, begins before that ends and
    ends no earlier is its renewal, and both are one."""
    place, word = leases.place.astype(np.int64), leases.word.astype(np.int64)
    kind = np.where(words.shared, SHARED, words.kind).take(word)
    turn = place * _KINDS + kind
    merged = _Merged(place, word, leases.from_us, leases.to_us, kind, words.sure.take(word), turn)
    merged = merged.at(_surest_last(merged, _by_time(turn, leases.from_us)))
    renews = as_before(merged.turn, merged.word) & np.isin(merged.kind, _RENEWED)
    renews[1:] &= (merged.from_us[1:] <= merged.to_us[:-1]) & (merged.to_us[1:] >= merged.to_us[:-1])
    first, last = _runs(renews)
    return replace(merged.at(first), to_us=merged.to_us.take(last))


def _surest_last(merged: _Merged, order: Ints) -> Ints:
    """Rows in `order`, those of a turn that begin at once in the order in which they are believed."""
    ties = as_before(merged.turn.take(order), merged.from_us.take(order))
    ties[:-1] |= ties[1:]
    tied = order[ties]
    some = merged.at(tied)
    order[ties] = tied[np.lexsort((some.word, some.to_us, some.sure, some.from_us, some.turn))]
    return order


def _claims(words: Words, merged: _Merged, claiming: Flags, *, holder: Ints, says: Ints) -> _Claims:
    lease = np.flatnonzero(claiming)
    some = merged.at(lease)
    word = some.word
    return _Claims(
        some.place, some.from_us, some.to_us, lease, some.turn, some.kind,
        holder.take(lease), says.take(lease), words.mac.take(word), words.device.take(word),
    )  # fmt: skip


def _tenures(devices: _Claims) -> _Claims:
    """From when until when one device had an address by DHCP: its leases that follow each other."""
    leases = devices.at(devices.kind == DHCP)
    goes_on = as_before(leases.place, leases.holder)
    first, last = _runs(goes_on)
    tenures = leases.at(first)
    return replace(
        tenures,
        to_us=np.minimum(_highest(leases.to_us, goes_on)[last], _next(tenures.place, tenures.from_us)),
        mac=_highest(leases.mac, goes_on)[last],
        device=_highest(leases.device, goes_on)[last],
    )


def _vouched(users: _Claims, tenures: _Claims) -> tuple[Ints, Flags]:
    """Until when the device that a user was named on had the address, and whether it was one all the while.

    It is the device of the tenure during which the user was named. Outside of any it is that of the next
    tenure if that is provably the same; else another has the address from then on.
    """
    until_us, same_device = np.full(len(users.lease), NEVER_US), np.zeros(len(users.lease), bool)
    count = len(tenures.lease)
    asked = np.flatnonzero(np.isin(users.kind, _ON_A_DEVICE))
    if not count or not len(asked):
        return until_us, same_device
    user = users.at(asked)
    order = _by_time(  # of what begins at once tenures come first
        np.append(tenures.place, user.place), np.append(tenures.from_us, user.from_us)
    )
    begun = np.empty_like(order)
    begun[order] = np.cumsum(order < count)
    before, after = begun[count:] - 1, np.minimum(begun[count:], count - 1)
    now, then = tenures.at(before), tenures.at(after)
    during = (before >= 0) & (now.place == user.place) & (now.to_us > user.from_us)
    follows = (after > before) & (then.place == user.place)
    same = (then.mac == user.mac) & (user.mac > 0) | (then.device == user.device) & (user.device > 0)
    until_us[asked] = np.where(
        during, now.to_us, np.where(follows, np.where(same, then.to_us, then.from_us), NEVER_US)
    )
    same_device[asked] = during | (follows & same)
    return until_us, same_device


def _settled(claims: _Claims) -> tuple[_Claims, _Claims]:
    """Claims as intervals that do not overlap within a turn, and these joined where one says nothing new.

    A claim ends where a later one of its turn begins; one holder's claims in a row end with the last of them
    to end.
    """
    same_holder = as_before(claims.turn, claims.holder)
    reach = _highest(claims.to_us, same_holder)
    ends = np.minimum(reach, _next(claims.turn, claims.from_us))
    intervals = replace(claims, to_us=np.maximum(claims.from_us, ends))
    goes_on = same_holder & as_before(claims.says)
    goes_on[1:] &= reach[:-1] >= claims.from_us[1:]
    first, last = _runs(goes_on)
    return intervals, replace(claims.at(first), to_us=intervals.to_us[last])


def _shared(merged: _Merged) -> _Spans:
    """While anything says that many share an address. Such leases may overlap: the last that began speaks."""
    lease = np.flatnonzero(merged.kind == SHARED)
    some = merged.at(lease)
    return _Spans(some.place, some.from_us, _highest(some.to_us, as_before(some.place)), lease)


def _crowds(users: _Claims) -> _Spans:
    """UTC days on which an address names nobody: many users who logged in there within an hour of each other,
    while one device had it, share it."""
    logins = users.at(users.kind == LOGIN)
    others = CROWD - 1
    soon = logins.from_us[others:] - logins.from_us[:-others] < HOUR_US
    busy = logins.place[others:][soon & (logins.place[others:] == logins.place[:-others])]
    logins = logins.at(np.isin(logins.place, busy))  # nowhere else so many meet
    logins = logins.at(np.lexsort((logins.to_us, logins.from_us, logins.holder, logins.place)))
    to_us = np.minimum(logins.to_us, logins.from_us + HOUR_US)
    again = as_before(logins.place, logins.holder)
    reach = _highest(to_us, again)
    begins = logins.from_us.copy()
    begins[1:] = np.where(again[1:], np.maximum(begins[1:], reach[:-1]), begins[1:])
    longer = to_us > begins
    # Who leaves comes before who joins at that moment.
    place = np.tile(logins.place[longer], 2)
    at_us = np.append(to_us[longer], begins[longer])
    order = _by_time(place, at_us)
    present = np.cumsum(np.where(order < np.count_nonzero(longer), -1, 1))
    crowded = order[present >= CROWD]
    place, day_us = place[crowded], at_us[crowded] // DAY_US * DAY_US
    new = ~as_before(place, day_us)
    return _Spans(place[new], day_us[new], day_us[new] + DAY_US, np.flatnonzero(new))


def _believed(
    merged: _Merged, vouched_for: Flags, users: _Claims, devices: _Claims, shared: _Spans, crowds: _Spans
) -> pl.DataFrame:
    """A row per address and while between two boundaries in which anything is said of it: who is believed."""
    spans = [_of_kind(users, kind) for kind in _ABOUT_USERS]
    spans += [_of_kind(devices, kind) for kind in _ABOUT_DEVICES]
    place, at_us, speakers = _line([*spans, shared, crowds])
    vpn, radius, login, dhcp, static, hint, *about_device, share, crowd = speakers
    user, device = _first(vpn, radius, login, dhcp), _first(*about_device)
    # While a VPN session has the address nothing else speaks for it.
    static, hint = (np.where(vpn == _NONE, lease, _NONE) for lease in (static, hint))
    is_shared = (share != _NONE) | (crowd != _NONE)
    spoken_for = np.flatnonzero(is_shared | (_first(user, device, static, hint) != _NONE))
    user, to_us = user.take(spoken_for), _next(place, at_us).take(spoken_for)
    place, from_us = place.take(spoken_for), at_us.take(spoken_for)
    number = np.arange(len(spoken_for))
    first = np.maximum.accumulate(np.where(as_before(place), 0, number))
    # Nothing but a device makes sure that whoever logged in is still there.
    grows_old = (user != _NONE) & (merged.kind.take(user) == LOGIN) & ~vouched_for.take(user)

    def word(lease: Ints) -> npt.NDArray[np.int32]:
        return np.where(lease == _NONE, 0, merged.word.take(lease)).astype(np.int32)

    return _frame(
        place=place.astype(np.int32),
        nth=(number - first + 1).astype(np.int32),
        from_us=from_us,
        to_us=to_us,
        is_shared=is_shared.take(spoken_for),
        taken_over=vpn.take(spoken_for) != _NONE,
        user_word=word(user),
        same_device=(user != _NONE) & vouched_for.take(user),
        stale_from_us=np.where(grows_old, merged.from_us.take(user) + HOUR_US, to_us),
        device_word=word(device.take(spoken_for)),
        static_word=word(static.take(spoken_for)),
        hint_word=word(hint.take(spoken_for)),
        share_word=word(share.take(spoken_for)),
    )


def _of_kind(claims: _Claims, kind: int) -> _Spans:
    rows = np.flatnonzero(claims.kind == kind)
    return _Spans(*(getattr(claims, field.name).take(rows) for field in fields(_Spans)))


def _line(spans: Sequence[_Spans]) -> tuple[Ints, Ints, list[Ints]]:
    """Boundaries (place, microsecond), and for each of the kinds of spans whose word it is from there on (a
    lease, or _NONE)."""
    place = np.concatenate([some.place for some in spans] * 2)
    at_us = np.concatenate([some.from_us for some in spans] + [some.to_us for some in spans])
    order = _by_time(place, at_us)
    place, at_us = place.take(order), at_us.take(order)
    new = ~as_before(place, at_us)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    place, at_us = place.take(first), at_us.take(first)
    speakers, begin = [], 0
    for some in spans:
        count = len(some.lease)
        latest = np.full(len(place), _NONE)
        latest[number[begin : begin + count]] = np.arange(count)  # of those that begin at once the last
        begin += count
        if count:
            latest = np.maximum.accumulate(latest)
            latest_span = some.at(latest)
            speaks = (latest != _NONE) & (latest_span.place == place) & (latest_span.to_us > at_us)
            latest = np.where(speaks, latest_span.lease, _NONE)
        speakers.append(latest)
    return place, at_us, speakers


def _first(*leases: Ints) -> Ints:
    """The first that is one, row by row."""
    found, *others = leases
    for other in others:
        found = np.where(found == _NONE, other, found)
    return found


def _by_time(group: Ints, at_us: Ints) -> Ints:
    """Rows in the order of group and time; equal ones stay as they are."""
    order = np.argsort(at_us, kind="stable")
    small = group - group.min(initial=NEVER_US)  # few groups are sorted without comparing them
    return order[np.argsort(small.astype(np.min_scalar_type(small.max(initial=0)))[order], kind="stable")]


def as_before(*columns: Ints) -> Flags:
    """True for the rows that equal the row before them in all columns."""
    same = np.ones(len(columns[0]), bool)
    same[:1] = False
    for column in columns:
        same[1:] &= column[1:] == column[:-1]
    return same


def _runs(goes_on: Flags) -> tuple[Ints, Ints]:
    """First and last rows of runs, where it is said of each row whether it goes on with the one before."""
    first = np.flatnonzero(~goes_on)
    return first, np.append(first, len(goes_on))[1:] - 1


def _next(group: Ints, at_us: Ints) -> Ints:
    """The time of the next row of the group; NEVER_US for its last."""
    return np.append(np.where(group[1:] == group[:-1], at_us[1:], NEVER_US), NEVER_US)[: len(group)]


def _highest(values: Ints, goes_on: Flags) -> Ints:
    """The greatest so far in its run: rows look back by 1, 2, 4 …, as far as the longest run reaches."""
    highest, run, back = values.copy(), np.cumsum(~goes_on), 1
    while (inside := run[back:] == run[:-back]).any():
        highest[back:] = np.where(inside, np.maximum(highest[back:], highest[:-back]), highest[back:])
        back *= 2
    return highest


def _frame(**columns: npt.NDArray[np.integer | np.bool_]) -> pl.DataFrame:
    return pl.DataFrame(columns)
