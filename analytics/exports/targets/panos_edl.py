"""An external dynamic list of type URL List for PAN-OS."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target
from analytics.exports.targets.panos import urls


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        yield from urls(entry.kind, entry.value)


TARGET = Target(
    "panos-edl",
    "PAN-OS external dynamic lists (URL List)",
    _render,
    says=frozenset({"domain", "suffix", "url"}),
    modes=("block", "allow"),
)
