"""Reads the finding rules (an .sql and a .yml each) and the controls they are evidence for (a .yml each).

Unknown keys are errors, so that a typo does not silently become a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from analytics.definitions import read_sql, read_yaml

RULES = Path(__file__).parent / "rules"
CONTROLS = Path(__file__).parent / "controls"
#: Severities, ascending.
LEVELS = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Budget:
    """The false alarms for which the thresholds of an anomaly rule were set, in weeks without an anomaly."""

    alarms: int
    per: int
    what: str


@dataclass(frozen=True)
class Rule:
    """A kind of finding.

    Its SQL selects rows of evidence with the columns app, scope, subject, day, bytes_up, bytes_up_max,
    sessions, measure, expected, allowed, because, owner, line, review, server, server_port. A rule about
    servers fills in `server`, and `subject` only if the finding is about a person.
    """

    name: str
    title: str
    severity: str
    question: str
    proposal: str
    #: days from the end of the first week of the finding until a decision is due
    due_days: int
    sql: str
    #: relation it reads (judging/1_used.sql); the rule is skipped if that is empty
    of: Literal["used", "servers", "fabric", "models", "policy"] = "used"
    #: the rule only runs if there is a policy
    needs_policy: bool = True
    #: it compares bytes sent
    needs_bytes: bool = False
    #: it looks at servers inside
    needs_inside: bool = False
    #: minimum earlier weeks with use
    history_weeks: int = 0
    #: it compares departments only, which keep their names when the keys of tokens change
    outlasts_keys: bool = False
    budget: Budget | None = None
    #: tests: rows of near_servers, near_models, near_usage, catalog and policy, and the evidence expected
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Control:
    """A control of a framework, and the rules that are evidence for it."""

    framework: str
    edition: str
    control: str
    title: str
    rules: tuple[str, ...]
    #: where the id can be looked up; '' for lists of our own
    reference: str
    #: when id and edition were last checked there (ISO day)
    checked: str


@cache
def load_rules() -> tuple[Rule, ...]:
    """All rules, ordered by name."""
    return tuple(_rule(path) for path in sorted(RULES.glob("*.yml")))


def _rule(path: Path) -> Rule:
    entry: dict[str, Any] = read_yaml(path.read_text("utf-8"))
    if budget := entry.pop("budget", None):
        entry["budget"] = Budget(**budget)
    entry["examples"] = tuple(entry.pop("examples", ()))
    rule = Rule(name=path.stem, sql=read_sql(path), **entry)
    if rule.severity not in LEVELS:
        raise ValueError(f"{path}: severity {rule.severity!r} is none of {', '.join(LEVELS)}")
    return rule


@cache
def load_controls() -> tuple[Control, ...]:
    """All controls of all frameworks, in the order of their files."""
    controls = []
    for path in sorted(CONTROLS.glob("*.yml")):
        entry: dict[str, Any] = read_yaml(path.read_text("utf-8"))
        for control, described in entry["controls"].items():
            reference = entry["reference"].format(control=control)
            one = Control(
                entry["framework"], entry["edition"], control, described["title"],
                tuple(described["rules"]), reference, str(entry["checked"]),
            )  # fmt: skip
            controls.append(one)
    return tuple(controls)
