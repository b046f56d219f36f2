"""The default page of a report: a sentence, and every figure with a heading as a table.

The weekly report has a page of its own instead (weekly/page.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from analytics.render import words
from analytics.render.language import say, spoken, translated
from analytics.reports.common.sight import LEAST_WATCHED, USE, in_use, nameless, one_way
from analytics.reports.periods import Period
from analytics.reports.result import Result, Row, Table
from analytics.reports.run import scope_sql

#: Columns without a column of their own on the page, because they qualify another one: a grade's name is
#: shown with its symbol.
_QUALIFY = ("people_hidden", "bytes_up_max", "varies")
_LABELS = {
    "bytes_up": "column.sent", "bytes_down": "column.received",
    "grade": "column.evidence", "evidence": "column.evidence",
}  # fmt: skip
_NUMBERS = (int, float)
_NOTHING = "–"
#: Columns of numbers, which are recognised by name because all their values may be hidden.
_COUNTS = ("people", "people_most", "bytes_up", "bytes_down", "connections", "attempts")


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell; `grade` if it has an evidence symbol (a moon)."""

    text: str
    grade: int | None = None
    bytes_up: int | None = None  # drawn as a bar
    bytes_up_max: int | None = None
    number: bool = False
    status: str = ""  # policy status, shown as a colour


