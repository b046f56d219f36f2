"""The five numbers, each with its change since last week and a trend of up to twelve weeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.render import words
from analytics.render.language import say
from analytics.render.words import PEOPLE
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted, tied, tied_share
from analytics.reports.weekly.coverage import Coverage, comparable, mute_sources, named_percent, watched_weeks


@dataclass(frozen=True, slots=True)
class Number:
    """A number: what it counts, by which evidence, and how it changed."""

    label: str
    grade: int | None
    value: str
    note: str
    change: str  # '' if the weeks are not comparable
    change_words: str  # the same for a screen reader
    trend: tuple[int | None, ...]
    trend_words: str


def numbers(result: Result, seen: Coverage) -> tuple[Number, ...]:
    """People (or addresses), services, bytes sent, services first seen, named traffic."""
    now = _by_week(result).get(result.scope.week)
    use = [_people(result, now), _services(result, now), _sent(result, now), _first_seen(result, now)]
    if seen.lack:  # whether anything was used is not told: unknown, not 0
        note = say(f"numbers.{seen.lack}")
        use = [Number(n.label, None, words.unknown(), note, "", "", (), "") for n in use]
    return (*use, _named(result, seen))


def _people(result: Result, now: Row | None) -> Number:
    value = words.people(now["people"], now["people_hidden"], result.facts.k) if now else _nothing(result)
    row, noun = tied(result), counted(result)
    note = ""
    if row and row["connections"]:
        note = say("numbers.tied", share=tied_share(row) or say("numbers.unknown_share"))
    if now and noun == PEOPLE and (of := _population(result)) and of >= (now["people"] or 0):
        # Whether these are people or addresses is explained under "What we can see".
        note = say("numbers.of", population=words.number(of))

    def alike(row: Row) -> int | None:
        """The people of a week that counts the same kind of subject. Zero is comparable with both kinds."""
        return row["people"] if row["people"] == 0 or counted(result, row["week"]) == noun else None

    return _number(result, noun.label, 3, value, note, alike, words.signed)


def _population(result: Result) -> int:
    """People behind the week's sensors, according to the settings; 0 if it is missing for a site."""
    rows = result.rows("population")
    return sum(row["population"] for row in rows) if all(row["population"] for row in rows) else 0


def _services(result: Result, now: Row | None) -> Number:
    value = words.number(now["services"]) if now else _nothing(result)
    note = say("numbers.with_uploads", count=words.number(now["services_uploading"])) if now else ""
    return _number(result, say("numbers.services"), 3, value, note, lambda row: row["services"], words.signed)


def _sent(result: Result, now: Row | None) -> Number:
    value, note = _nothing(result), ""
    if now:
        withheld = words.withheld(now)
        value = words.size_range(now["bytes_up"], now["bytes_up_max"], withheld)
        received = words.size(now["bytes_down"], withheld)
        key = "numbers.received_untold" if now["bytes_down"] is None else "numbers.received"
        note = say(key, amount=received)
        if mute_sources(result) and now["bytes_up"] is not None:
            note = say("numbers.partly", note=note)
    grade = now["grade"] if now else None
    label = say("numbers.sent")
    return _number(result, label, grade, value, note, lambda row: row["bytes_up"], words.signed_size)


def _first_seen(result: Result, now: Row | None) -> Number:
    if result.scope.week == result.scope.earliest:
        return Number(say("numbers.first_seen"), 3, "–", say("numbers.first_week"), "", "", (), "")
    value = words.number(now["first_seen"]) if now else _nothing(result)
    fresh = [r["service"] for r in result.rows("changes") if r["change"] == "first seen"]
    label = say("numbers.first_seen")
    return _number(result, label, 3, value, words.listing(fresh, 1), _news(result), words.signed)


def _news(result: Result) -> Callable[[Row], int | None]:
    """Services first seen in a week; unknown in the lake's first week, when everything is new."""
    return lambda row: None if row["week"] == result.scope.earliest else row["first_seen"]


def _named(result: Result, seen: Coverage) -> Number:
    value = words.share(seen.named, seen.flows) if seen.flows else words.unknown()
    nameless = words.share(seen.flows - seen.named, seen.flows)
    note = say("numbers.without_name", share=nameless) if seen.flows else ""
    if not any(source["kind"] == "packets" for source in seen.sources):
        note = "" if seen.blind else say("numbers.no_packets")
    percents = {week: named_percent(result, week) for week in _weeks(result)}
    now, before = percents[result.scope.week], percents[result.scope.previous]
    change, spoken = "", ""
    if now is not None and before is not None and comparable(result):
        change = say("numbers.points", change=words.signed(now - before))
        spoken = words.on_last_week(now - before, say("numbers.points_amount", abs(now - before)))
    trend = tuple(percents.values())
    spelt = _spoken(trend, lambda value: say("numbers.percent", value=value))
    return Number(say("numbers.named"), None, value, note, change, spoken, trend, spelt)


def _number(
    result: Result,
    label: str,
    grade: int | None,
    value: str,
    note: str,
    pick: Callable[[Row], int | None],
    sign: Callable[[int], str],
) -> Number:
    trend = _trend(result, pick)
    change, spoken = _change(result, pick, sign)
    show = words.size if sign is words.signed_size else words.number
    return Number(label, grade, value, note, change, spoken, trend, _spoken(trend, show))


def _change(result: Result, pick: Callable[[Row], int | None], sign: Callable[[int], str]) -> tuple[str, str]:
    scope, weeks = result.scope, _by_week(result)
    if scope.week not in weeks or scope.previous not in weeks:
        return "", ""
    now, before = pick(weeks[scope.week]), pick(weeks[scope.previous])
    if now is None or before is None or not comparable(result):
        return "", ""
    amount = sign(abs(now - before)).lstrip("+±")
    return sign(now - before), words.on_last_week(now - before, amount)


def _trend(result: Result, pick: Callable[[Row], int | None]) -> tuple[int | None, ...]:
    """One value per week; a week nobody watched is unknown, a watched week without use is 0."""
    rows, watched = _by_week(result), watched_weeks(result)
    values = [pick(rows[week]) if week in rows else 0 if week in watched else None for week in _weeks(result)]
    return tuple(values)


def _spoken(trend: tuple[int | None, ...], show: Callable[[int], str]) -> str:
    values = ", ".join(words.unknown() if v is None else show(v) for v in trend)
    return say("numbers.trend", len(trend), values=values)


def _weeks(result: Result) -> list[date]:
    """Mondays of the trend: the last twelve weeks, not before the lake's first."""
    scope = result.scope
    first = min(max(scope.oldest, scope.earliest), scope.previous)
    return [first + timedelta(days=7 * n) for n in range((scope.week - first).days // 7 + 1)]


def _by_week(result: Result) -> dict[date, Row]:
    return {row["week"]: row for row in result.rows("totals")}


def _nothing(result: Result) -> str:
    return "0" if result.scope.week in watched_weeks(result) else words.unknown()
