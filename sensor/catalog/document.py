"""Parses a YAML file to plain data, with the line of each value for error messages.

Entries are written by hand, so the reader is strict: one document of mappings, no key twice (YAML
would silently keep the last), no anchors or aliases (they hide what an entry says, and a few lines
of them expand to gigabytes), bounded size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from sensor.catalog.files import MAX_BYTES
from sensor.catalog.problem import Level, Problem

#: An entry needs four levels. The limit protects the interpreter's stack from hostile nesting.
MAX_DEPTH = 16
#: The limit that protects the stack of the YAML parser itself, which allows far more.
MAX_COLUMNS = 256
MAX_BRACKETS = 4096

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]

_TEXT, _SEQUENCE, _MAPPING = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))

#: The beginning of a line before its first text: indentation, and marks of lists and keys.
_BEFORE_TEXT = re.compile(r"^[ \t?:-]+", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """The data of one file, and the line of every key and list item."""

    path: str
    data: dict[str, Any]
    lines: dict[Place, int] = field(repr=False, default_factory=dict)

    def line(self, place: Sequence[str | int]) -> int:
        """Line of the value at `place` (keys and list positions), or of its nearest parent."""
        for end in range(len(place), 0, -1):
            found = self.lines.get(tuple(place[:end]))
            if found is not None:
                return found
        return 1

    def problem(self, place: Sequence[str | int], what: str, remedy: str, level: Level = "error") -> Problem:
        """A `Problem` at the line of `place`."""
        return Problem(self.path, self.line(place), what, remedy, level)


class Unreadable(Exception):
    """Raised for a file that is not a single, plain YAML mapping; carries the `Problem`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def parse(path: str, content: bytes) -> Document:
    """The document in `content`. Raises Unreadable, with place and remedy."""
    if len(content) > MAX_BYTES:
        raise Unreadable(Problem(path, 1, f"larger than {MAX_BYTES // 1024} KB", "split it into services"))
    try:
        text = content.decode("utf-8")
        if _looks_deep(text):
            raise Unreadable(_too_deep(path, 1))
        loader = Loader(text)
        node = loader.get_single_node()
        builder = _Builder(path, loader)
        data = builder.build(node, (), 1) if node is not None else None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(path, line, "not UTF-8 text", "save the file as UTF-8")) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable(_syntax_problem(path, error)) from error
    if not isinstance(data, dict):
        raise Unreadable(Problem(path, 1, "not a mapping of fields", "see signatures/README.md for an entry"))
    return Document(path, data, builder.lines)


def _syntax_problem(path: str, error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 1
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(path, line, f"not valid YAML ({what})", "fix the syntax; quote values with ': ' or '#'")


def _too_deep(path: str, line: int) -> Problem:
    return Problem(path, line, "nested too deeply", "see signatures/README.md for an entry")


def _looks_deep(text: str) -> bool:
    """Whether the parser's own recursion could run away: each level in a block needs a column of its own
    before the text of some line, each level in a line a bracket."""
    columns = max(map(len, _BEFORE_TEXT.findall(text)), default=0)
    return columns > MAX_COLUMNS or text.count("[") + text.count("{") > MAX_BRACKETS


class _Builder:
    """Plain data from YAML nodes, and the line of each value; about twice as fast as PyYAML's own.

    Raises `Unreadable` for repeated keys, aliases and deep nesting, and YAMLError for odd tags.
    """

    def __init__(self, path: str, loader: Any) -> None:
        self.lines: dict[Place, int] = {}
        self._path, self._loader = path, loader
        self._seen: set[int] = set()

    def build(self, node: Any, place: Place, line: int) -> Any:
        """The value of `node`, whose place is `place`."""
        self.lines[place] = line
        if id(node) in self._seen:
            raise Unreadable(Problem(self._path, line, "YAML alias", "write the value out"))
        self._seen.add(id(node))
        if len(place) > MAX_DEPTH:
            raise Unreadable(_too_deep(self._path, line))
        if node.tag == _SEQUENCE:
            items = enumerate(node.value)
            return [self.build(item, (*place, at), item.start_mark.line + 1) for at, item in items]
        return self._mapping(node, place) if node.tag == _MAPPING else self._plain(node)

    def _mapping(self, node: Any, place: Place) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        for key, value in node.value:
            name, line = self._plain(key), key.start_mark.line + 1
            if name in data:
                raise Unreadable(Problem(self._path, line, f"'{name}' is given twice", "keep one of them"))
            data[name] = self.build(value, (*place, str(key.value)), line)
        return data

    def _plain(self, node: Any) -> Any:
        """A scalar; anything else here (a list as a key, a tag of its own) is for PyYAML to refuse."""
        if node.tag == _TEXT:
            return node.value
        try:
            return self._loader.construct_object(node, deep=True)
        except ValueError as error:
            what = f"'{node.value}' is no date or number ({error})"
            line = node.start_mark.line + 1
            raise Unreadable(Problem(self._path, line, what, "correct it, or quote it")) from error
