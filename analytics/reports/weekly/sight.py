"""What the sensors can see, in three columns: with confidence, sometimes, not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import LEAST_TIED, tied
from analytics.reports.weekly.remedy import lookups_only
from analytics.reports.weekly.seeing import LEAST_NAMED, Seeing, eye_name, eye_of

#: A packet sensor is trusted for the week from this share of its minutes on.
_STEADY = 0.95

#: What no network shows in any week; keys among the strings.
_STANDING = ("sight.contents", "sight.hidden_names", "sight.away")
#: Columns of coverage that tell what hides names or spoils them.
_HINDRANCES = ("ech", "encrypted_dns", "quic_unparsed", "malformed")


@dataclass(frozen=True, slots=True)
class Sight:
    """Three lists of plain sentences."""

    confident: tuple[str, ...]
    sometimes: tuple[str, ...]
    never: tuple[str, ...]


def sight(result: Result, seen: Seeing) -> Sight:
    """The columns for the week."""
    steady = [eye for eye in seen.eyes if _is_steady(eye, seen)]
    partial = [eye for eye in seen.eyes if eye not in steady]
    people = _attribution(result)
    named = say("sight.named", share=words.share(seen.named, seen.flows)) if seen.flows else ""
    named_well = seen.named >= LEAST_NAMED * seen.flows
    confident = [
        *(_eye(eye, seen) for eye in steady),
        named if named_well else "",
        *people.confident,
        _blocked(result),
        _nobodies(result),
    ]
    sometimes = [
        *(_eye(eye, seen) for eye in partial),
        "" if named_well else named,
        *people.sometimes,
        *_hindrances(seen),
    ]
    return Sight(
        tuple(filter(None, confident)),
        tuple(filter(None, sometimes)),
        (*people.never, *_missing(result, seen), *map(say, _STANDING)),
    )


def _is_steady(eye: Row, seen: Seeing) -> bool:
    if eye["kind"] == "packets":
        watched = seen.minutes[eye_of(eye)] >= _STEADY * seen.hours * 60
        return watched and 100 * (eye["kernel_drops"] or 0) <= (eye["packets"] or 0)
    return bool(24 * eye["days"] >= seen.hours and 100 * (eye["rejected"] or 0) <= (eye["records"] or 0))


def _eye(eye: Row, seen: Seeing) -> str:
    name = eye_name(eye)
    if eye["kind"] == "packets":
        minutes = seen.minutes[eye_of(eye)]
        hours = words.number(minutes // 60) if minutes >= 60 else f"<{words.THIN}1"
        days = say("count.days", eye["days"])
        text = say("sight.hours", name=name, hours=hours, of=seen.hours, days=days)
        if not eye["packets"]:
            return text
        drops = eye["kernel_drops"] or 0
        packets = words.rough(eye["packets"] + drops)
        return f"{text}; {say('sight.dropped', drops=words.rough(drops), packets=packets)}"
    text = say("sight.days", name=name, days=words.number(eye["days"]), of=seen.hours // 24)
    if eye["records"]:
        text = f"{text}; {say('sight.records', eye['records'])}"
    return f"{text}, {say('sight.unusable', eye['rejected'])}" if eye["records"] and eye["rejected"] else text


def _attribution(result: Result) -> Sight:
    """How many connections are tied to a person, and what the rest is counted by."""
    row = tied(result)
    if row is None or not row["connections"]:
        return Sight((), (), ())
    part, whole = row["attributed_connections"], row["connections"]
    if part is None:
        return Sight((), (say("sight.people_unknown"), say("sight.addresses")), ())
    if part == 0:
        return Sight((), (), (say("sight.people_none"), say("sight.addresses")))
    share = words.share(part, whole)
    if part < LEAST_TIED * whole:
        return Sight((), (say("sight.tied", share=share), say("sight.addresses")), ())
    return Sight((say("sight.tied" if part == whole else "sight.tied_rest", share=share),), (), ())


def _blocked(result: Result) -> str:
    rows = result.rows("blocked")
    if not rows:
        return ""
    known = [r["attempts"] for r in rows if r["attempts"] is not None]
    names = words.listing([r["service"] for r in rows], 2)
    if not known:
        return say("sight.refused_untold", services=names)
    key = "sight.refused_least" if len(known) < len(rows) else "sight.refused"
    return say(key, sum(known), services=names)


def _nobodies(result: Result) -> str:
    """What is in no figure of the page, so that nobody looks for it there."""
    rows = result.rows("nobodies")
    if not rows:
        return ""
    known = [r["bytes_up"] for r in rows if r["bytes_up"] is not None]
    services = len({r["app"] for r in rows})
    if not known:
        return say("sight.nobodies_used", services)
    return say("sight.nobodies_sent", services, amount=words.size(sum(known)))


def _hindrances(seen: Seeing) -> Iterator[str]:
    for column in _HINDRANCES:
        if total := sum(eye[column] or 0 for eye in seen.eyes):
            yield say(f"sight.{column}", total)
    if seen.one_sided:
        yield say("sight.one_sided", share=words.share(seen.one_sided, seen.flows))


def _missing(result: Result, seen: Seeing) -> Iterator[str]:
    if seen.lookups_only:
        yield lookups_only(result)
    if len(seen.dark) == 7:
        yield say("sight.dark_week")
    elif seen.dark:
        yield say("sight.dark", days=words.listing([words.weekday(d) for d in seen.dark], 7))
    for sensor in result.rows("silent"):
        site, since = sensor["site"] or say("sight.no_site"), sensor["since"]
        if since is not None and since > result.scope.sunday:
            day = f"{words.day_name(since)} {since.year}"
            yield say("sight.later", sensor=sensor["sensor"], site=site, day=day)
        else:
            yield say("sight.silent", sensor=sensor["sensor"], site=site)
    for source in result.rows("source_bytes"):
        if source["connections"] and not source["knows_bytes_up"]:
            yield say("sight.no_bytes", sensor=source["sensor"], source=source["source"])
    possible = [r["service"] for r in result.rows("embedded_possible")]
    if possible:
        yield say("sight.embedded", services=words.listing(possible))
