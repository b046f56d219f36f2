"""Intervals of generated leases against the rules themselves, asked minute by minute."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics.counting import intervals
from analytics.counting.intervals import (
    DHCP,
    HINT,
    LOGIN,
    RADIUS,
    SHARED,
    SHARED_USERS,
    STATIC,
    VPN,
    Leases,
    Statements,
)

MINUTE_US = 60_000_000
DAY_MIN = 24 * 60
#: Around midnight, because a crowd is one for a UTC day.
FIRST_MIN, LAST_MIN = DAY_MIN - 200, DAY_MIN + 200


class Lease(NamedTuple):
    """In minutes; `person` and `thing` 0 are nobody and nothing."""

    address_id: int
    kind: int
    person: int
    device_key: int
    confidence_rank: int
    begin: int
    end: int


def _lease(
    address_id: int, kind: int, person: int, device_key: int, confidence_rank: int, begin: int, lasts: int
) -> Lease:
    return Lease(
        address_id, kind, person, device_key, confidence_rank, FIRST_MIN + begin, FIRST_MIN + begin + lasts
    )


LEASES = st.lists(
    st.builds(
        _lease, st.integers(1, 3), st.integers(0, 6), st.integers(0, 4), st.integers(0, 3), st.integers(1, 2),
        st.integers(0, 40).map(lambda step: step * 6), st.sampled_from([1, 6, 12, 45, 90, 10_000]),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


def _held(leases: list[Lease]) -> list[dict[str, Any]]:
    """Rows of `held`; `told` is what they say."""
    said = sorted({_word(lease) for lease in leases})
    nothing = (0, 0, 0, 0)
    confidence_rank, kind, person, device_key = (
        np.array(column) for column in zip(nothing, *said, strict=True)
    )
    statements = Statements(
        kind=np.where(kind == SHARED, LOGIN, kind), confidence_rank=confidence_rank,
        shared=(kind == SHARED) & (confidence_rank > 0), person=person, mac=device_key, device=0 * device_key,
        device_key=device_key, device_claim=8 * device_key + kind,
    )  # fmt: skip
    columns = np.array(
        [
            (lease.address_id, 1 + said.index(_word(lease)), lease.begin * MINUTE_US, lease.end * MINUTE_US)
            for lease in leases
        ]
    )
    rows = intervals.resolve_leases(statements, Leases(*columns.T)).rows
    return [
        row | {"told": {
            "shared": row["is_shared"],
            "user": person[row["user_statement"]] if row["user_statement"] else None,
            "vouched": row["same_device"] and kind[row["user_statement"]] == LOGIN,
            "device_key": device_key[row["device_statement"]] if row["device_statement"] else None,
            "static": person[row["static_statement"]],
            "hint": person[row["hint_statement"]],
        }}
        for row in rows.to_dicts()
    ]  # fmt: skip


def _word(lease: Lease) -> tuple[int, int, int, int]:
    """As words are numbered: of two the surer is the later."""
    return lease.confidence_rank, lease.kind, lease.person, lease.device_key


class Rules:
    """One address, by the rules: every claim of every moment looked at."""

    def __init__(self, leases: list[Lease]) -> None:
        self.leases = sorted(
            leases, key=lambda lease: (lease.begin, lease.confidence_rank, lease.end, _word(lease))
        )
        self.tenures = self._tenures()
        logins = [(lease, self.end(lease)) for lease in self._claims(LOGIN, "person")]
        self.crowded = {
            begin // DAY_MIN
            for begin in range(FIRST_MIN, LAST_MIN)
            if len({one.person for one, end in logins if one.begin <= begin < min(end, one.begin + 60)})
            >= SHARED_USERS
        }

    def _claims(self, kind: int, what: str) -> list[Lease]:
        return [one for one in self.leases if one.kind == kind and (kind == VPN or getattr(one, what))]

    def _tenures(self) -> list[tuple[int, int, int]]:
        """(thing, begin, end): leases of one device that follow each other."""
        found: list[tuple[int, int, int]] = []
        for one in self._claims(DHCP, "device_key"):
            if found and found[-1][0] == one.device_key:
                found[-1] = (one.device_key, found[-1][1], max(found[-1][2], one.end))
            else:
                found.append((one.device_key, one.begin, one.end))
        begins = [*(begin for _, begin, _ in found), 10**9][1:] if found else []
        return [
            (device_key, begin, min(end, after))
            for (device_key, begin, end), after in zip(found, begins, strict=True)
        ]

    def vouched(self, lease: Lease) -> tuple[int | None, bool]:
        """When the device it was told on is gone, and whether it is known to be one until then."""
        begun = [tenure for tenure in self.tenures if tenure[1] <= lease.begin]
        if begun and begun[-1][2] > lease.begin:
            return begun[-1][2], True
        for device_key, begin, end in self.tenures[len(begun) :][:1]:
            return (end, True) if device_key == lease.device_key and device_key else (begin, False)
        return None, False

    def end(self, lease: Lease) -> int:
        until = self.vouched(lease)[0] if lease.kind in (RADIUS, LOGIN, HINT) else None
        return lease.end if until is None else min(lease.end, until)

    def speaks(self, kind: int, what: str, minute: int) -> Lease | None:
        """The last that began, as long as that or one before it of the same holder lasts."""
        begun = [one for one in self._claims(kind, what) if one.begin <= minute]
        for one in reversed(begun):
            if getattr(one, what) != getattr(begun[-1], what):
                break
            if (self.end(one) if what == "person" else one.end) > minute:
                return begun[-1]
        return None

    def believed(self, minute: int) -> dict[str, int | bool | None]:
        """Whether the address is shared, and who and what has it; None: nobody speaks of one."""
        shared = minute // DAY_MIN in self.crowded or any(
            one.kind == SHARED and one.begin <= minute < one.end for one in self.leases
        )
        users = [self.speaks(kind, "person", minute) for kind in (VPN, RADIUS, LOGIN, DHCP)]
        things = [self.speaks(kind, "device_key", minute) for kind in (VPN, RADIUS, DHCP, LOGIN, STATIC)]
        others = [None if users[0] else self.speaks(kind, "person", minute) for kind in (STATIC, HINT)]
        user, device_key = next(filter(None, users), None), next(filter(None, things), None)
        return {
            "shared": shared,
            "user": user.person if user else None,
            "vouched": user is not None and user.kind == LOGIN and self.vouched(user)[1],
            "device_key": device_key.device_key if device_key else None,
            "static": others[0].person if others[0] else 0,
            "hint": others[1].person if others[1] else 0,
        }


SILENT = {"shared": False, "user": None, "vouched": False, "device_key": None, "static": 0, "hint": 0}


@example([_lease(1, VPN, 0, 0, 1, 0, 12), _lease(1, VPN, 1, 0, 1, 6, 1)])  # a session of nobody outlasts one
@given(LEASES)
@settings(max_examples=150, deadline=None)
def test_intervals_say_what_the_rules_say_at_every_minute(leases: list[Lease]) -> None:
    rows = _held(leases)
    for address_id in {lease.address_id for lease in leases}:
        rules = Rules([lease for lease in leases if lease.address_id == address_id])
        of_place = [row for row in rows if row["address_id"] == address_id]
        assert [row["nth"] for row in of_place] == list(range(1, len(of_place) + 1))
        assert all(one["to_us"] <= then["from_us"] for one, then in pairwise(of_place))
        for minute in range(FIRST_MIN - 1, LAST_MIN):
            at_us = minute * MINUTE_US
            told = [row["told"] for row in of_place if row["from_us"] <= at_us < row["to_us"]]
            believed = rules.believed(minute)
            assert told == ([] if believed == SILENT else [believed])


def test_one_who_shares_no_hour_with_others_makes_no_crowd() -> None:
    apart = [_lease(1, LOGIN, person, 0, 1, 61 * person, 600) for person in (1, 2, 3)]
    assert not any(row["told"]["shared"] for row in _held(apart))
    near = [_lease(1, LOGIN, person, 0, 1, 29 * person, 600) for person in (1, 2, 3)]
    assert any(row["told"]["shared"] for row in _held(near))
