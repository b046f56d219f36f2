"""Judges the coverage of a week, and whether two weeks can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.render import words
from analytics.render.language import say
from analytics.reports.common.sight import LEAST_WATCHED, USE, in_use, nameless, one_way
from analytics.reports.result import Result, Row

#: Beyond this share of packets lost in capture, the page says "we cannot tell".
MOST_DROPPED = 0.01
#: Two weeks are comparable if no packet sensor watched longer in one of them by more than this factor.
MINUTES_FACTOR = 1.2
#: The same for a link so quiet that only the first and last traffic of a day are known.
ROUGH_FACTOR = 1.5
#: A sensor that watched less than this share of the time of the longest one is ignored in comparisons.
BRIEF = 0.05

#: A sensor, its site and the kind of input it reads.
Source = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of one week, summed over its sensors."""

    sources: tuple[Row, ...]  # rows of the figure `coverage_weekly` for the week
    light: tuple[date, ...]  # days with a report of any sensor
    dark: tuple[date, ...]  # past days without one
    told: tuple[date, ...]  # of the light ones, those on which a source that records connections reported
    ahead: tuple[date, ...]  # days to come, and today as long as nothing was seen
    stopped: tuple[str, ...]  # sensors that watched until this week, and nothing in it
    flows: int
    named: int
    one_sided: int
    packets: int
    dropped: int
    minutes: Mapping[Source, int]  # minutes each source watched
    packet_minutes: int | None  # watched by the packet sensor that watched longest
    lookups_only: bool  # every source with names records DNS lookups, none connections
    nothing: bool  # no exchange with an AI service was found
    no_names: bool  # none records the name of anything, and nothing was found
    no_amounts: bool  # none records amounts, and nothing more than connections was seen

    @property
    def blind(self) -> bool:
        """True if no sensor reported at all."""
        return not self.sources

    @property
    def hours(self) -> int:
        """Hours of the week that are over: 168, fewer while it runs."""
        return 24 * (7 - len(self.ahead))

    @property
    def doubts(self) -> tuple[str, ...]:
        """Texts about what cannot be known of this week, the worst first; each completes "we cannot tell
        …"."""
        return tuple(_doubts(self))

    @property
    def use_untold(self) -> bool:
        """True if the sources could not show use: it is unknown, not absent."""
        return self.lookups_only or self.no_names or self.no_amounts

    @property
    def lack(self) -> str:
        """Why sensors that reported could not tell what was used, as a key of the strings `numbers`; else
        ''."""
        if self.blind:
            return ""
        lacking = {"lookups": self.lookups_only, "names": self.no_names, "amounts": self.no_amounts}
        return next((why for why, lacks in lacking.items() if lacks), "too_little" if self.too_little else "")

    @property
    def watched_briefly(self) -> bool:
        """True if even the packet sensor that watched longest watched too little of the week."""
        minutes = self.packet_minutes
        return minutes is not None and minutes < LEAST_WATCHED * 60 * self.hours

    @property
    def nameless(self) -> bool:
        """True if too many connections have no name."""
        return nameless(self.flows, self.named)

    @property
    def mostly_nameless(self) -> bool:
        """True if most connections have no name: more days of the same would not help."""
        return self.nameless and 2 * self.named < self.flows

    @property
    def unnamed(self) -> bool:
        """True if connections were recorded, by packet sensors or in logs, but names of lookups only."""
        logged = any(e["kind"] == "logs" and e["internal_connections"] is not None for e in self.sources)
        return self.lookups_only and (self.nameless or logged)

    @property
    def one_way(self) -> bool:
        """True if too many connections were seen in one direction only."""
        return one_way(self.flows, self.one_sided)

    @property
    def too_little(self) -> bool:
        """True if nothing was found, but so much of the week was not seen that this means nothing."""
        unseen = self.nameless or self.one_way or self.watched_briefly or self.told_seldom
        return self.nothing and unseen

    @property
    def told_seldom(self) -> bool:
        """True if on most days no source could show use, as before a proxy was added to a resolver."""
        return len(self.told) < LEAST_WATCHED * (len(self.light) + len(self.dark))

    @property
    def unsaid(self) -> tuple[str, ...]:
        """The `doubts` that the claim of the verdict does not already contain."""
        return self.doubts[1:] if self.use_untold else self.doubts


