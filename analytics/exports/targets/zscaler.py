"""URLs of a custom category of Zscaler Internet Access; a leading dot stands for all below."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        yield f".{entry.value}" if entry.kind == "suffix" else entry.value


TARGET = Target(
    "zscaler",
    "Zscaler custom URL categories",
    _render,
    says=frozenset({"domain", "suffix", "url"}),
    modes=("block", "allow"),
    notes=(
        "paths are seen only with SSL inspection",
        "take the comment lines out before an upload: grep -v '^#'",
    ),
)
