"""The sentence first: who sent how much where, what is moving, and how much we could see."""

from __future__ import annotations

from analytics.render import words
from analytics.render.words import PEOPLE, Noun
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.rest import holds_most, moves_most, rest
from analytics.reports.weekly.seeing import Seeing, comparable

#: Said of a week whose uploads changed by less than a fiftieth.
STEADY = "Uploads hardly changed"


def verdict(result: Result, seen: Seeing) -> tuple[str, str]:
    """(the claim, printed bold; the rest). Never says that nothing happened where nobody watched."""
    if seen.blind:
        return "We cannot tell: no sensor reported this week.", _leftover(result)
    lead, tail = _claim(result, seen)
    return lead, " ".join(part for part in (tail, _moving(result), _sight(seen)) if part)


def _leftover(result: Result) -> str:
    if _totals(result) is None:
        return "What happened on the network is unknown."
    return "The figures below come from records without any coverage beside them."


def _claim(result: Result, seen: Seeing) -> tuple[str, str]:
    total = _totals(result)
    if total is None or (not total["services"] and (total["grade"] or 0) < 3):
        return "We saw no exchange with an AI service in what we watched.", ""
    who = _who(total, result.facts.k, counted(result), hedge=bool(seen.doubts or seen.ahead))
    services = words.plural(total["services"], "AI service")
    if total["bytes_up"] is None:
        amount = words.size(None, total["people_hidden"])
        return f"{who} used {services}", f"; how much was sent is {amount}."
    sent = words.size_range(total["bytes_up"], total["bytes_up_max"])
    return f"{who} sent {sent} to {services}", _most_of_it(result, total)


def _who(total: Row, k: int, noun: Noun, *, hedge: bool) -> str:
    if total["people_hidden"]:
        return f"Fewer than {k} {noun.many}"
    if total["people"] is None:
        return f"An unknown number of {noun.many}"
    # "At least" is about people nobody watched; addresses may be fewer people than their count.
    least = "At least " if hedge and noun == PEOPLE else ""
    return f"{least}{words.plural(total['people'], noun.one, noun.many)}"


def _most_of_it(result: Result, total: Row) -> str:
    ranked = [s for s in result.rows("services") if s["seen"] and s["bytes_up"]]
    if len(ranked) > 1 and 2 * ranked[0]["bytes_up"] > total["bytes_up"]:
        return f", most of it to {ranked[0]['service']}."
    if holds_most(result):
        left = rest(result)
        part = words.share(left.bytes_up or 0, total["bytes_up"])
        figures = "hidden figures" if left.hidden == left.services else "hidden or unknown figures"
        return f", {part} of it to {words.plural(left.services, 'service')} with {figures}."
    if len(ranked) > 3 and leads(ranked, total["bytes_up"]):
        part = words.share(sum(s["bytes_up"] for s in ranked[:3]), total["bytes_up"])
        return f", {part} of it to {words.listing([s['service'] for s in ranked[:3]])}."
    return "."


def leads(ranked: list[Row], total: int) -> bool:
    """True where the first three services lead for sure: what is hidden is less than the third."""
    hidden = total - sum(s["bytes_up"] for s in ranked)
    return bool(hidden < ranked[2]["bytes_up"])


def _moving(result: Result) -> str:
    scope = result.scope
    if scope.week == scope.earliest:
        return "This is the first week watched, so nothing can be called new or growing."
    new = [r["service"] for r in result.rows("changes") if r["change"] == "first seen"]
    if comparable(result, scope.week, scope.previous):
        movement = _growth(_totals(result), _total_of(result, previous=True))
        if movement and movement != STEADY and moves_most(result):
            where = "there too" if holds_most(result) else "at services with hidden or unknown figures"
            movement += f", mostly {where}"
    else:
        movement = "Last week was watched differently, so no growth is stated"
    if not new:
        return f"{movement}." if movement else ""
    if not movement:
        return f"New this week: {words.listing(new, 2)}."
    return f"{movement}; {words.listing(new, 2)} {'is' if len(new) == 1 else 'are'} new."


def _growth(now: Row | None, before: Row | None) -> str:
    if now is None or before is None or now["bytes_up"] is None or before["bytes_up"] is None:
        return ""
    change = now["bytes_up"] - before["bytes_up"]
    if before["bytes_up"] and now["bytes_up"] >= 2 * before["bytes_up"]:
        return f"Uploads more than doubled, by {words.size(change)}"
    if abs(change) * 50 < before["bytes_up"]:
        return STEADY
    return f"Uploads {'rose' if change > 0 else 'fell'} by {words.size(abs(change))}"


def _sight(seen: Seeing) -> str:
    if seen.doubts:
        return f"We cannot tell {words.listing(seen.doubts[:2])}."
    if seen.ahead:
        return f"The week is not over: {words.plural(len(seen.ahead), 'day')} to come."
    if seen.flows:
        return f"We could name {words.share(seen.named, seen.flows)} of connections."
    return ""


def _totals(result: Result) -> Row | None:
    return _total_of(result, previous=False)


def _total_of(result: Result, *, previous: bool) -> Row | None:
    week = result.scope.previous if previous else result.scope.week
    return next((row for row in result.rows("totals") if row["week"] == week), None)
