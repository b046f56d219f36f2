"""URLs of a custom category of Zscaler Internet Access.

A leading dot stands for the name and five levels below it; one URL with a capital refuses them all:
https://help.zscaler.com/zia/url-format-guidelines
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import NO_COMMENTS, Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        yield f".{entry.value}" if entry.kind == "suffix" else entry.value.lower()


TARGET = Target(
    "zscaler",
    "Zscaler custom URL categories",
    _render,
    says=frozenset({"domain", "suffix", "url"}),
    modes=("block", "allow"),
    notes=(
        "paths are seen only with SSL inspection",
        NO_COMMENTS,
    ),
)
