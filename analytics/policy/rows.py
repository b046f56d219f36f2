"""Compiles a policy into rows that SQL joins with use. Pure.

A statement with several services or departments becomes one row per combination. A function of the caller
turns names of people in exceptions into tokens, so that rows contain tokens only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import polars as pl

from analytics.policy.read import LIMITS, SCOPES, SELECTORS, Policy, Statement

_KEYS = (*SELECTORS, *SCOPES)
_MATCH: dict[str, Any] = {key: pl.Int64 if key == "risk_at_least" else pl.String for key in _KEYS}
POLICY: dict[str, Any] = {
    "kind": pl.String, "line": pl.Int64, "precedence": pl.Int64, **_MATCH, "scope": pl.String,
    "status": pl.String, "amount": pl.Int64, "hour_from": pl.Int64, "hour_to": pl.Int64,
    "countries": pl.String, "owner": pl.String, "reason": pl.String, "review": pl.Date,
    "policy_version": pl.String,
}  # fmt: skip
EXCEPTIONS: dict[str, Any] = {
    "exception": pl.String, "line": pl.Int64, **_MATCH, "scope": pl.String, "for_people": pl.Boolean,
    "owner": pl.String, "reason": pl.String, "expires": pl.Date, "policy_version": pl.String,
}  # fmt: skip
PEOPLE: dict[str, Any] = {"exception": pl.String, "subject": pl.String}

#: Account → its tokens, one per key epoch.
Tokens = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Compiled:
    """A policy as frames with the columns above, and its `version`."""

    version: str
    policy: pl.DataFrame
    exceptions: pl.DataFrame
    exception_people: pl.DataFrame

    def frames(self) -> dict[str, pl.DataFrame]:
        """The frames by the name of their mart."""
        return {
            "policy": self.policy,
            "exceptions": self.exceptions,
            "exception_people": self.exception_people,
        }


def compiled(policy: Policy, tokens: Tokens) -> Compiled:
    """The rows of `policy`; `tokens` maps people in exceptions to tokens."""
    rules = [row for one in policy.of("status", "limits", "residency", "never") for row in _rows(one, policy)]
    if policy.owner:
        rules.append(_owner(policy))
    excused = [row for one in policy.of("exceptions") for row in _exception(one, policy)]
    people = sorted(
        (one.values["id"], token)
        for one in policy.of("exceptions")
        for name in one.values.get("people", ())
        for token in tokens(name)
    )
    return Compiled(
        policy.version,
        pl.DataFrame(rules, schema=POLICY, orient="row"),
        pl.DataFrame(excused, schema=EXCEPTIONS, orient="row"),
        pl.DataFrame(people, schema=PEOPLE, orient="row"),
    )


def _rows(statement: Statement, policy: Policy) -> Iterator[dict[str, Any]]:
    values = statement.values
    common = {
        "line": statement.line,
        "precedence": statement.precedence,
        "owner": values.get("owner") or policy.owner,
        "reason": values.get("reason"),
        "review": values.get("review"),
        "policy_version": policy.version,
    }
    for aspect in _aspects(statement):
        for where in _expanded(statement):
            yield dict.fromkeys(POLICY) | common | where | aspect


def _owner(policy: Policy) -> dict[str, Any]:
    """The default owner, for use that no statement matches."""
    common = {"kind": "owner", "scope": "all", "owner": policy.owner, "policy_version": policy.version}
    return dict.fromkeys(POLICY) | common


def _aspects(statement: Statement) -> Iterator[dict[str, Any]]:
    values = statement.values
    if statement.section == "status":
        yield {"kind": "status", "status": values["status"]}
    elif statement.section == "residency":
        yield {"kind": "residency", "countries": ",".join(sorted(values["countries"]))}
    elif statement.section == "never":
        yield {"kind": "never"}
    for limit in (limit for limit in LIMITS if limit in values):
        aspect: dict[str, Any] = {"kind": limit}
        if limit == "hours":
            aspect |= {"hour_from": values[limit][0], "hour_to": values[limit][1]}
        elif limit != "programs":
            aspect |= {"amount": values[limit]}
        yield aspect


def _exception(statement: Statement, policy: Policy) -> Iterator[dict[str, Any]]:
    values = statement.values
    for where in _expanded(statement):
        yield where | {
            "exception": values["id"],
            "line": statement.line,
            "for_people": bool(values.get("people")),
            "owner": values["owner"],
            "reason": values["reason"],
            "expires": values["expires"],
            "policy_version": policy.version,
        }


def _expanded(statement: Statement) -> Iterator[dict[str, Any]]:
    """One set of columns per combination of the values of a statement."""
    named = {**statement.match, **statement.where}
    for chosen in product(*(named.get(key, (None,)) for key in _KEYS)):
        found = dict(zip(_KEYS, chosen, strict=True))
        scopes = [f"{key}={found[key]}" for key in SCOPES if found[key] is not None]
        yield found | {"scope": ", ".join(scopes) or "all"}