@dataclass(frozen=True, slots=True)
class Section:
    """A figure as a table."""

    id: str
    heading: str
    row: str
    labels: tuple[str, ...]
    numeric: tuple[bool, ...]
    bars: int  # index of the column drawn as bars, -1 for none
    rows: tuple[tuple[Cell, ...], ...]
    none: str  # text in place of a table without rows

    @property
    def remark(self) -> str:
        """The text of the only cell with a value, if the figure has a single row and only one such cell; else
        ''."""
        if len(self.rows) != 1:
            return ""
        filled = [cell.text for cell in self.rows[0] if cell.text != _NOTHING]
        return filled[0] if len(filled) == 1 < len(self.labels) else ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The content of the default page, in reading order."""

    report: str
    title: str
    question: str
    period: str
    span: str
    facts: tuple[str, ...]
    claim: str
    verdict: str
    sections: tuple[Section, ...]
    k: int
    zone: str
    restricted: bool
    scope_sql: str
    tables: tuple[Table, ...]
    language: str = "en"

    @property
    def sentence(self) -> str:
        """The claim and the rest of the verdict as one text."""
        return f"{self.claim} {self.verdict}".strip()


def build(result: Result, period: Period, about: str = "") -> Sheet:
    """The page for a result; `about` is the name of the service or department it is about, or what its token
    stands for. Pure."""
    spec, facts = result.spec, result.facts
    if spec.about == "person":
        about = say(f"sheet.who_{about}")
    claim, verdict = _sentence(result, period, about)
    stated = [
        say("fact.zone", zone=facts.zone),
        say("sheet.restricted") if spec.restricted else say("fact.groups", k=facts.k),
    ]
    if spec.restricted:
        stated.append(result.scope.about)
    if facts.names_by_client:
        stated.append(say("fact.names_by_client"))
    if not spec.restricted:
        stated.append(say("sheet.people"))
    if facts.as_of is not None:
        stated.append(say("fact.as_of", moment=f"{facts.as_of:%Y-%m-%d %H:%M %Z}".rstrip()))
    return Sheet(
        report=spec.name,
        title=translated(spec.title).format(about=about, period=period.title),
        question=translated(spec.question),
        period=period.name,
        span=period.span,
        facts=tuple(stated),
        claim=claim,
        verdict=verdict,
        sections=tuple(_section(table, result) for table in result.tables.values() if table.figure.heading),
        k=facts.k,
        zone=facts.zone,
        restricted=spec.restricted,
        scope_sql=scope_sql(result.scope),
        tables=tuple(result.tables.values()),
        language=spoken(),
    )


def _sentence(result: Result, period: Period, about: str) -> tuple[str, str]:
    watched = _one(result, "watched")
    last = result.facts.today or period.last
    days, of = (watched["days"] or 0) if watched else 0, (last - period.first).days + 1
    seen = say("sheet.days", of, days=words.number(days))
    summary = _one(result, "summary")
    if not days:
        return say("sheet.blind"), ""
    if lack := _lack(watched):
        return say("verdict.cannot_tell", what=say(f"doubt.{lack}")), seen
    # services of a department may all be hidden, so 0 of them means nothing there
    of_everyone = () if summary is None or "people" in summary else ("weeks", "services")
    if summary is None or not all(summary.get(name, 1) for name in of_everyone):
        return _unused(result, watched, of, about), seen
    hidden = bool(summary.get("people_hidden"))
    k = result.facts.k
    year = period.first.year
    figures = {name: _text(name, value, summary, hidden, k, year) for name, value in summary.items()}
    claim = translated(result.spec.claim).format_map(figures | dict(_counts(result, summary, hidden)))
    return claim[:1].upper() + claim[1:], seen


def _lack(watched: Row | None) -> str:
    """Why the sources could not tell what was used, as a key of the strings `doubt`; '' if they could."""
    if watched is None:
        return ""
    grade = watched["grade"] or 0
    if watched["connects"] is None and grade < USE:
        return "names"
    if watched["connects"] is False:
        seen = watched["connections_logged"] or nameless(watched["flows"] or 0, watched["named_flows"] or 0)
        return "unnamed" if seen else "lookups"
    return "amounts" if watched["amounts"] is False and grade == USE - 1 else ""


def _unused(result: Result, watched: Row | None, days: int, about: str) -> str:
    """The claim where no use may be shown."""
    little = _too_little(watched, days)
    if result.spec.about == "department":  # it is only published together with others
        return say("sheet.department_untold", department=about, k=result.facts.k)
    if result.spec.about == "person" and not little:
        return say("sheet.nothing_of", who=about)
    if result.spec.about != "app":
        return say("verdict.too_little" if little else "verdict.nothing")
    if result.rows("possible"):
        return say("sheet.possible", service=about)
    return say("sheet.too_little" if little else "sheet.unused", service=about)


def _too_little(watched: Row | None, days: int) -> bool:
    """True if so much of the period was not seen that finding nothing in it means nothing."""
    if watched is None:
        return False
    flows = watched["flows"] or 0
    return (
        nameless(flows, watched["named_flows"] or 0)
        or one_way(flows, watched["one_sided_flows"] or 0)
        or (watched["telling_days"] or 0) < LEAST_WATCHED * days
    )


def _counts(result: Result, summary: Row, hidden: bool) -> Iterator[tuple[str, str]]:
    """Counts with nouns, for a sentence: `people_counted`, `services_counted`, `weeks_counted`; and `who`."""
    for name, value in summary.items():
        if name == "people":
            noun = _noun(result, (summary,))
            fewer = f"{words.people(None, True, result.facts.k)} {noun.many}"
            yield "people_counted", fewer if hidden or value is None else noun.count(value)
        elif name == "kind":
            yield "who", say(f"sheet.who_{value}")
        elif name in ("services", "weeks"):
            yield f"{name}_counted", say(f"count.{name}", value or 0)


def _noun(result: Result, rows: Sequence[Row]) -> words.Noun:
    """What is counted as people in these rows: in their week, else in all weeks of the report. One that names
    both where weeks count different ones."""
    scope = result.scope
    period = [w["week"] for w in result.rows("attribution") if w["week"] >= min(scope.first_day, scope.week)]
    # 0 people are 0 devices and 0 addresses, too, and an unknown number may be of any.
    told = [
        row
        for row in rows
        if row.get("people", row.get("people_most")) != 0
        and not (row.get("people", 1) is None and row.get("people_hidden") is False)
    ]
    weeks = {w for row in told for w in ([row["week"]] if "week" in row else period or [scope.week])}
    counted = {row["week"]: row["counted"] for row in result.rows("attribution")}
    nouns = {words.noun(counted.get(week)) for week in weeks}
    return words.PEOPLE if not nouns else nouns.pop() if len(nouns) == 1 else words.EITHER


def _one(result: Result, figure: str) -> Row | None:
    rows = result.rows(figure) if figure in result.tables else ()
    return rows[0] if rows else None


def _section(table: Table, result: Result) -> Section:
    names = [name for name in table.figure.columns if name not in _QUALIFY]
    if "grade" in names and "evidence" in names:
        names.remove("evidence")
    if "service" in names and "app" in names:
        names.remove("app")
    rows = tuple(tuple(_cell(name, row, result) for name in names) for row in table.rows)
    drawn = any(row["bytes_up"] for row in table.rows) if "bytes_up" in names else False
    return Section(
        table.figure.id,
        translated(table.figure.heading),
        translated(table.figure.row),
        tuple(_label(name, result, table.rows) for name in names),
        tuple(any(row[i].number for row in rows) for i in range(len(names))),
        names.index("bytes_up") if drawn else -1,
        rows,
        say("sheet.none_shown" if "people_hidden" in table.figure.columns else "annex.none"),
    )


def _label(name: str, result: Result, rows: Sequence[Row]) -> str:
    """The heading of a column: from the report, else the column's name in words."""
    if name in ("people", "people_most"):
        noun = _noun(result, rows)
        return noun.heading if name == "people" else noun.most
    return say(_LABELS[name]) if name in _LABELS else translated(name.replace("_", " ").capitalize())


