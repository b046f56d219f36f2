"""What we can and cannot see, in three columns: with confidence, sometimes, not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import LEAST_TIED, tied
from analytics.reports.weekly.seeing import LEAST_NAMED, Seeing, eye_of

#: A packet sensor is trusted for the week from this share of its minutes on.
_STEADY = 0.95

_ADDRESSES = (
    "Addresses are not people: a laptop with IPv4 and IPv6 counts twice; "
    "give --people or a proxy log with user names"
)

#: Holds for every network and every week.
_STANDING = (
    "What a prompt or file says: amounts are measured, contents are not",
    "Names hidden by Encrypted Client Hello, and lookups inside encrypted DNS",
    "Devices away from the watched networks",
)


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
    named = f"{words.share(seen.named, seen.flows)} of connections have a name" if seen.flows else ""
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
        (*people.never, *_missing(result, seen), *_STANDING),
    )


def _is_steady(eye: Row, seen: Seeing) -> bool:
    if eye["kind"] == "packets":
        watched = seen.minutes[eye_of(eye)] >= _STEADY * seen.hours * 60
        return watched and 100 * (eye["kernel_drops"] or 0) <= (eye["packets"] or 0)
    return bool(24 * eye["days"] >= seen.hours and 100 * (eye["rejected"] or 0) <= (eye["records"] or 0))


def _eye(eye: Row, seen: Seeing) -> str:
    name = f"{eye['sensor']} ({eye['source']})"
    if eye["kind"] == "packets":
        minutes = seen.minutes[eye_of(eye)]
        hours = words.number(minutes // 60) if minutes >= 60 else f"<{words.THIN}1"
        text = f"{name}: {hours} of {seen.hours} hours, {words.plural(eye['days'], 'day')}"
        if eye["packets"]:
            drops = eye["kernel_drops"] or 0
            text += f"; {words.rough(drops)} of {words.rough(eye['packets'] + drops)} packets dropped"
        return text
    text = f"{name}: {words.number(eye['days'])} of {seen.hours // 24} days"
    if eye["records"]:
        text += f"; {words.number(eye['records'])} records"
        text += f", {words.number(eye['rejected'])} unusable" if eye["rejected"] else ""
    return text


def _attribution(result: Result) -> Sight:
    """How many connections are tied to a person, and what the rest is counted by."""
    row = tied(result)
    if row is None or not row["connections"]:
        return Sight((), (), ())
    part, whole = row["attributed_connections"], row["connections"]
    if part is None:
        unknown = "People: how many AI connections are tied to one is hidden or unknown"
        return Sight((), (unknown, _ADDRESSES), ())
    if part == 0:
        return Sight((), (), ("People: no AI connection is tied to one", _ADDRESSES))
    text = f"{words.share(part, whole)} of AI connections tied to a person"
    if part < LEAST_TIED * whole:
        return Sight((), (text, _ADDRESSES), ())
    return Sight((text if part == whole else f"{text}; the rest counts by address",), (), ())


def _blocked(result: Result) -> str:
    rows = result.rows("blocked")
    if not rows:
        return ""
    known = [r["attempts"] for r in rows if r["attempts"] is not None]
    count = words.plural(sum(known), "attempt") if known else "Attempts"
    count = f"At least {count}" if known and len(known) < len(rows) else count
    names = words.listing([r["service"] for r in rows], 2)
    return f"{count} refused ({names}): attempted, not counted as use"


def _nobodies(result: Result) -> str:
    """What is in no figure of the page, so that nobody looks for it there."""
    rows = result.rows("nobodies")
    if not rows:
        return ""
    known = [r["bytes_up"] for r in rows if r["bytes_up"] is not None]
    services = words.plural(len({r["app"] for r in rows}), "service")
    sent = f"sent {words.size(sum(known))} to" if known else "used"
    return f"Machines, service accounts and shared addresses {sent} {services}: counted apart from people"


def _hindrances(seen: Seeing) -> Iterator[str]:
    counted = {
        "ech": "connections hid their name (Encrypted Client Hello)",
        "encrypted_dns": "connections to encrypted DNS resolvers",
        "quic_unparsed": "QUIC connections gave no name",
        "malformed": "frames contradict themselves",
    }
    for column, text in counted.items():
        total = sum(eye[column] or 0 for eye in seen.eyes)
        if total:
            yield f"{words.number(total)} {text}"
    if seen.one_sided:
        yield f"{words.share(seen.one_sided, seen.flows)} of connections seen in one direction only"


def _missing(result: Result, seen: Seeing) -> Iterator[str]:
    if seen.dark:
        yield f"{words.listing([words.weekday(d) for d in seen.dark], 7)}: no sensor reported"
    for sensor in result.rows("silent"):
        yield f"{sensor['sensor']} ({sensor['site'] or 'site unknown'}): silent all week"
    for source in result.rows("source_bytes"):
        if source["connections"] and not source["knows_bytes_up"]:
            yield f"Bytes sent through {source['sensor']}: its {source['source']} records do not carry them"
    possible = [r["service"] for r in result.rows("embedded_possible")]
    if possible:
        names = words.listing(possible)
        yield f"AI inside {names}: possible on shared hosts, listed in the annex, never counted"
