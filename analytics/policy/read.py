"""Parses a policy file into statements with line numbers, and reports every mistake with a remedy. Pure.

In: YAML text. Out: a `Policy`. An unknown key, word or unit is a mistake, never guessed. All mistakes of a
file are reported together (`PolicyMistakes`), each as `file:line: what; remedy`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import yaml

#: Statuses of a service.
STATUSES = ("sanctioned", "tolerated", "under_review", "restricted", "unsanctioned", "embedded_watch")
#: Selectors of services, the most specific first. The order is the minor part of the precedence.
SELECTORS = ("app", "vendor", "category", "access", "risk_at_least", "country")
#: Scopes of people, the most specific first. The order is the major part of the precedence.
SCOPES = ("segment", "department", "site")
#: Limits that a statement of `limits` may set.
LIMITS = ("bytes_up_per_day", "sessions_per_day", "hours", "programs")
#: Keys of each section besides selectors and scopes: key → whether it is required.
SECTIONS: dict[str, dict[str, bool]] = {
    "status": {"status": True, "owner": False, "reason": False, "review": False},
    "limits": {**dict.fromkeys(LIMITS, False), "owner": False, "reason": False, "review": False},
    "residency": {"countries": True, "owner": False, "reason": False, "review": False},
    "never": {"reason": True, "owner": False, "review": False},
    "exceptions": {"id": True, "owner": True, "reason": True, "expires": True, "people": False},
}
#: Words that reports and settings use → the key that is meant.
_MEANT = {
    "service": "app", "domain": "app", "host": "app", "subnet": "segment", "network": "segment",
    "user": "people", "until": "expires",
}  # fmt: skip
_TOP = ("version", "owner", *SECTIONS)
_SIZE = re.compile(r"(\d{1,18}(?:\.\d+)?)\s*(B|kB|MB|GB)")
_LARGEST_SIZE = 10**18
_UNITS = {"B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_HOURS = re.compile(r"([01]\d|2[0-3]):00-([01]\d|2[0-4]):00")
_COUNTRY = re.compile(r"[A-Z]{2}")
#: Part of an error message of the YAML parser → remedy.
_REMEDIES = {
    "'\\t'": "indent with spaces, not tabs",
    "quoted scalar": "close the quotation mark",
    "flow mapping": "put commas between its keys and `}` at its end, and text with `: ` or commas in quotes",
    "flow sequence": "close it with `]`",
    "that cannot start any token": "put the text in quotes",
    "mapping values are not allowed": "check indentation, and put text with `: ` in quotes",
    "undefined alias": "put text that begins with * in quotes",
    "expected alphabetic or numeric character": "put text that begins with * or & in quotes",
    "another document": "keep one policy a file, without `---`",
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a policy, or a warning (`fatal` is False): location, what is wrong, remedy."""

    place: str
    what: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.remedy}"


class PolicyMistakes(Exception):
    """The file is not a valid policy. `problems` are all mistakes, `policy` has the valid entries."""

    def __init__(self, problems: Sequence[Problem], policy: Policy | None = None) -> None:
        self.problems = tuple(problems)
        self.policy = policy
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True, slots=True)
class Statement:
    """One entry: `match` selects services, `where` selects people, `values` applies to them."""

    section: str
    line: int
    match: dict[str, tuple[Any, ...]]
    where: dict[str, tuple[str, ...]]
    values: dict[str, Any]

    @property
    def precedence(self) -> int:
        """Sort key: the highest value decides; of equal ones, the first statement. Scopes outweigh
        selectors."""
        return sum(1 << (len(SELECTORS) + len(SCOPES) - 1 - SCOPES.index(key)) for key in self.where) + sum(
            1 << (len(SELECTORS) - 1 - SELECTORS.index(key)) for key in self.match
        )


@dataclass(frozen=True)
class Policy:
    """A parsed policy; findings carry its `version`."""

    place: str
    version: str
    owner: str | None = None
    statements: tuple[Statement, ...] = field(default=())

    def of(self, *sections: str) -> tuple[Statement, ...]:
        """The statements of `sections`, in the order of the file."""
        return tuple(statement for statement in self.statements if statement.section in sections)


def read(text: str, place: str, version: str) -> Policy:
    """Parses the policy in `text`; `place` is its name in messages. Raises PolicyMistakes."""
    reader = _Reader(place)
    root = reader.compose(text)
    top = reader.mapping(root, "the policy") if root is not None else {}
    for key, (line, _) in top.items():
        if key not in _TOP:
            reader.unknown(line, key, _TOP)
    if "version" in top:
        line, node = top["version"]
        if _plain(node) != 1:
            reader.problem(line, "unknown version", "this release reads `version: 1`")
    elif isinstance(root, yaml.MappingNode) or not reader.problems:
        reader.problem(1, "no version", "begin with `version: 1`")
    owner = reader.text(top["owner"][1], "owner") if "owner" in top else None
    statements = [
        statement for name in SECTIONS if name in top for statement in reader.section(name, top[name][1])
    ]
    reader.unique_ids(statements)
    policy = Policy(place, version, owner, tuple(statements))
    if reader.problems:
        raise PolicyMistakes(by_line(reader.problems), policy)
    return policy


