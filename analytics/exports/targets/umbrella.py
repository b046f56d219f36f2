"""A destination list of Cisco Umbrella; there a domain always includes all below it.

https://www.cisco.com/c/en/us/support/docs/security/umbrella/224711-understand-destination-list-supported.html
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import NO_COMMENTS, Provenance, Selection, Target


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
        "a destination list of a web policy takes 5,000 entries; for DNS policies that many are recommended",
        NO_COMMENTS,
    ),
)