def coverage_of_week(result: Result) -> Coverage:
    """Coverage of the week under report."""
    sources = _sources(result, result.scope.week)
    days = [result.scope.week + timedelta(days=n) for n in range(7)]
    watched, told = {row["day"] for row in result.rows("watched")}, _told(result)
    today = result.facts.today or result.scope.sunday + timedelta(days=1)
    minutes = {source: watch.minutes for source, watch in _watches(result, result.scope.week).items()}
    ahead = tuple(d for d in days if d > today or (d == today and d not in watched))
    packet_minutes = [minutes[source_key(e)] for e in sources if e["kind"] == "packets"]
    return Coverage(
        sources=sources,
        light=tuple(d for d in days if d in watched),
        dark=tuple(d for d in days if d < today and d not in watched),
        told=tuple(d for d in days if d in told),
        ahead=ahead,
        stopped=() if ahead else _stopped(result, sources),
        flows=_total(sources, "flows"),
        named=_total(sources, "named_flows"),
        one_sided=_total(sources, "one_sided_flows"),
        packets=_total(sources, "packets"),
        dropped=_total(sources, "kernel_drops"),
        minutes=minutes,
        packet_minutes=max(packet_minutes, default=None),
        lookups_only=_lookups_only(result),
        nothing=_nothing(result),
        no_names=bool(sources) and _nothing(result) and not result.rows("source_bytes"),
        no_amounts=_no_amounts(result),
    )


def _stopped(result: Result, sources: Sequence[Row]) -> tuple[str, ...]:
    """Sensors of the week before that are not among the `sources` of this one; if there are none, of the last
    week that any watched. Those that watched on few of its days may have been scanned once, for a look; those
    silent for longer than others were replaced; one first heard at another site was moved there."""
    week = result.scope.previous if sources else max(watched_weeks(result), default=result.scope.previous)
    before = _watches(result, week)
    most = max((watch.days for watch in before.values()), default=0)
    heard = {(source["sensor"], source["site"]) for source in sources}
    steady = {source[:2] for source, watch in before.items() if 2 * watch.days >= most} - heard
    moved = {sensor for sensor, _ in heard - {source[:2] for source in before}}
    elsewhere = {sensor for sensor, _ in heard}
    stopped = [(name, site) for name, site in steady if name not in moved]
    return tuple(sorted(f"{name} ({site})" if name in elsewhere else name for name, site in stopped))


def _lookups_only(result: Result) -> bool:
    sources = result.rows("source_bytes")
    return bool(sources) and not any(source["connections"] for source in sources)


def _told(result: Result) -> set[date]:
    """The days on which a source reported that records connections in the week under report."""
    telling = telling_sources(result)
    return {row["day"] for row in result.rows("watched") if (row["sensor"], row["source"]) in telling}


def telling_sources(result: Result) -> set[tuple[str, str]]:
    """Sensor and source of whatever recorded connections, and so shows use, not lookups alone."""
    return {(row["sensor"], row["source"]) for row in result.rows("source_bytes") if row["connections"]}


def _nothing(result: Result) -> bool:
    total = _totals(result)
    return total is None or (not total["services"] and not in_use(total["grade"]))


def _no_amounts(result: Result) -> bool:
    sources = [source for source in result.rows("source_bytes") if source["connections"]]
    known, total = any(source["knows_bytes_up"] for source in sources), _totals(result)
    return bool(sources) and not known and total is not None and total["grade"] == USE - 1


def _totals(result: Result) -> Row | None:
    return result.of_week("totals", result.scope.week)


def comparable(result: Result) -> bool:
    """True if the same sensors watched the week and the one before, on as many days and for about as many
    minutes, and none began or ceased to report what was sent."""
    if told_otherwise(result):
        return False
    packets = {source_key(row) for row in result.rows("coverage_weekly") if row["kind"] == "packets"}
    first, second = _watches(result, result.scope.week), _watches(result, result.scope.previous)
    longest = max((watch.minutes for watch in (*first.values(), *second.values())), default=0)
    counted = {
        source for w in (first, second) for source, watch in w.items() if watch.minutes >= BRIEF * longest
    }
    if not counted or not counted <= first.keys() & second.keys():
        return False
    return all(_alike(first[source], second[source], source in packets) for source in counted)


def told_otherwise(result: Result) -> bool:
    """True if a source records what was sent that did not last week, or the other way round: a proxy whose
    log format was changed makes bytes come and go, not uploads."""
    return any(
        row["connections"] and row["knew_bytes_up"] not in (None, row["knows_bytes_up"])
        for row in result.rows("source_bytes")
    )


