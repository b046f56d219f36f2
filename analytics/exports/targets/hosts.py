"""A hosts file (hosts(5)): names a machine resolves itself."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        yield f"0.0.0.0 {entry.value}"
        yield f":: {entry.value}"


TARGET = Target(
    "hosts",
    "hosts files",
    _render,
    narrows=True,
    notes=("a hosts file knows no subdomains: a domain stands for itself only, what is below it stays open",),
)
