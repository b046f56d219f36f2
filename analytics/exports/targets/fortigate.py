"""A URL filter of FortiOS as CLI commands (config webfilter urlfilter)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target

_ACTIONS = {"block": "block", "allow": "allow"}


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield "config webfilter urlfilter"
    yield "  edit 0"
    yield f'    set name "shadowai-{selection.mode}"'
    yield "    config entries"
    for number, entry in enumerate(selection.entries, 1):
        yield f"      edit {number}"
        yield f'        set url "{expression(entry.kind, entry.value)}"'
        yield "        set type regex"
        yield f"        set action {_ACTIONS[selection.mode]}"
        yield "      next"
    yield "    end"
    yield "  next"
    yield "end"


def expression(kind: str, value: str) -> str:
    """An expression on host and path, without backslashes: the CLI takes those for its own."""
    host, slash, path = value.partition("/")
    text = re.sub(r"([.+?()])", r"[\1]", host).replace("*", "[^./]+")
    front = "^([^/]*[.])?" if kind == "suffix" else "^"
    if slash:
        return front + text + "/" + re.sub(r"([.+?()*])", r"[\1]", path)
    return f"{front}{text}(:[0-9]+)?(/|$)"


TARGET = Target(
    "fortigate",
    "FortiOS",
    _render,
    says=frozenset({"domain", "suffix", "url", "pattern"}),
    modes=("block", "allow"),
    notes=("name the filter in a web filter profile; paths are seen only with deep inspection",),
)
