"""A destination list of Cisco Umbrella; there a domain always includes all below it."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield from (entry.value for entry in selection.entries)


TARGET = Target(
    "umbrella",
    "Cisco Umbrella destination lists",
    _render,
    modes=("block", "allow"),
    widens=True,
    notes=(
        "a domain includes all below it here, so single hosts were checked as if they did",
        "take the comment lines out before an upload: grep -v '^#'",
    ),
)
