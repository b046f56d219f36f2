"""Checks a policy against the catalog: unknown names, statements without effect, expired dates. Pure."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from analytics.policy.read import LIMITS, Policy, Problem, Statement, by_line

#: Statuses that let a service be used.
ALLOWING = ("sanctioned", "tolerated", "under_review")
#: Common country codes that are not ISO 3166-1.
_NO_COUNTRIES = {
    "UK": "did you mean GB?", "EL": "did you mean GR?", "EU": "list its members, such as [DE, FR, IE]"
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """Names that a policy may use: services (rows of the catalog), access classes, and names by scope.

    A scope without known names is not checked. `pooled` are departments of fewer than `k` people.
    """

    services: Sequence[Mapping[str, Any]]
    access: AbstractSet[str] = frozenset()
    places: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    pooled: AbstractSet[str] = frozenset()
    k: int = 0


def check(policy: Policy, known: Known, today: date) -> list[Problem]:
    """All problems of `policy` in order of lines; `today` determines what has expired."""
    found = [
        *unknown(policy, known),
        *_countries(policy, known),
        *_run_together(policy, known),
        *_pooled(policy, known),
        *_overlapping(policy, known),
        *_ruled_out(policy, known),
        *_run_out(policy, today),
    ]
    return by_line(found)


def apps_of(statement: Statement, known: Known) -> frozenset[str]:
    """Ids of the services that a statement selects, in any access class."""
    return frozenset(row["app"] for row in known.services if is_about(statement, row))


def named(service: str, known: Known) -> str | None:
    """Id of the only service with that name, ignoring case; else None."""
    found = [row["app"] for row in known.services if str(row.get("service")).lower() == service.lower()]
    return str(found[0]) if len(found) == 1 else None


def is_about(statement: Statement, service: Mapping[str, Any]) -> bool:
    """True if the statement selects a service (a row of the catalog), in any access class."""
    for key, wanted in statement.match.items():
        if key == "risk_at_least":
            if service.get("risk_low") is None or service["risk_low"] < wanted[0]:
                return False
        elif key != "access" and service.get(key) not in wanted:
            return False
    return True


def unknown(policy: Policy, known: Known) -> Iterator[Problem]:
    """Problems of names that the catalog, or a scope with known names, does not have."""
    names: dict[str, AbstractSet[str]] = {
        key: {str(row[key]) for row in known.services if row.get(key)}
        for key in ("app", "vendor", "category")
    }
    names["access"] = known.access
    for statement in policy.statements:
        place = f"{policy.place}:{statement.line}"
        for key, wanted in statement.match.items():
            for name in wanted if names.get(key) else ():
                if name not in names[key]:
                    others = (other for other in names if other != key and name in names[other])
                    other = next(others, None)
                    remedy = f"it is a {other}: write `{other}: {name}`" if other else ""
                    if key == "app" and (app := named(name, known)):
                        remedy = f"did you mean {app}?"
                    yield Problem(
                        place, f"no {key} {name!r} in the catalog", remedy or _near(name, names[key], key)
                    )
        for key, wanted in statement.where.items():
            for name in wanted if known.places.get(key) else ():
                if name not in known.places[key]:
                    yield Problem(place, f"no {key} {name!r} is known", _near(name, known.places[key], key))


def _countries(policy: Policy, known: Known) -> Iterator[Problem]:
    """Problems of countries: invalid codes, and countries without a vendor in the catalog."""
    import pytz

    ours = {str(row["country"]) for row in known.services if row.get("country")}
    codes = ours | set(pytz.country_names)
    for statement in policy.statements:
        place = f"{policy.place}:{statement.line}"
        selected = statement.match.get("country", ())
        for code in (*selected, *statement.values.get("countries", ())):
            if code not in codes:
                remedy = _NO_COUNTRIES.get(code, "ISO 3166-1 alpha-2, such as DE")
                if code.upper() in codes:
                    remedy = f"did you mean {code.upper()}?"
                yield Problem(place, f"{code!r} is no country", remedy)
            elif code in selected and ours and code not in ours:
                what = f"no vendor of the catalog has its head office in {code}"
                yield Problem(place, what, "keep it for those to come, or remove it", fatal=False)


def _run_together(policy: Policy, known: Known) -> Iterator[Problem]:
    """Warnings about names nobody can check that look like a list without its brackets, or like a network."""
    for statement in policy.statements:
        given = {**statement.where, "people": statement.values.get("people", ())}
        for key, names in given.items():
            for name in names if not known.places.get(key) else ():
                if key == "segment" and _is_network(name):
                    remedy = "write the name it has in `segments` of the settings, or in the file of subnets"
                    place = f"{policy.place}:{statement.line}"
                    yield Problem(place, f"segment {name!r} is a network, no name", remedy, fatal=False)
                if ", " in name:
                    remedy = f"if these are several, write `{key}: [{name}]`"
                    place = f"{policy.place}:{statement.line}"
                    yield Problem(place, f"{key} {name!r} is one name", remedy, fatal=False)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _pooled(policy: Policy, known: Known) -> Iterator[Problem]:
    """Warnings about departments so small that their people are stored as those of `other`."""
    for statement in policy.statements:
        for name in statement.where.get("department", ()):
            if name in known.pooled:
                what = f"department {name!r} has fewer than {known.k} people, who are stored without it"
                remedy = "the line never applies to them; an exception can name `people`"
                yield Problem(f"{policy.place}:{statement.line}", what, remedy, fatal=False)


def _near(name: str, names: AbstractSet[str], key: str) -> str:
    by_lower = {candidate.lower(): candidate for candidate in sorted(names)}
    vendor, slash, _ = name.lower().partition("/")
    ours = [candidate for candidate in by_lower if slash and candidate.startswith(f"{vendor}/")]
    near = difflib.get_close_matches(name.lower(), ours, 1) or ours[: len(ours) == 1]
    near = near or difflib.get_close_matches(name.lower(), by_lower, 1)
    if near:
        return f"did you mean {by_lower[near[0]]}?"
    by_end = [candidate for candidate in sorted(names) if candidate.lower().endswith(f"/{name.lower()}")]
    if by_end:
        return f"did you mean {by_end[0]}?"
    return "search with `shadowai catalog search`" if key == "app" else "check the spelling"


def _overlapping(policy: Policy, known: Known) -> Iterator[Problem]:
    """Problems of statements that never decide, and of contradictory statements of equal precedence."""
    for kind, statements in _by_kind(policy).items():
        order = sorted(statements, key=lambda one: (-one.precedence, one.line))
        about = {id(one): apps_of(one, known) for one in order}
        for number, statement in enumerate(order):
            if not about[id(statement)]:
                continue
            before = [one for one in order[:number] if _reaches(one, statement)]
            taken = frozenset().union(*(about[id(one)] for one in before))
            place = f"{policy.place}:{statement.line}"
            if about[id(statement)] <= taken:
                lines = sorted({one.line for one in before if about[id(one)] & about[id(statement)]})
                first = f"{_lines(lines)} come{'s' if len(lines) == 1 else ''} first"
                if "app" in statement.match or any(_covers(one, statement) for one in before):
                    remedy = "remove it, or give it a narrower scope"
                    yield Problem(place, f"never decides anything: {first}", remedy)
                else:  # a future service of the catalog may be the first one that it covers
                    what = f"decides about no service of this catalog: {first}"
                    yield Problem(place, what, "keep it for services to come, or remove it", fatal=False)
                continue
            for one in before:
                both = about[id(one)] & about[id(statement)]
                if (
                    both
                    and one.precedence == statement.precedence
                    and _says(one, kind) != _says(statement, kind)
                ):
                    yield Problem(
                        place,
                        f"{min(both)} is decided on line {one.line} too, and differently; that line wins",
                        "name the service in one of them only",
                    )


def _ruled_out(policy: Policy, known: Known) -> Iterator[Problem]:
    """Problems of statements that allow or excuse what must never be used, and so have no effect."""
    never = [(one, apps_of(one, known)) for one in policy.of("never")]
    for statement in policy.of("status", "exceptions"):
        status = statement.values.get("status")
        if statement.section == "status" and status not in ALLOWING:
            continue
        about = apps_of(statement, known)
        reaching = [(one, apps) for one, apps in never if about & apps and _reaches(one, statement)]
        if about and about <= frozenset().union(*(apps for _, apps in reaching)):
            rules = _lines(sorted(one.line for one, _ in reaching))
            what = "excuses nothing" if status is None else f"is {status} in vain"
            yield Problem(
                f"{policy.place}:{statement.line}",
                f"{what}: `never` on {rules} holds whatever else is said",
                "remove one of them, or give `never` a narrower scope",
            )


def _by_kind(policy: Policy) -> dict[str, list[Statement]]:
    kinds: dict[str, list[Statement]] = {}
    for statement in policy.of("status", "residency"):
        kinds.setdefault(statement.section, []).append(statement)
    for statement in policy.of("limits"):
        for limit in (limit for limit in LIMITS if limit in statement.values):
            kinds.setdefault(limit, []).append(statement)
    return kinds


def _reaches(first: Statement, second: Statement) -> bool:
    """True if the access class and scope of `first` include those of `second`."""
    if "access" in first.match and not set(second.match.get("access", ())) <= set(first.match["access"]):
        return False
    if "access" in first.match and "access" not in second.match:
        return False
    return all(
        key in second.where and set(second.where[key]) <= set(names) for key, names in first.where.items()
    )


def _covers(first: Statement, second: Statement) -> bool:
    """True if `first` selects every service that `second` selects, with any catalog."""
    for key, names in first.match.items():
        wanted = second.match.get(key)
        if wanted is None:
            return False
        inside = wanted[0] >= names[0] if key == "risk_at_least" else set(wanted) <= set(names)
        if not inside:
            return False
    return True


def _says(statement: Statement, kind: str) -> Any:
    return statement.values.get({"residency": "countries"}.get(kind, kind))


def _lines(lines: Sequence[int]) -> str:
    words = ", ".join(str(line) for line in lines)
    return f"line {words}" if len(lines) == 1 else f"lines {words}"


def _run_out(policy: Policy, today: date) -> Iterator[Problem]:
    """Warnings about expired dates, which are not mistakes of the file."""
    for statement in policy.statements:
        place = f"{policy.place}:{statement.line}"
        expires, review = statement.values.get("expires"), statement.values.get("review")
        if expires is not None and expires < today:
            what = f"exception {statement.values['id']} expired on {expires}"
            yield Problem(place, what, "remove it, or renew it with a new reason", fatal=False)
        if review is not None and review < today:
            yield Problem(place, f"review was due on {review}", "review it and set the next day", fatal=False)
