"""How well the week could be watched, and whether two weeks may be compared at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from analytics.render import words
from analytics.reports.result import Result, Row

#: Below or above these shares the page says "we cannot tell".
LEAST_NAMED = 0.80
MOST_ONE_SIDED = 0.20
MOST_DROPPED = 0.01
LEAST_WATCHED = 0.50
#: Weeks compare when no sensor watched more than this factor longer in one than in the other.
MINUTES_FACTOR = 1.2


@dataclass(frozen=True, slots=True)
class Seeing:
    """Coverage of one week, summed over its sensors."""

    eyes: tuple[Row, ...]  # rows of the `eyes` figure for the week
    dark: tuple[date, ...]  # days that are over and on which no sensor reported
    ahead: tuple[date, ...]  # days that are not over yet
    flows: int
    named: int
    one_sided: int
    packets: int
    dropped: int
    packet_hours: int | None  # hours watched by the packet sensor that watched longest

    @property
    def blind(self) -> bool:
        """No sensor reported at all."""
        return not self.eyes

    @property
    def hours(self) -> int:
        """Hours of the week that are over: 168, fewer while it runs."""
        return 24 * (7 - len(self.ahead))

    @property
    def doubts(self) -> tuple[str, ...]:
        """What cannot be told this week, worst first; each completes "we cannot tell …"."""
        return tuple(_doubts(self))


def seeing(result: Result) -> Seeing:
    """Coverage of the week under report."""
    eyes = _eyes(result, result.scope.week)
    days = [result.scope.week + timedelta(days=n) for n in range(7)]
    last = _last_day(result)
    watched = {row["day"] for row in result.rows("watched")}
    packet_minutes = [_int(e["minutes"]) for e in eyes if e["kind"] == "packets"]
    return Seeing(
        eyes=eyes,
        dark=tuple(d for d in days if d <= last and d not in watched),
        ahead=tuple(d for d in days if d > last),
        flows=_total(eyes, "flows"),
        named=_total(eyes, "named_flows"),
        one_sided=_total(eyes, "one_sided_flows"),
        packets=_total(eyes, "packets"),
        dropped=_total(eyes, "kernel_drops"),
        packet_hours=max(packet_minutes) // 60 if packet_minutes else None,
    )


def comparable(result: Result, week: date, other: date) -> bool:
    """True when the same sensors watched both weeks for as many days and about as many minutes."""
    first, second = _watch(_eyes(result, week)), _watch(_eyes(result, other))
    if not first or first.keys() != second.keys():
        return False
    return all(_alike(first[eye], second[eye]) for eye in first)


def named_percent(result: Result, week: date) -> int | None:
    """Named connections of a week in whole percent, or None where no connection was seen."""
    eyes = _eyes(result, week)
    flows = _total(eyes, "flows")
    return 100 * _total(eyes, "named_flows") // flows if flows else None


def watched_weeks(result: Result) -> set[date]:
    """Weeks of the trend in which any sensor reported."""
    return {row["week"] for row in result.rows("eyes")}


def _doubts(seen: Seeing) -> Iterable[str]:
    if seen.dark:
        yield f"what happened on {words.listing([words.weekday(d) for d in seen.dark], 7)}"
    if seen.packet_hours is not None and seen.packet_hours < LEAST_WATCHED * seen.hours:
        yield f"what passed outside the {words.plural(seen.packet_hours, 'hour')} our packet sensors watched"
    if seen.flows and seen.named < LEAST_NAMED * seen.flows:
        nameless = words.share(seen.flows - seen.named, seen.flows)
        yield f"what the {nameless} of connections without a name were"
    if seen.flows and seen.one_sided > MOST_ONE_SIDED * seen.flows:
        one_way = words.share(seen.one_sided, seen.flows)
        yield f"what passed unseen on the {one_way} of connections we saw one way"
    if seen.dropped > MOST_DROPPED * (seen.packets + seen.dropped):
        lost = words.share(seen.dropped, seen.packets + seen.dropped)
        yield f"what the {lost} of packets lost in capture carried"


def _watch(eyes: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(e["sensor"], e["source"]): e for e in eyes}


def _alike(one: Row, other: Row) -> bool:
    if one["days"] != other["days"]:
        return False
    if one["kind"] != "packets":  # a log is silent when nobody browses: its minutes measure use, not watching
        return True
    low, high = sorted((_int(one["minutes"]), _int(other["minutes"])))
    return high <= MINUTES_FACTOR * low


def _last_day(result: Result) -> date:
    as_of = result.facts.as_of
    if as_of is None:
        return result.scope.sunday
    return as_of.astimezone(ZoneInfo(result.facts.zone)).date()


def _eyes(result: Result, week: date) -> tuple[Row, ...]:
    return tuple(row for row in result.rows("eyes") if row["week"] == week)


def _total(rows: Iterable[Row], column: str) -> int:
    return sum(_int(row[column]) for row in rows)


def _int(value: int | None) -> int:
    return value or 0