def by_line(problems: Iterable[Problem]) -> list[Problem]:
    """`problems` in the order of the file."""
    return sorted(problems, key=lambda problem: int(problem.place.rsplit(":", 1)[1]))


class _Reader:
    """Walks the nodes of a YAML document, which have line numbers, and collects mistakes."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.problems: list[Problem] = []

    def problem(self, line: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(f"{self.place}:{line}", what, remedy))

    def unknown(self, line: int, key: object, known: Sequence[str], what: str = "key") -> None:
        meant = _MEANT.get(str(key))
        near = [meant] if meant in known else difflib.get_close_matches(str(key), known, 1)
        remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        if (word := _first_word(key)) in known:
            remedy = "put a space after the colon" if ":" in str(key) else f"put a colon behind {word}"
        self.problem(line, f"unknown {what} {key!r}", remedy)

    def compose(self, text: str) -> yaml.Node | None:
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            what = error.problem or error.context or ""
            is_open = "quoted scalar" in (error.context or "") or "flow" in (error.context or "")
            mark = (error.context_mark if is_open else None) or error.problem_mark or error.context_mark
            remedies = (remedy for sign, remedy in _REMEDIES.items() if sign in f"{error.context} {what}")
            remedy = next(remedies, "check indentation and quotes")
            self.problem(mark.line + 1 if mark else 1, f"not YAML: {what}", remedy)
        except RecursionError:
            self.problem(1, "nested too deeply", "write it like the example of `shadowai policy init`")
        except yaml.YAMLError as error:
            line = text[: getattr(error, "position", 0)].count("\n") + 1
            what = str(error).splitlines()[0]
            self.problem(line, f"not YAML: {what}", "remove that character, and save the file as UTF-8 text")
        return None

    def mapping(self, node: yaml.Node, what: str) -> dict[str, tuple[int, yaml.Node]]:
        """key → (line, value node); reports a node that is no mapping, and duplicate keys."""
        if not isinstance(node, yaml.MappingNode):
            self.problem(_line(node), f"{what} must be keys and values", "write `key: value`")
            return {}
        found: dict[str, tuple[int, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problem(_line(key), "a key must be a word", "write `key: value`")
                continue
            name = str(key.value)
            if name in found:
                first = found[name][0]
                self.problem(_line(key), f"{name} stands twice", f"keep one; the other is on line {first}")
            found[name] = (_line(key), value)
        return found

    def section(self, name: str, node: yaml.Node) -> Iterator[Statement]:
        if isinstance(node, yaml.ScalarNode) and node.value == "":
            return
        if not isinstance(node, yaml.SequenceNode):
            self.problem(_line(node), f"{name} must be a list", "begin each entry with `- `")
            return
        for entry in node.value:
            before = len(self.problems)
            statement = self.statement(name, entry)
            if len(self.problems) == before:
                yield statement

    def statement(self, section: str, node: yaml.Node) -> Statement:
        fields = self.mapping(node, f"an entry of {section}")
        if not isinstance(node, yaml.MappingNode):
            return Statement(section, _line(node), {}, {}, {})
        allowed = SECTIONS[section]
        match: dict[str, tuple[Any, ...]] = {}
        where: dict[str, tuple[str, ...]] = {}
        values: dict[str, Any] = {}
        for key, (line, value) in fields.items():
            if key == "risk_at_least":
                match[key] = (self.number(value, key, 0, 100),)
            elif key in SELECTORS:
                match[key] = tuple(self.texts(value, key))
            elif key in SCOPES:
                where[key] = tuple(self.texts(value, key))
            elif key in allowed:
                values[key] = self.value(key, value)
            else:
                self.unknown(line, key, (*SELECTORS, *SCOPES, *allowed))
        keys = {_first_word(key) for key in fields}  # where only the colon is wrong, that is one mistake
        for key in (key for key, needed in allowed.items() if needed and key not in keys):
            self.problem(_line(node), f"an entry of {section} needs {key}", f"add `{key}: …`")
        if section == "limits" and fields and not any(limit in fields for limit in LIMITS):
            self.problem(_line(node), "a limit without a limit", f"add one of {', '.join(LIMITS)}")
        if section in ("status", "never") and not any(key in fields for key in SELECTORS):
            self.problem(_line(node), "says nothing about which service", f"add {', '.join(SELECTORS)}")
        if section == "exceptions" and not {*SELECTORS, *SCOPES, "people"} & set(fields):
            remedy = "say which service (app, vendor …), where (department …) or which people"
            self.problem(_line(node), "excuses everybody from everything", remedy)
        return Statement(section, _line(node), match, where, values)

    def value(self, key: str, node: yaml.Node) -> Any:
        reader: dict[str, Callable[[yaml.Node], Any]] = {
            "status": self.status,
            "bytes_up_per_day": self.size,
            "sessions_per_day": lambda value: self.number(value, key, 0, 1_000_000),
            "hours": self.hours,
            "programs": self.programs,
            "countries": self.countries,
            "review": lambda value: self.day(value, key),
            "expires": lambda value: self.day(value, key),
            "people": lambda value: tuple(self.texts(value, key)),
            "id": self.identifier,
        }
        own = reader.get(key)
        return own(node) if own else self.text(node, key)

    def text(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL or not node.value.strip():
            self.problem(_line(node), f"{key} must be text", f"write `{key}: some words`")
            return ""
        return str(node.value).strip()

    def texts(self, node: yaml.Node, key: str) -> list[str]:
        """One text, or a list of them."""
        if isinstance(node, yaml.SequenceNode):
            if not node.value:
                self.problem(_line(node), f"{key} is empty", "name one, or leave the key out")
            return [self.text(item, key) for item in node.value]
        return [self.text(node, key)]

    def status(self, node: yaml.Node) -> str:
        word = self.text(node, "status").replace(" ", "_").replace("-", "_")
        if word and word not in STATUSES:
            self.unknown(_line(node), word, STATUSES, "status")
        return word

    def number(self, node: yaml.Node, key: str, low: int, high: int) -> int:
        found = _plain(node)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            self.problem(_line(node), f"{key} must be a whole number", f"between {low} and {high}")
            return 0
        return found

    def size(self, node: yaml.Node) -> int:
        text = node.value if isinstance(node, yaml.ScalarNode) else "a list"
        found = size_of(text)
        if found is None:
            self.problem(_line(node), f"{text!r} is no size", "write it like 200 kB, 5 MB or 1 GB")
        return found or 0

    def hours(self, node: yaml.Node) -> tuple[int, int]:
        written = node.value if isinstance(node, yaml.ScalarNode) else "a list"
        parts = _HOURS.fullmatch(written)
        if not parts or int(parts[1]) == int(parts[2]):
            self.problem(
                _line(node), f"hours: {written!r} is no span", 'write them like "07:00-20:00", whole hours'
            )
            return (0, 24)
        return int(parts[1]), int(parts[2])

    def programs(self, node: yaml.Node) -> bool:
        if _plain(node) is not False:
            self.problem(_line(node), "programs can only be ruled out", "write `programs: false`")
        return False

    def countries(self, node: yaml.Node) -> tuple[str, ...]:
        found = self.texts(node, "countries")
        for country in found:
            if not _COUNTRY.fullmatch(country):
                self.problem(_line(node), f"{country!r} is no country", "ISO 3166-1 alpha-2, such as DE")
        return tuple(found)

    def day(self, node: yaml.Node, key: str) -> date:
        written = node.value if isinstance(node, yaml.ScalarNode) else "a list"
        try:
            return datetime.strptime(written, "%Y-%m-%d").date()
        except ValueError:
            self.problem(_line(node), f"{key}: {written!r} is no day", f"write `{key}: 2027-03-31`")
            return date.max

    def identifier(self, node: yaml.Node) -> str:
        text = self.text(node, "id")
        if not _ID.fullmatch(text):
            self.problem(_line(node), f"{text!r} is no id", "letters, digits, dots and dashes, such as EX-7")
        return text

    def unique_ids(self, statements: Sequence[Statement]) -> None:
        seen: dict[str, int] = {}
        for statement in (one for one in statements if one.section == "exceptions"):
            name = statement.values["id"]
            if name in seen:
                self.problem(statement.line, f"exception {name} stands twice", f"see line {seen[name]}")
            seen[name] = statement.line


def size_of(text: object) -> int | None:
    """Number of bytes in a text such as '200 kB', or in a number; else, or where no column holds it, None."""
    parts = _SIZE.fullmatch(str(text))
    found = int(float(parts[1]) * _UNITS[parts[2]]) if parts else text
    if not isinstance(found, int) or isinstance(found, bool) or found > _LARGEST_SIZE:
        return None
    return found


def _first_word(key: object) -> str:
    """The intended key in a scalar with a colon without space, or a space without colon."""
    return re.split("[: ]", str(key), maxsplit=1)[0]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _plain(node: yaml.Node) -> Any:
    """The value of a scalar node as YAML reads it; None for other nodes."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_object(node)
    except (yaml.YAMLError, ValueError):
        return None
    finally:
        constructor.dispose()
