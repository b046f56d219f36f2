"""The content of the weekly page, from top to bottom, without markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from analytics.render import words
from analytics.render.language import say, spoken, translated
from analytics.render.words import Noun
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row, Table
from analytics.reports.run import scope_sql
from analytics.reports.weekly.changes import Change, caution, changes
from analytics.reports.weekly.clock import Clock, clock
from analytics.reports.weekly.counted import counted, counted_at_any_grade
from analytics.reports.weekly.coverage import Coverage, comparable, coverage_of_week
from analytics.reports.weekly.decide import decisions, more
from analytics.reports.weekly.due import Decision, Waiting, waiting
from analytics.reports.weekly.groups import Matrix, departments
from analytics.reports.weekly.machines import machines
from analytics.reports.weekly.moving import Outcome, outcomes
from analytics.reports.weekly.numbers import Number, numbers
from analytics.reports.weekly.privacy import Deed, deeds, gravest
from analytics.reports.weekly.remedy import remedy
from analytics.reports.weekly.rest import rest
from analytics.reports.weekly.rhythm import Rhythm, rhythm
from analytics.reports.weekly.standing import (
    Expiry,
    Standing,
    approved,
    concentration,
    expiries,
    sanctioned,
    standings,
    statuses,
)
from analytics.reports.weekly.unequal import Unequal, unequal
from analytics.reports.weekly.verdict import verdict
from analytics.reports.weekly.visibility import Visibility, visibility

#: Services on the page; the annex lists all.
LEADING = 7
#: Exceptions and reviews on the page.
EXPIRIES = 5
#: Deeds with personal data on the page.
DEEDS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """A line of the service table, as text."""

    name: str
    vendor: str
    category: str
    grade: int | None
    bytes_up: int | None
    bytes_up_max: int | None
    sent: str
    received: str
    people: str
    unused: bool  # `people` includes subjects who looked it up or connected, without using it
    counted: str  # the same as text; the grade if the number is hidden
    connections: str
    change: str
    first_week: str
    status: str  # a key of words.STATUSES; '' without a policy
    varies: bool


@dataclass(frozen=True, slots=True)
class Others:
    """A line for several services together."""

    name: str
    bytes_up: int | None
    bytes_up_max: int | None
    sent: str


@dataclass(frozen=True, slots=True)
class Page:
    """The content of the page, in reading order."""

    title: str
    question: str
    week: str
    span: str
    facts: tuple[str, ...]
    claim: str
    verdict: str
    more_due: int
    unjudged: str  # why there are no findings; '' where weeks are judged
    outcomes: tuple[Outcome, ...]
    standings: tuple[Standing, ...]
    sanctioned: str
    approved: str
    concentration: str
    expiries: tuple[Expiry, ...]
    more_expiries: int
    watch: tuple[str, ...]
    controls: tuple[Row, ...]
    restated: tuple[str, ...]
    numbers: tuple[Number, ...]
    decisions: tuple[Decision, ...]
    services: tuple[Service, ...]
    leading: tuple[Service, ...]
    others: tuple[Others, ...]
    noun: Noun
    hides: bool
    departments: Matrix
    changes: tuple[Change, ...]
    machines: tuple[Change, ...]
    caution: str
    waiting: tuple[Waiting, ...]
    clock: Clock | None
    unequal: Unequal | None
    rhythm: Rhythm | None
    visibility: Visibility
    remedy: str
    coverage: Coverage
    k: int
    zone: str
    scope_sql: str
    tables: tuple[Table, ...]
    embedded: tuple[Row, ...]
    deeds: tuple[Deed, ...]
    gravest_deeds: tuple[Deed, ...]
    privacy: str
    language: str = "en"

    @property
    def where(self) -> str:
        """The heading of the services. Where no source shows use, it does not claim that data was sent."""
        return say(f"where.{_told(self.coverage, 'asked', 'connected', 'title')}")

    @property
    def unused(self) -> str:
        """A note that explains counts such as '0 of 12'; '' if there are none."""
        if not any(service.unused for service in self.leading):
            return ""
        return say(f"where.{_told(self.coverage, 'asked', 'connected', 'unused')}_note")

    @property
    def nowhere(self) -> str:
        """Text in place of the services if there are none."""
        if self.coverage.lack:
            return say("where.untold_week", why=say(f"numbers.{self.coverage.lack}"))
        return say("where.blind" if self.coverage.blind else "where.none")

    @property
    def sentence(self) -> str:
        """The claim and the rest of the verdict as one text."""
        joint = "" if self.verdict[:1] in (".", ",", ";", "") else " "
        return f"{self.claim}{joint}{self.verdict}"


def build(result: Result, *, controls: bool = False) -> Page:
    """The page for a result; `controls` adds the evidence for controls. Pure."""
    seen = coverage_of_week(result)
    asked, ends = decisions(result, seen), expiries(result)
    claim, rest = verdict(result, seen, len(asked))
    by_app = statuses(result)
    services = tuple(
        _service(result, row, by_app.get(row["app"]), seen.use_untold)
        for row in result.rows("services")
        if row["seen"]
    )
    leading = tuple(s for s in services if (s.grade or 0) >= (1 if seen.lookups_only else 2))
    return Page(
        title=say("page.title", week=result.scope.week.isocalendar().week),
        question=translated(result.spec.question),
        week=words.week_name(result.scope.week),
        span=words.day_span(result.scope.week, result.scope.sunday),
        facts=_facts(result, seen),
        claim=claim,
        verdict=rest,
        more_due=more(result, asked),
        unjudged=say("decide.unjudged") if result.facts.privacy == "aggregate" else "",
        outcomes=outcomes(result),
        standings=standings(result),
        sanctioned=sanctioned(result),
        approved=approved(result),
        concentration=concentration(result),
        expiries=ends[:EXPIRIES],
        more_expiries=len(ends[EXPIRIES:]),
        watch=_watch(result, seen),
        controls=result.rows("controls") if controls else (),
        restated=restated(result),
        numbers=numbers(result, seen),
        decisions=asked,
        services=services,
        leading=leading[:LEADING],
        others=(*_further(leading[LEADING:]), *_untold(result, leading[:LEADING])),
        noun=counted_at_any_grade(result) if seen.use_untold else counted(result),
        hides=any(s.sent == words.hidden() for s in leading),
        departments=departments(result),
        changes=changes(result, seen),
        machines=machines(result),
        caution=caution(result, seen),
        waiting=waiting(result),
        clock=clock(result),
        unequal=unequal(result) if counted(result) == words.PEOPLE else None,
        rhythm=rhythm(result, seen),
        visibility=visibility(result, seen),
        remedy=remedy(result, seen) if seen.doubts else "",
        coverage=seen,
        k=result.facts.k,
        zone=result.facts.zone,
        scope_sql=scope_sql(result.scope),
        tables=tuple(result.tables.values()),
        embedded=result.rows("embedded_possible"),
        deeds=deeds(result),
        gravest_deeds=gravest(result)[:DEEDS],
        privacy=result.facts.privacy,
        language=spoken(),
    )


def _facts(result: Result, seen: Coverage) -> tuple[str, ...]:
    sensors = sorted({source["sensor"] for source in seen.sources})
    catalogs = [r["catalog_version"] for r in result.rows("catalogs") if r["catalog_version"]]
    as_of = result.facts.as_of
    policies = [_short_version(r["policy_version"]) for r in result.rows("policies")]
    facts = [
        say("fact.zone", zone=result.facts.zone),
        say("fact.sensors" if sensors else "fact.no_sensor", len(sensors), names=words.listing(sensors, 5)),
        say("fact.catalog", version=words.listing(catalogs, 2)) if catalogs else say("fact.no_catalog"),
        say("fact.policy", version=words.listing(policies, 2)) if policies else say("fact.no_policy"),
        say(f"fact.{result.facts.privacy}"),
        say("fact.groups", k=result.facts.k),
    ]
    if result.facts.names_by_client:
        facts.append(say("fact.names_by_client"))
    if as_of is not None:
        facts.append(say("fact.as_of", moment=f"{as_of:%Y-%m-%d %H:%M %Z}".rstrip()))
    return tuple(facts)


def _short_version(version: str | None) -> str:
    return (version or words.unknown())[:20]


def _watch(result: Result, seen: Coverage) -> tuple[str, ...]:
    """Changes of the list of products that may contain AI."""
    rows = result.rows("embedded_changes")
    if result.scope.week == result.scope.earliest:
        return ()
    compares = not seen.lack and comparable(result)
    kinds = ("new", "gone") if compares else ("new",)
    changed = {c: [row["service"] for row in rows if row["change"] == c] for c in kinds}
    return tuple(
        say(f"watch.{change}", services=words.listing(services, 4))
        for change, services in changed.items()
        if services
    )


def restated(result: Result) -> tuple[str, ...]:
    """A sentence per pair of catalogs: which figures are based on the later one."""
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in result.rows("restated"):
        pairs.setdefault((row["old_version"] or words.unknown(), row["catalog_version"]), []).append(row)
    zone = ZoneInfo(result.facts.zone)
    return tuple(
        say(
            "page.restated",
            services=words.listing([row["service"] for row in rows], LEADING),
            new=new,
            old=old,
            day=words.short_day(max(row["restated_at"] for row in rows).astimezone(zone).date()),
        )
        for (old, new), rows in pairs.items()
    )


def _service(result: Result, row: Row, standing: Row | None, use_untold: bool) -> Service:
    withheld = words.withheld(row)
    nothing = say("where.nothing") if row["grade"] == 1 else ""  # a lookup sends nothing to the service
    return Service(
        name=row["service"] or row["app"],
        vendor=row["vendor"] or "",
        category=words.category(row["category"]),
        grade=row["grade"],
        bytes_up=row["bytes_up"],
        bytes_up_max=row["bytes_up_max"],
        sent=nothing or words.size_range(row["bytes_up"], row["bytes_up_max"], withheld),
        received=nothing or words.size(row["bytes_down"], withheld),
        people=_people(row, result.facts.k, use_untold),
        unused=row["people"] == 0 and bool(row["people_any_grade"]),
        counted=_counted(row, result),
        connections=_connections(row),
        change=_change(result, row),
        first_week=_first_week(row["first_week"], result),
        status=standing["status"] if standing else "",
        varies=bool(standing and standing["varies"]),
    )


def _first_week(monday: date | None, result: Result) -> str:
    return words.week_days(monday, result.scope.sunday.year) if monday else words.unknown()


def _told(seen: Coverage, lookups: str, connections: str, use: str) -> str:
    """The word for what the sources show of services."""
    return lookups if seen.lookups_only else connections if seen.no_amounts else use


def _people(row: Row, k: int, use_untold: bool) -> str:
    """How many used it. If nobody did, but 12 looked it up or connected: '0 of 12'.

    If no source shows use, it is unknown how many of the 12 used it: '– of 12'.
    """
    used = words.people(row["people"], row["people_hidden"], k)
    if use_untold and row["people"] == 0:
        used = say("where.nothing")
    if row["people"] == 0 and (seen := row["people_any_grade"]):
        return say("where.unused", used=used, seen=words.number(seen))
    return used


def _counted(row: Row, result: Result) -> str:
    if not in_use(row["grade"]):
        if not (seen := row["people_any_grade"]):
            return words.grade(row["grade"])
        who = counted_at_any_grade(result).count(seen)
        return say("where.looked_up" if row["grade"] == 1 else "where.seen_only", who=who)
    noun = counted(result)
    if row["people_hidden"] or row["people"] is None:
        return f"{words.people(row['people'], row['people_hidden'], result.facts.k)} {noun.many}"
    return noun.count(row["people"])


def _further(services: tuple[Service, ...]) -> Iterator[Others]:
    """The services with a figure that did not fit, so that the lines add up to the total."""
    figures = [s for s in services if s.bytes_up is not None]
    if figures:
        low = sum(s.bytes_up or 0 for s in figures)
        high = sum(s.bytes_up_max or s.bytes_up or 0 for s in figures)
        name = say("where.further", len(figures))
        yield Others(name, low, high, words.size_range(low, high))


def _untold(result: Result, shown: tuple[Service, ...]) -> Iterator[Others]:
    """The services without a figure and, if that reveals no single one, what they sent together; nothing if
    the lines above say all of it."""
    left = rest(result)
    lines = sum(service.bytes_up is None and in_use(service.grade) for service in shown)
    if not left.hidden or (left.bytes_up is None and left.services == lines):
        return
    key = "where.hidden" if left.hidden == left.services else "where.untold"
    sent = words.size_range(left.bytes_up, left.bytes_up_max, is_hidden=True)
    yield Others(say(key, left.services), left.bytes_up, left.bytes_up_max, sent)


def _connections(row: Row) -> str:
    """Connections of use; where it was not used, "0" would be read as that nobody connected to it."""
    if not in_use(row["grade"]):
        return say("where.nothing")
    return words.hidden() if row["connections"] is None else words.number(row["connections"])


def _change(result: Result, row: Row) -> str:
    scope = result.scope
    if row["first_week"] == scope.week and scope.week > scope.earliest:
        return say("where.new")
    if row["bytes_up"] is None or row["last_bytes_up"] is None:
        return ""
    if not comparable(result):
        return ""
    return words.signed_size(row["bytes_up"] - row["last_bytes_up"])
