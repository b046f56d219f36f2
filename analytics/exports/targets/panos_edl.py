"""An external dynamic list of type URL List for PAN-OS; comments are documented for lists of addresses only.

https://docs.paloaltonetworks.com/network-security/security-policy/administration/objects/external-dynamic-lists/formatting-guidelines-for-an-external-dynamic-list
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import NO_COMMENTS, Provenance, Selection, Target
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
    notes=(NO_COMMENTS,),
)
