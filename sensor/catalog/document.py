"""A YAML file as plain data that still knows on which line each value stands.

Entries are written by hand, so the reader is strict: one document of mappings, no key twice (YAML
would silently keep the last), no anchors or aliases (they hide what an entry says, and a few lines
of them expand to gigabytes), bounded size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from sensor.catalog.problem import Level, Problem

#: Far above the longest honest entry (about 20 KB); below what would be slow to parse.
MAX_BYTES = 256 * 1024
#: An entry needs four levels; the limit keeps hostile nesting off the interpreter's stack.
MAX_DEPTH = 16
#: What keeps hostile nesting off the stack of the parser itself, which is far deeper than this.
MAX_COLUMNS = 256
MAX_BRACKETS = 4096

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]

#: What stands in a line before its first text: indentation, and marks of lists and keys.
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
    """A file that is not one plain YAML mapping; carries the `Problem`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def parse(path: str, content: bytes) -> Document:
    """The document in `content`; raises `Unreadable` with the place and the remedy."""
    if len(content) > MAX_BYTES:
        raise Unreadable(Problem(path, 1, f"larger than {MAX_BYTES // 1024} KB", "split it into services"))
    try:
        text = content.decode("utf-8")
        if _looks_deep(text):
            raise Unreadable(_too_deep(path, 1))
        loader = Loader(text)
        node = loader.get_single_node()
        lines = dict(_walk(path, node))
        data = loader.construct_document(node) if node is not None else None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(path, line, "not UTF-8 text", "save the file as UTF-8")) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(_syntax_problem(path, error)) from error
    if not isinstance(data, dict):
        raise Unreadable(Problem(path, 1, "not a mapping of fields", "see signatures/README.md for an entry"))
    return Document(path, data, lines)


def _syntax_problem(path: str, error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 1
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(path, line, f"not valid YAML ({what})", "mend the syntax; quote values with ': ' or '#'")


def _too_deep(path: str, line: int) -> Problem:
    return Problem(path, line, "nested too deeply", "see signatures/README.md for an entry")


def _looks_deep(text: str) -> bool:
    """Whether the parser's own recursion could run away: each level in a block needs a column of its own
    before the text of some line, each level in a line a bracket."""
    columns = max(map(len, _BEFORE_TEXT.findall(text)), default=0)
    return columns > MAX_COLUMNS or text.count("[") + text.count("{") > MAX_BRACKETS


def _walk(path: str, root: Any) -> Iterator[tuple[Place, int]]:
    """Places and lines below `root`, in order, refusing repeated keys, aliases and deep nesting."""
    stack: list[tuple[Place, int, Any]] = [((), 1, root)] if root is not None else []
    seen: set[int] = set()
    while stack:
        place, line, node = stack.pop()
        yield place, line
        if id(node) in seen:
            raise Unreadable(Problem(path, line, "YAML alias", "write the value out"))
        seen.add(id(node))
        if len(place) > MAX_DEPTH:
            raise Unreadable(_too_deep(path, line))
        if isinstance(node, yaml.SequenceNode):
            items = list(enumerate(node.value))
            stack.extend(
                ((*place, position), item.start_mark.line + 1, item) for position, item in reversed(items)
            )
        elif isinstance(node, yaml.MappingNode):
            stack.extend(reversed(_fields(path, place, node)))


def _fields(path: str, place: Place, node: yaml.MappingNode) -> list[tuple[Place, int, Any]]:
    """Places, lines of the keys, and values of one mapping."""
    fields: list[tuple[Place, int, Any]] = []
    keys: set[str] = set()
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in keys:
            raise Unreadable(Problem(path, line, f"'{name}' is given twice", "keep one of them"))
        keys.add(name)
        fields.append(((*place, name), line, value))
    return fields
