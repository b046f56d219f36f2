"""A filter list for AdGuard Home and Pi-hole (ABP-style domain rules; a bare name is that host only)."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        yield f"||{entry.value}^" if entry.kind == "suffix" else entry.value


TARGET = Target("adguard", "AdGuard Home and Pi-hole", _render)
