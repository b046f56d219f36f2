"""A plain list of domains, one a line, as most firewalls and gateways fetch it by URL."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def domains(selection: Selection, _: Provenance) -> Iterator[str]:
    """Each name; for a suffix also `*.name`, which stands for all names below."""
    for entry in selection.entries:
        yield entry.value
        if entry.kind == "suffix":
            yield f"*.{entry.value}"


TARGET = Target(
    "edl",
    "an external dynamic list of domains",
    domains,
    modes=("block", "allow"),
    notes=("*.name stands for what is below name; a bare name for itself",),
)