def _cell(name: str, row: Row, result: Result) -> Cell:
    value, hidden = row[name], bool(row.get("people_hidden") or row.get("weeks_hidden"))
    if isinstance(value, datetime):  # in the time zone that the header of the page names
        local = value.astimezone(ZoneInfo(result.facts.zone))
        return Cell(f"{words.short_day(local.date())} {local:%H:%M}")
    text = _unused_text(name, row, result) or _text(
        name, value, row, hidden, result.facts.k, result.scope.first_day.year
    )
    if name == "grade":
        return Cell(text, value)
    if name == "status" and value in words.STATUSES:
        return Cell(text, status=value)
    upper = row.get("bytes_up_max") if name == "bytes_up" else None
    numeric = isinstance(value, _NUMBERS) or name in _COUNTS
    return Cell(text, None, value if name == "bytes_up" else None, upper, numeric)


def _unused_text(name: str, row: Row, result: Result) -> str:
    """Text in place of a 0 that would be read as that nobody connected, or that it is known that nobody used
    it; and of bytes that a lookup does not send; else ''."""
    if "grade" not in row or in_use(row["grade"]):
        return ""
    if name == "connections" or (row["grade"] == 1 and name in ("bytes_up", "bytes_down")):
        return _NOTHING
    if row["grade"] is None and name == "grade":
        return _NOTHING
    if name not in ("people", "services", "bytes_up", "bytes_down"):
        return ""
    is_untold = row["grade"] is None or name in ("people", "services")
    if is_untold and row[name] is None and not row.get("people_hidden"):
        return words.unknown()
    if row[name] != 0:
        return ""
    told = (
        {week["week"]: week["told"] for week in result.rows("telling")} if "telling" in result.tables else {}
    )
    knows = told.get(row["week"], False) if "week" in row and told else None
    if knows is None:
        watched, scope = _one(result, "watched"), result.scope
        knows = not _lack(watched) and not _too_little(watched, (scope.until - scope.first_day).days + 1)
    return "" if knows else words.unknown()


def _text(name: str, value: object, row: Mapping[str, object], hidden: bool, k: int, year: int) -> str:
    """A value as text; `year` is left out of dates."""
    if name == "grade":
        return words.grade(int(str(value))) if value else ""
    if name == "bytes_up":
        upper = row.get("bytes_up_max")
        return words.size_range(_int(value), _int(upper), _withheld(row))
    if name.startswith("bytes"):
        return words.size(_int(value), _withheld(row))
    if name == "attempts" and not value:  # whose groups are not those of the row; none seen is no count
        return words.hidden() if value is None else _NOTHING
    if name in ("people", "people_most"):
        return words.people(_int(value), hidden and value is None, k)
    if value is None:
        if name == "seen_at_any_grade" and row["grade"] and not hidden:
            return say("figure.untold")  # so few more that they may not be told, or perhaps the same again
        return words.hidden() if hidden or name == "connections" else _NOTHING
    if name in ("week", "first_week", "last_week") and isinstance(value, date):
        return words.week_days(value, year)
    if isinstance(value, date):
        return f"{words.short_day(value)} {value.year}"
    if isinstance(value, bool):
        return say("sheet.yes") if value else say("sheet.no")
    if isinstance(value, int):
        return words.number(value)
    return _WORDS.get(name, translated)(str(value))


def _withheld(row: Mapping[str, object]) -> bool | None:
    """Whether NULL bytes mean hidden; None if unknown, as for several weeks together. A person's own are
    never hidden."""
    if "people_hidden" in row:
        return words.withheld(row)
    return None if "weeks" in row else False


def _scope(value: str) -> str:
    """The scope of a policy line or finding, as text."""
    if value == words.EVERYONE:
        return say("sheet.everyone")
    return words.scope(value).strip(" ()") or say("sheet.policy")


def _department(value: str) -> str:
    return say(f"departments.{value}") if value in ("other", "unattributed") else value


def _status(value: str) -> str:
    return words.status(value) if value in words.STATUSES else translated(value)


#: Columns whose values are translated.
_WORDS: dict[str, Callable[[str], str]] = {
    "status": _status, "scope": _scope, "department": _department, "category": words.category,
}  # fmt: skip


def _int(value: object) -> int | None:
    return None if value is None else int(str(value))
