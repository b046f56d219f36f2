"""A URL filter of FortiOS as CLI commands (config webfilter urlfilter).

https://docs.fortinet.com/document/fortigate/7.0.5/cli-reference/395620 (type regex, action)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield "config webfilter urlfilter"
    yield "  edit 0"
    yield f'    set name "shadowai-{selection.mode}"'
    yield "    config entries"
    for number, entry in enumerate(selection.entries, 1):
        yield f"      edit {number}"
        yield f'        set url "{expression(entry.kind, entry.value)}"'
        yield "        set type regex"
        yield f"        set action {selection.mode}"
        yield "      next"
    yield "    end"
    yield "  next"
    yield "end"


def expression(kind: str, value: str, scheme: str = "") -> str:
    """An expression on host and path, behind one for the scheme.

    Without backslashes and question marks: the CLI takes those for its own, and these as calls for help.
    """
    host, slash, path = value.partition("/")
    text = re.sub(r"([.+?()])", r"[\1]", host).replace("*", "[^./]+")
    front = f"^{scheme}([^/]*[.]){{0,1}}" if kind == "suffix" else f"^{scheme}"
    if slash:
        return front + text + "/" + re.sub(r"([.+?()*])", r"[\1]", path)
    return f"{front}{text}(:[0-9]+){{0,1}}(/|$)"


TARGET = Target(
    "fortigate",
    "FortiOS",
    _render,
    says=frozenset({"domain", "suffix", "url", "pattern"}),
    modes=("block", "allow"),
    notes=(
        "name the filter in a web filter profile; paths are seen only with deep inspection",
        "a second paste makes a second filter: delete the first, or put its number for 0",
    ),
)
