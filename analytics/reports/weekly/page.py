"""The weekly page, top to bottom: what each section says, still without any markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from analytics.render import words
from analytics.render.words import Noun
from analytics.reports.result import Result, Row, Table
from analytics.reports.run import scope_sql
from analytics.reports.weekly.changes import Change, caution, changes
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.decide import decisions, more
from analytics.reports.weekly.due import Decision
from analytics.reports.weekly.groups import Matrix, departments
from analytics.reports.weekly.moving import Outcome, outcomes
from analytics.reports.weekly.numbers import Number, numbers
from analytics.reports.weekly.privacy import Deed, deeds
from analytics.reports.weekly.rest import rest
from analytics.reports.weekly.rhythm import Rhythm, rhythm
from analytics.reports.weekly.seeing import Seeing, comparable, seeing
from analytics.reports.weekly.sight import Sight, sight
from analytics.reports.weekly.standing import (
    Expiry,
    Standing,
    concentration,
    expiries,
    sanctioned,
    standings,
    statuses,
)
from analytics.reports.weekly.verdict import verdict

#: Services on the page; the annex lists all.
LEADING = 7
#: Exceptions and reviews on the page.
EXPIRIES = 5
#: What is said of names, by level.
_LEVELS = {"aggregate": "no names kept", "clear": "names stored in clear"}


@dataclass(frozen=True, slots=True)
class Service:
    """A line of the service table, as it reads."""

    name: str
    vendor: str
    category: str
    grade: int | None
    bytes_up: int | None
    bytes_up_max: int | None
    sent: str
    received: str
    people: str
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
    """Everything the page says, in reading order."""

    title: str
    question: str
    week: str
    span: str
    facts: tuple[str, ...]
    claim: str
    verdict: str
    more_due: int
    outcomes: tuple[Outcome, ...]
    standings: tuple[Standing, ...]
    sanctioned: str
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
    caution: str
    rhythm: Rhythm | None
    sight: Sight
    seeing: Seeing
    k: int
    zone: str
    scope_sql: str
    tables: tuple[Table, ...]
    embedded: tuple[Row, ...]
    deeds: tuple[Deed, ...]
    privacy: str

    @property
    def sentence(self) -> str:
        """Claim and verdict as one text."""
        joint = "" if self.verdict[:1] in (".", ",", ";", "") else " "
        return f"{self.claim}{joint}{self.verdict}"


def build(result: Result, *, controls: bool = False) -> Page:
    """The page for a result; a pure function of it. `controls` adds evidence for controls."""
    seen = seeing(result)
    asked, ends = decisions(result, seen), expiries(result)
    claim, rest = verdict(result, seen)
    said = statuses(result)
    services = tuple(
        _service(result, row, said.get(row["app"])) for row in result.rows("services") if row["seen"]
    )
    used = tuple(s for s in services if (s.grade or 0) >= 2)
    return Page(
        title=f"Shadow AI, week {result.scope.week.isocalendar().week}",
        question=result.spec.question,
        week=words.week_name(result.scope.week),
        span=words.day_span(result.scope.week, result.scope.sunday),
        facts=_facts(result, seen),
        claim=claim,
        verdict=rest,
        more_due=more(result, asked),
        outcomes=outcomes(result),
        standings=standings(result),
        sanctioned=sanctioned(result),
        concentration=concentration(result),
        expiries=ends[:EXPIRIES],
        more_expiries=len(ends[EXPIRIES:]),
        watch=_watch(result),
        controls=result.rows("controls") if controls else (),
        restated=restated(result),
        numbers=numbers(result, seen),
        decisions=asked,
        services=services,
        leading=used[:LEADING],
        others=(*_further(used[LEADING:]), *_untold(result)),
        noun=counted(result),
        hides=any(s.sent == words.HIDDEN for s in used),
        departments=departments(result),
        changes=changes(result),
        caution=caution(result),
        rhythm=rhythm(result, seen),
        sight=sight(result, seen),
        seeing=seen,
        k=result.facts.k,
        zone=result.facts.zone,
        scope_sql=scope_sql(result.scope),
        tables=tuple(result.tables.values()),
        embedded=result.rows("embedded_possible"),
        deeds=deeds(result),
        privacy=result.facts.privacy,
    )


def _facts(result: Result, seen: Seeing) -> tuple[str, ...]:
    sensors = sorted({eye["sensor"] for eye in seen.eyes})
    catalogs = [r["catalog_version"] for r in result.rows("catalogs") if r["catalog_version"]]
    as_of = result.facts.as_of
    facts = [
        f"days in {result.facts.zone}",
        f"{'sensor' if len(sensors) == 1 else 'sensors'} {words.listing(sensors, 5)}"
        if sensors
        else "no sensor",
        f"catalog {words.listing(catalogs, 2)}" if catalogs else "catalog unknown",
        f"policy {words.listing([_short_version(r['policy_version']) for r in result.rows('policies')], 2)}"
        if result.rows("policies")
        else "no policy",
        _LEVELS.get(result.facts.privacy, f"names {result.facts.privacy}"),
        f"groups under {result.facts.k} hidden",
    ]
    if as_of is not None:
        facts.append(f"as of {as_of:%Y-%m-%d %H:%M %Z}".rstrip())
    return tuple(facts)


def _short_version(version: str | None) -> str:
    return (version or words.UNKNOWN)[:20]


def _watch(result: Result) -> tuple[str, ...]:
    """What came to the list of products with AI possible inside, and what left it."""
    rows = result.rows("embedded_changes")
    if result.scope.week == result.scope.earliest:
        return ()
    told = {"new": "first seen this week", "gone": "not seen any more"}
    return tuple(
        f"{words.listing([row['service'] for row in rows if row['change'] == change], 4)}: {text}"
        for change, text in told.items()
        if any(row["change"] == change for row in rows)
    )


def restated(result: Result) -> tuple[str, ...]:
    """A sentence per pair of catalogs: which figures rest on the later one."""
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in result.rows("restated"):
        pairs.setdefault((row["old_version"] or words.UNKNOWN, row["catalog_version"]), []).append(row)
    zone = ZoneInfo(result.facts.zone)
    return tuple(
        f"Restated: the figures of {words.listing([row['service'] for row in rows], LEADING)} rest on "
        f"catalog {new} since {max(row['restated_at'] for row in rows).astimezone(zone):%Y-%m-%d}, "
        f"until then on {old}."
        for (old, new), rows in pairs.items()
    )


def _service(result: Result, row: Row, said: Row | None) -> Service:
    hidden = row["people_hidden"]
    return Service(
        name=row["service"] or row["app"],
        vendor=row["vendor"] or "",
        category=words.category(row["category"]),
        grade=row["grade"],
        bytes_up=row["bytes_up"],
        bytes_up_max=row["bytes_up_max"],
        sent=words.size_range(row["bytes_up"], row["bytes_up_max"], hidden),
        received=words.size(row["bytes_down"], hidden),
        people=words.people(row["people"], hidden, result.facts.k),
        connections=words.HIDDEN if row["connections"] is None and hidden else _count(row["connections"]),
        change=_change(result, row),
        first_week=words.week_name(row["first_week"]) if row["first_week"] else words.UNKNOWN,
        status=said["status"] if said else "",
        varies=bool(said and said["varies"]),
    )


def _further(services: tuple[Service, ...]) -> Iterator[Others]:
    """The services with a figure that did not fit, so that the lines add up to the total."""
    told = [s for s in services if s.bytes_up is not None]
    if told:
        low = sum(s.bytes_up or 0 for s in told)
        high = sum(s.bytes_up_max or s.bytes_up or 0 for s in told)
        name = f"{words.plural(len(told), 'more service')}, in the annex"
        yield Others(name, low, high, words.size_range(low, high))


def _untold(result: Result) -> Iterator[Others]:
    """The services without a figure and, where it gives no single one away, what they sent together."""
    left = rest(result)
    if not left.hidden:
        return
    why = "hidden so that no small group shows" if left.hidden == left.services else "hidden or unknown"
    sent = words.size_range(left.bytes_up, left.bytes_up_max, hidden=True)
    name = f"{words.plural(left.services, 'service')}, {why}"
    yield Others(name, left.bytes_up, left.bytes_up_max, sent)


def _count(value: int | None) -> str:
    return words.UNKNOWN if value is None else words.number(value)


def _change(result: Result, row: Row) -> str:
    scope = result.scope
    if row["first_week"] == scope.week and scope.week > scope.earliest:
        return "new"
    if row["bytes_up"] is None or row["last_bytes_up"] is None:
        return ""
    if not comparable(result, scope.week, scope.previous):
        return ""
    return words.signed_size(row["bytes_up"] - row["last_bytes_up"])
