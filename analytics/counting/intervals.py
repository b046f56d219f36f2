"""Turns the leases of some addresses into intervals that do not overlap. Pure.

Leases are sorted once by address, kind and time. Each step then compares neighbouring rows only:

1. `_merged` merges a renewal with the lease it renews.
2. `_device_until` ends a login when its device gives up the address.
3. `_without_overlaps` makes the leases of one kind end where the next one begins.
4. `_choose_holders` cuts time at every boundary and picks the lease of the highest priority in each interval.

Columns are integer arrays. Times are microseconds since 1970. Id 0 stands for NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

#: An address at which this many users log in within an hour is shared.
SHARED_USERS = 3
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NEVER_US = np.iinfo(np.int64).max

#: Kinds of leases. LOGIN is any other source that names a user, STATIC is a CSV file, HINT is a lease of low
#: confidence, used only where no other kind names a user. SHARED marks a shared address and names nobody.
#: LINK is the hardware address seen in packets (stations.py).
SHARED, VPN, RADIUS, LOGIN, DHCP, STATIC, HINT, LINK = range(8)
#: Kinds that name the user, and kinds that name the device, in order of priority.
_ABOUT_USERS = (VPN, RADIUS, LOGIN, DHCP, STATIC, HINT)
_ABOUT_DEVICES = (VPN, RADIUS, DHCP, LOGIN, STATIC)
#: Kinds whose repeated leases are merged as renewals. A repeated login stays separate, because the confidence
#: of a login falls with its age. So do RADIUS and HINT leases: a device change between two of them ends the
#: first.
_RENEWED = (VPN, DHCP, STATIC, LINK)
#: Kinds whose user leaves the address when another device gets it.
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
        # `take` by row number is several times as fast as a Boolean mask.
        numbers = np.flatnonzero(rows) if rows.dtype == bool else rows
        return type(self)(*(getattr(self, field.name).take(numbers) for field in fields(self)))


@dataclass(frozen=True)
class Statements(Columns):
    """Distinct contents of leases, indexed by statement id; made by holder_sql/2_encoded.sql."""

    kind: Ints
    confidence_rank: Ints
    shared: Flags
    person: Ints
    mac: Ints
    device: Ints
    #: id of the MAC address, or else of the device name
    device_key: Ints
    #: id of (MAC, device name, origin, confidence)
    device_claim: Ints


@dataclass(frozen=True)
class Leases(Columns):
    """Leases: address, statement, and the half-open time range [from_us, to_us)."""

    address_id: Ints
    statement: Ints
    from_us: Ints
    to_us: Ints


@dataclass(frozen=True)
class _Merged(Leases):
    """Leases with renewals merged, sorted by `series` (address and kind) and time.

    Of two that begin at the same time, the one of higher confidence comes last.
    """

    kind: Ints
    confidence_rank: Ints
    series: Ints


@dataclass(frozen=True)
class _Spans(Columns):
    """Time spans, sorted by address and time; `lease` is the row of _Merged valid during the span."""

    address_id: Ints
    from_us: Ints
    to_us: Ints
    lease: Ints


@dataclass(frozen=True)
class _Claims(_Spans):
    """What leases claim about users, or about devices, sorted by series and time.

    `holder` is the user or device named. `content` differs where anything about the claim differs. `mac` and
    `device` are those of the lease.
    """

    series: Ints
    kind: Ints
    holder: Ints
    content: Ints
    mac: Ints
    device: Ints


@dataclass(frozen=True)
class Held:
    """`rows` of the table `held` (holders.py), and the intermediate results they came from."""

    rows: pl.DataFrame
    _merged: _Merged
    _intervals: tuple[_Claims, _Claims]
    _device_until: tuple[Ints, Ints]

    def steps(self) -> dict[str, pl.DataFrame]:
        """Frames that explain the result; `nth` is the row number of the merged lease.

        `merged`: the leases. `intervals`: when each lease was the latest of its kind. `device_until`: when
        the device of a login gave up the address (NEVER_US if unknown).
        """
        merged, (lease, until_us) = self._merged, self._device_until
        return {
            "merged": _frame(
                nth=np.arange(len(merged.statement)), address_id=merged.address_id,
                statement=merged.statement, shared=merged.kind == SHARED, from_us=merged.from_us,
                to_us=merged.to_us,
            ),
            "intervals": pl.concat(
                _frame(nth=some.lease, from_us=some.from_us, to_us=some.to_us) for some in self._intervals
            ),
            "device_until": _frame(nth=lease, until_us=until_us),
        }  # fmt: skip


def resolve_leases(statements: Statements, leases: Leases) -> Held:
    """The users and devices that held the addresses; `leases` must be complete for each address in it."""
    merged = _merged(statements, leases)
    statement, nth = merged.statement, np.arange(len(merged.statement))
    # A VPN session replaces both user and device of the address, even if it names only one of them.
    claims, takes_over = merged.kind != SHARED, merged.kind == VPN
    users = _claims(
        statements, merged, claims & (takes_over | (statements.person.take(statement) > 0)),
        holder=statements.person.take(statement), content=np.where(merged.kind == LOGIN, -1 - nth, statement),
    )  # fmt: skip
    devices = _claims(
        statements, merged,
        claims & (merged.kind != HINT) & (takes_over | (statements.device_key.take(statement) > 0)),
        holder=statements.device_key.take(statement), content=statements.device_claim.take(statement),
    )  # fmt: skip
    until_us, user_same_device = _device_until(users, _tenures(devices))
    users = replace(users, to_us=np.minimum(users.to_us, until_us))
    same_device = np.zeros(len(nth), bool)
    same_device[users.lease] = user_same_device
    user_intervals, user_spans = _without_overlaps(users)
    device_intervals, device_spans = _without_overlaps(devices)
    shared = _shared(merged), _shared_days(users)
    rows = _choose_holders(merged, same_device, user_spans, device_spans, *shared)
    return Held(rows, merged, (user_intervals, device_intervals), (users.lease, until_us))


def _merged(statements: Statements, leases: Leases) -> _Merged:
    """Leases with renewals merged into the lease they renew.

    A renewal has the same statement as the lease before it in the series, begins no later than that one ends,
    and ends no earlier.
    """
    address_id, statement = leases.address_id.astype(np.int64), leases.statement.astype(np.int64)
    kind = np.where(statements.shared, SHARED, statements.kind).take(statement)
    series = address_id * _KINDS + kind
    rank = statements.confidence_rank.take(statement)
    merged = _Merged(address_id, statement, leases.from_us, leases.to_us, kind, rank, series)
    merged = merged.at(_order_ties(merged, by_time(series, leases.from_us)))
    renews = as_before(merged.series, merged.statement) & np.isin(merged.kind, _RENEWED)
    renews[1:] &= (merged.from_us[1:] <= merged.to_us[:-1]) & (merged.to_us[1:] >= merged.to_us[:-1])
    first, last = _runs(renews)
    return replace(merged.at(first), to_us=merged.to_us.take(last))


def _order_ties(merged: _Merged, order: Ints) -> Ints:
    """`order` with ties broken: rows of a series that begin at the same time, in rising confidence."""
    ties = as_before(merged.series.take(order), merged.from_us.take(order))
    ties[:-1] |= ties[1:]
    tied = order[ties]
    some = merged.at(tied)
    order[ties] = tied[
        np.lexsort((some.statement, some.to_us, some.confidence_rank, some.from_us, some.series))
    ]
    return order


def _claims(
    statements: Statements, merged: _Merged, claiming: Flags, *, holder: Ints, content: Ints
) -> _Claims:
    lease = np.flatnonzero(claiming)
    some = merged.at(lease)
    statement = some.statement
    return _Claims(
        some.address_id, some.from_us, some.to_us, lease, some.series, some.kind,
        holder.take(lease), content.take(lease),
        statements.mac.take(statement), statements.device.take(statement),
    )  # fmt: skip


def _tenures(devices: _Claims) -> _Claims:
    """When one device had an address by DHCP: its consecutive leases, as one range."""
    leases = devices.at(devices.kind == DHCP)
    goes_on = as_before(leases.address_id, leases.holder)
    first, last = _runs(goes_on)
    tenures = leases.at(first)
    return replace(
        tenures,
        to_us=np.minimum(
            highest(leases.to_us, goes_on)[last], following(tenures.address_id, tenures.from_us)
        ),
        mac=highest(leases.mac, goes_on)[last],
        device=highest(leases.device, goes_on)[last],
    )


def _device_until(users: _Claims, tenures: _Claims) -> tuple[Ints, Flags]:
    """When the device of each user gave up the address, and whether the same device is known to have it till
    then.

    A user named during a tenure is on the device of that tenure. A user named outside of any tenure is on the
    device of the next one if MAC or name prove it to be the same device. Otherwise another device has the
    address from the next tenure on.
    """
    until_us, same_device = np.full(len(users.lease), NEVER_US), np.zeros(len(users.lease), bool)
    count = len(tenures.lease)
    asked = np.flatnonzero(np.isin(users.kind, _ON_A_DEVICE))
    if not count or not len(asked):
        return until_us, same_device
    user = users.at(asked)
    order = by_time(  # stable: a tenure comes before a user named at the same time
        np.append(tenures.address_id, user.address_id), np.append(tenures.from_us, user.from_us)
    )
    begun = np.empty_like(order)
    begun[order] = np.cumsum(order < count)
    before, after = begun[count:] - 1, np.minimum(begun[count:], count - 1)
    now, then = tenures.at(before), tenures.at(after)
    during = (before >= 0) & (now.address_id == user.address_id) & (now.to_us > user.from_us)
    follows = (after > before) & (then.address_id == user.address_id)
    same = (then.mac == user.mac) & (user.mac > 0) | (then.device == user.device) & (user.device > 0)
    until_us[asked] = np.where(
        during, now.to_us, np.where(follows, np.where(same, then.to_us, then.from_us), NEVER_US)
    )
    same_device[asked] = during | (follows & same)
    return until_us, same_device


def _without_overlaps(claims: _Claims) -> tuple[_Claims, _Claims]:
    """Claims as intervals that do not overlap within a series; and the same with equal neighbours merged.

    A claim ends where the next one of its series begins. Consecutive claims of one holder last until the
    latest end among them.
    """
    same_holder = as_before(claims.series, claims.holder)
    reach = highest(claims.to_us, same_holder)
    ends = np.minimum(reach, following(claims.series, claims.from_us))
    intervals = replace(claims, to_us=np.maximum(claims.from_us, ends))
    goes_on = same_holder & as_before(claims.content)
    goes_on[1:] &= reach[:-1] >= claims.from_us[1:]
    first, last = _runs(goes_on)
    return intervals, replace(claims.at(first), to_us=intervals.to_us[last])


def _shared(merged: _Merged) -> _Spans:
    """Spans in which a lease marks the address as shared. They may overlap; the latest to begin counts."""
    lease = np.flatnonzero(merged.kind == SHARED)
    some = merged.at(lease)
    return _Spans(some.address_id, some.from_us, highest(some.to_us, as_before(some.address_id)), lease)


def _shared_days(users: _Claims) -> _Spans:
    """UTC days on which an address is shared: SHARED_USERS logged in within an hour, all on one device."""
    logins = users.at(users.kind == LOGIN)
    others = SHARED_USERS - 1
    soon = logins.from_us[others:] - logins.from_us[:-others] < HOUR_US
    busy = logins.address_id[others:][soon & (logins.address_id[others:] == logins.address_id[:-others])]
    logins = logins.at(np.isin(logins.address_id, busy))  # no other address has that many
    logins = logins.at(np.lexsort((logins.to_us, logins.from_us, logins.holder, logins.address_id)))
    to_us = np.minimum(logins.to_us, logins.from_us + HOUR_US)
    again = as_before(logins.address_id, logins.holder)
    reach = highest(to_us, again)
    begins = logins.from_us.copy()
    begins[1:] = np.where(again[1:], np.maximum(begins[1:], reach[:-1]), begins[1:])
    longer = to_us > begins
    # Ends come before begins at the same time.
    address_id = np.tile(logins.address_id[longer], 2)
    at_us = np.append(to_us[longer], begins[longer])
    order = by_time(address_id, at_us)
    present = np.cumsum(np.where(order < np.count_nonzero(longer), -1, 1))
    is_shared = order[present >= SHARED_USERS]
    address_id, day_us = address_id[is_shared], at_us[is_shared] // DAY_US * DAY_US
    new = ~as_before(address_id, day_us)
    return _Spans(address_id[new], day_us[new], day_us[new] + DAY_US, np.flatnonzero(new))


def _choose_holders(
    merged: _Merged, same_device: Flags, users: _Claims, devices: _Claims, shared: _Spans, shared_days: _Spans
) -> pl.DataFrame:
    """A row per address and interval between two boundaries, with the statements of the highest priority.

    Intervals without any statement have no row.
    """
    spans = [_of_kind(users, kind) for kind in _ABOUT_USERS]
    spans += [_of_kind(devices, kind) for kind in _ABOUT_DEVICES]
    address_id, at_us, active = _sweep([*spans, _of_kind(devices, LINK), shared, shared_days])
    vpn, radius, login, dhcp, static, hint, *about_device, link, share, shared_day = active
    user, device = _first(vpn, radius, login, dhcp), _first(*about_device)
    # During a VPN session no static lease and no hint applies.
    static, hint = (np.where(vpn == _NONE, lease, _NONE) for lease in (static, hint))
    is_shared = (share != _NONE) | (shared_day != _NONE)
    known = np.flatnonzero(is_shared | (_first(user, device, static, hint, link) != _NONE))
    user, to_us = user.take(known), following(address_id, at_us).take(known)
    address_id, from_us = address_id.take(known), at_us.take(known)
    number = np.arange(len(known))
    first = np.maximum.accumulate(np.where(as_before(address_id), 0, number))
    # Only a device that keeps the address shows that the user who logged in is still there.
    grows_stale = (user != _NONE) & (merged.kind.take(user) == LOGIN) & ~same_device.take(user)

    def statement(lease: Ints) -> npt.NDArray[np.int32]:
        return np.where(lease == _NONE, 0, merged.statement.take(lease)).astype(np.int32)

    return _frame(
        address_id=address_id.astype(np.int32),
        nth=(number - first + 1).astype(np.int32),
        from_us=from_us,
        to_us=to_us,
        is_shared=is_shared.take(known),
        taken_over=vpn.take(known) != _NONE,
        user_statement=statement(user),
        same_device=(user != _NONE) & same_device.take(user),
        stale_from_us=np.where(grows_stale, merged.from_us.take(user) + HOUR_US, to_us),
        device_statement=statement(device.take(known)),
        static_statement=statement(static.take(known)),
        hint_statement=statement(hint.take(known)),
        share_statement=statement(share.take(known)),
        link_statement=statement(link.take(known)),
    )


def _of_kind(claims: _Claims, kind: int) -> _Spans:
    rows = np.flatnonzero(claims.kind == kind)
    return _Spans(*(getattr(claims, field.name).take(rows) for field in fields(_Spans)))


def _sweep(spans: Sequence[_Spans]) -> tuple[Ints, Ints, list[Ints]]:
    """All boundaries (address, microsecond), and for each of `spans` the lease active from there on, or
    _NONE."""
    address_id = np.concatenate([some.address_id for some in spans] * 2)
    at_us = np.concatenate([some.from_us for some in spans] + [some.to_us for some in spans])
    order = by_time(address_id, at_us)
    address_id, at_us = address_id.take(order), at_us.take(order)
    new = ~as_before(address_id, at_us)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    address_id, at_us = address_id.take(first), at_us.take(first)
    active, begin = [], 0
    for some in spans:
        count = len(some.lease)
        latest = np.full(len(address_id), _NONE)
        # Of those that begin at the same time the last is written last.
        latest[number[begin : begin + count]] = np.arange(count)
        begin += count
        if count:
            latest = np.maximum.accumulate(latest)
            latest_span = some.at(latest)
            covers = (latest != _NONE) & (latest_span.address_id == address_id) & (latest_span.to_us > at_us)
            latest = np.where(covers, latest_span.lease, _NONE)
        active.append(latest)
    return address_id, at_us, active


def _first(*leases: Ints) -> Ints:
    """Row by row, the first of `leases` that is not _NONE (COALESCE)."""
    found, *others = leases
    for other in others:
        found = np.where(found == _NONE, other, found)
    return found


def by_time(group: Ints, at_us: Ints) -> Ints:
    """Stable order of the rows by group and time."""
    order = np.argsort(at_us, kind="stable")
    small = group - group.min(initial=NEVER_US)  # few groups fit a small type, which NumPy sorts by radix
    return order[np.argsort(small.astype(np.min_scalar_type(small.max(initial=0)))[order], kind="stable")]


def as_before(*columns: Ints) -> Flags:
    """True for rows equal to the row before in all columns."""
    same = np.ones(len(columns[0]), bool)
    same[:1] = False
    for column in columns:
        same[1:] &= column[1:] == column[:-1]
    return same


def _runs(goes_on: Flags) -> tuple[Ints, Ints]:
    """First and last row of each run; `goes_on` is True for rows that continue the run of the row before."""
    first = np.flatnonzero(~goes_on)
    return first, np.append(first, len(goes_on))[1:] - 1


def following(group: Ints, at_us: Ints) -> Ints:
    """The time of the next row of the group; NEVER_US for the last one."""
    return np.append(np.where(group[1:] == group[:-1], at_us[1:], NEVER_US), NEVER_US)[: len(group)]


def highest(values: Ints, goes_on: Flags) -> Ints:
    """Running maximum within each run, by doubling: rows look back by 1, 2, 4 … up to the longest run."""
    highest, run, back = values.copy(), np.cumsum(~goes_on), 1
    while (inside := run[back:] == run[:-back]).any():
        highest[back:] = np.where(inside, np.maximum(highest[back:], highest[:-back]), highest[back:])
        back *= 2
    return highest


def _frame(**columns: npt.NDArray[np.integer | np.bool_]) -> pl.DataFrame:
    return pl.DataFrame(columns)