def mute_sources(result: Result) -> list[Row]:
    """The sources of the week that record connections and never what was sent."""
    return [row for row in result.rows("source_bytes") if row["connections"] and not row["knows_bytes_up"]]


def source_key(row: Row) -> Source:
    """The sensor, site and source of a row."""
    return row["sensor"], row["site"], row["source"]


def source_name(row: Row) -> str:
    """'hq-span (pcap)': the sensor, its site if others of that name are elsewhere, and its kind of input
    unless that is its name."""
    kind = row["source"] if row["source"] != row["sensor"] else None
    more = ", ".join(filter(None, (row.get("place"), kind)))
    return f"{row['sensor']} ({more})" if more else row["sensor"]


def named_percent(result: Result, week: date) -> int | None:
    """Share of connections with a name, in whole percent; None if no connection was seen."""
    sources = _sources(result, week)
    flows = _total(sources, "flows")
    return (200 * _total(sources, "named_flows") + flows) // (2 * flows) if flows else None


def watched_weeks(result: Result) -> set[date]:
    """The weeks of the trend in which any sensor reported."""
    return {row["week"] for row in result.rows("coverage_weekly")}


def _doubts(seen: Coverage) -> Iterable[str]:
    if seen.lookups_only:
        yield say("doubt.unnamed" if seen.unnamed else "doubt.lookups")
    if seen.no_names:
        yield say("doubt.names")
    if seen.no_amounts:
        yield say("doubt.amounts")
    unnamed = say("doubt.nameless", share=words.share(seen.flows - seen.named, seen.flows))
    if seen.mostly_nameless and not seen.no_names:
        yield unnamed
    if len(seen.dark) == 7:
        yield say("doubt.week")
    elif seen.light and len(seen.light) < len(seen.dark):
        yield say("doubt.light", days=_listed(seen.light))
    elif seen.dark:
        yield say("doubt.dark", days=_listed(seen.dark))
    elif seen.nothing and seen.told and seen.told_seldom:
        yield say("doubt.told", days=_listed(seen.told))
    if seen.stopped and not seen.blind:
        yield say("doubt.stopped", len(seen.stopped), names=words.listing(seen.stopped))
    minutes = seen.packet_minutes
    if minutes is not None and seen.watched_briefly:
        yield say("doubt.minutes", minutes) if minutes < 2 * 60 else say("doubt.hours", minutes // 60)
    if seen.nameless and not seen.mostly_nameless:
        yield unnamed
    if seen.one_way:
        yield say("doubt.one_way", share=words.share(seen.one_sided, seen.flows))
    if seen.dropped > MOST_DROPPED * (seen.packets + seen.dropped):
        yield say("doubt.lost", share=words.share(seen.dropped, seen.packets + seen.dropped))


def _listed(days: Sequence[date]) -> str:
    return words.listing([words.weekday(day) for day in days], 7)


@dataclass(frozen=True, slots=True)
class _Watch:
    days: int = 0
    minutes: int = 0
    rough: bool = False  # minutes from first to last traffic of a day, not minutes with traffic


def _watches(result: Result, week: date) -> dict[Source, _Watch]:
    found: dict[Source, _Watch] = {}
    for row in result.rows("watched"):
        if week <= row["day"] < week + timedelta(days=7):
            before, minutes = found.get(source_key(row), _Watch()), _minutes(row)
            rough = before.rough or minutes != row["minutes"]
            found[source_key(row)] = _Watch(before.days + 1, before.minutes + minutes, rough)
    return found


def _minutes(row: Row) -> int:
    """Minutes watched on a day. On a link too quiet to fill them, the time from first to last input."""
    seen = _int(row["minutes"])
    if row["first_seen"] is None or row["last_seen"] is None:
        return seen
    span = int((row["last_seen"] - row["first_seen"]).total_seconds()) // 60 + 1
    return seen if 2 * seen >= span else span


def _alike(one: _Watch, other: _Watch, packets: bool) -> bool:
    if one.days != other.days:
        return False
    if not packets:  # minutes with log lines depend on use, not on coverage
        return True
    low, high = sorted((one.minutes, other.minutes))
    return high <= (ROUGH_FACTOR if one.rough or other.rough else MINUTES_FACTOR) * low


def _sources(result: Result, week: date) -> tuple[Row, ...]:
    return tuple(row for row in result.rows("coverage_weekly") if row["week"] == week)


def _total(rows: Iterable[Row], column: str) -> int:
    return sum(_int(row[column]) for row in rows)


def _int(value: int | None) -> int:
    return value or 0
