"""The verdict that the page begins with: who sent how much where, what is changing, and how much was seen."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.render import words
from analytics.render.language import say
from analytics.render.words import PEOPLE, Noun
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted, counted_at_any_grade
from analytics.reports.weekly.coverage import Coverage, comparable, mute_sources
from analytics.reports.weekly.rest import holds_most, moves_most, rest

#: Statuses of services that nobody has approved, but perhaps for some.
UNAPPROVED = ("unsanctioned", "under_review", "unreviewed")
#: Number of doubts in the verdict; the others are listed below it.
SAID_FIRST = 2


def verdict(result: Result, seen: Coverage, due: int = 0) -> tuple[str, str]:
    """The claim, which is printed bold, and the rest. Never says that nothing happened if no sensor watched.

    `due` is the number of decisions asked for below.
    """
    if seen.blind:
        return say("verdict.blind"), _leftover(result)
    lead, tail = _claim(result, seen)
    asked = say("verdict.due", due) if due else ""
    return lead, " ".join(filter(None, (tail, _moving(result), asked, _visibility(seen))))


def _leftover(result: Result) -> str:
    if _totals(result) is None:
        return say("verdict.blind_all")
    return say("verdict.blind_records")


def _claim(result: Result, seen: Coverage) -> tuple[str, str]:
    total = _totals(result)
    if total is None or seen.nothing:
        who = counted_at_any_grade(result).count(n) if total and (n := total["people_any_grade"]) else ""
        if seen.lookups_only:
            asked = [row["service"] for row in result.rows("services") if row["seen"]]
            return say("verdict.cannot_tell", what=seen.doubts[0]), _looked_up(asked, who)
        nothing = say("verdict.too_little" if seen.too_little else "verdict.nothing")
        if seen.no_names or seen.no_amounts:
            nothing = say("verdict.cannot_tell", what=say(f"doubt.{'names' if seen.no_names else 'amounts'}"))
        return nothing, say("verdict.seen_only", who=who) if who else ""
    who = _who(total, result.facts.k, counted(result), hedge=bool(seen.doubts or seen.ahead))
    if total["bytes_up"] is None:
        amount = words.size(None, words.withheld(total))
        return say("verdict.used", total["services"], who=who), say("verdict.amount_untold", amount=amount)
    sent = words.size_range(total["bytes_up"], total["bytes_up_max"])
    if mute_sources(result):
        sent = say("verdict.least_sent", amount=words.size(total["bytes_up"]))
    claim = say("verdict.sent", total["services"], who=who, amount=sent)
    lead = _unapproved(result, claim)
    return (lead, _where_most_went(result, total)) if lead else (claim, _most_of_it(result, total))


def _looked_up(services: list[str], who: str) -> str:
    if not services:
        return ""
    named = words.listing(services)
    if not who:
        return say("verdict.looked_up", len(services), services=named)
    return say("verdict.looked_up_by", len(services), services=named, who=who)


def _who(total: Row, k: int, noun: Noun, *, hedge: bool) -> str:
    if total["people_hidden"]:
        return say("verdict.fewer", k=k, noun=noun.many)
    if total["people"] is None:
        return say("verdict.unknown_number", noun=noun.many)
    # "At least" refers to people outside the coverage. Several addresses may be one person, so it is not said
    # of them.
    count = noun.count(total["people"])
    return say("verdict.least", count=count) if hedge and noun == PEOPLE else count


def _most_of_it(result: Result, total: Row) -> str:
    ranked, of = _by_bytes(result), _of(result, "verdict.of_it")
    if one := _holder_of_most(ranked, total):
        return say("verdict.most", of=of, service=one)
    if holds_most(result):
        left = rest(result)
        part = words.share(left.bytes_up or 0, total["bytes_up"])
        key = "verdict.to_hidden" if left.hidden == left.services else "verdict.to_untold"
        return say(key, left.services, share=part, of=of)
    if len(ranked) > 3 and leads(ranked, total["bytes_up"]):
        part = words.share(sum(s["bytes_up"] for s in ranked[:3]), total["bytes_up"])
        three = words.listing([s["service"] for s in ranked[:3]])
        return say("verdict.to_three", share=part, of=of, services=three)
    return "."


def _where_most_went(result: Result, total: Row) -> str:
    """A separate sentence for the case that one service, or the hidden rest, has most of the bytes."""
    of = _of(result, "verdict.of_total")
    if one := _holder_of_most(_by_bytes(result), total):
        return f". {say('verdict.most_went', of=of, service=one)}"
    if not holds_most(result):
        return "."
    left = rest(result)
    key = "verdict.most_hidden" if left.hidden == left.services else "verdict.most_untold"
    return f". {say(key, of=of, share=words.share(left.bytes_up or 0, total['bytes_up']))}"


def _of(result: Result, whole: str) -> str:
    """What a share is one of: `whole`, or if some amounts are unknown, the measured ones alone."""
    return say("verdict.of_measured" if mute_sources(result) else whole)


def _by_bytes(result: Result) -> list[Row]:
    """The services something was sent to, as the report ranks them."""
    return [row for row in result.rows("services") if row["seen"] and row["bytes_up"]]


def _holder_of_most(ranked: Sequence[Row], total: Row) -> str | None:
    """The service, one of several, that got more than half of what was sent, also if all sensors saw
    something different; None if there is none."""
    if len(ranked) < 2 or 2 * ranked[0]["bytes_up"] <= (total["bytes_up_max"] or total["bytes_up"]):
        return None
    return str(ranked[0]["service"])


def _unapproved(result: Result, claim: str) -> str:
    """`claim`, with the known part that went to services nobody approved; '' without a policy."""
    if not result.rows("policies"):
        return ""
    apps = {
        row["app"]
        for row in result.rows("statuses")
        if row["status"] in UNAPPROVED and not row["allowed_for_some"]
    }
    rows = [row for row in result.rows("services") if row["app"] in apps and in_use(row["grade"])]
    sent = sum(row["bytes_up"] or 0 for row in rows)
    if not sent:
        return ""
    is_least = any(row["bytes_up"] is None for row in rows)
    key = "verdict.unapproved_least" if is_least else "verdict.unapproved"
    return say(key, len(rows), sent=claim, amount=words.size(sent))


def leads(ranked: list[Row], total: int) -> bool:
    """True if the top three services lead for certain: everything hidden is less than the third."""
    hidden = total - sum(s["bytes_up"] for s in ranked)
    return bool(hidden < ranked[2]["bytes_up"])


def _moving(result: Result) -> str:
    scope = result.scope
    if scope.week == scope.earliest:
        return say("verdict.first_week")
    new = [r["service"] for r in result.rows("changes") if r["change"] == "first seen"]
    if comparable(result):
        movement = _growth(_totals(result), result.of_week("totals", scope.previous))
        if movement and movement != say("verdict.steady") and moves_most(result):
            key = "verdict.where_there" if holds_most(result) else "verdict.where_untold"
            movement = say(key, movement=movement)
    else:
        movement = say("verdict.otherwise")
    if not new:
        return f"{movement}." if movement else ""
    if not movement:
        return say("verdict.new", services=words.listing(new, 2))
    return say("verdict.and_new", len(new), movement=movement, services=words.listing(new, 2))


def _growth(now: Row | None, before: Row | None) -> str:
    if now is None or before is None or now["bytes_up"] is None or before["bytes_up"] is None:
        return ""
    change = now["bytes_up"] - before["bytes_up"]
    if before["bytes_up"] and now["bytes_up"] >= 2 * before["bytes_up"]:
        return say("verdict.doubled", amount=words.size(change))
    if abs(change) * 50 < before["bytes_up"]:
        return say("verdict.steady")
    return say("verdict.rose" if change > 0 else "verdict.fell", amount=words.size(abs(change)))


def _visibility(seen: Coverage) -> str:
    if doubts := seen.unsaid[:SAID_FIRST]:
        return say("verdict.cannot_tell", what=words.listing(doubts))
    if seen.ahead:
        return say("verdict.not_over", len(seen.ahead))
    if seen.flows:
        return say("verdict.named", share=words.share(seen.named, seen.flows))
    return ""


def _totals(result: Result) -> Row | None:
    return result.of_week("totals", result.scope.week)
