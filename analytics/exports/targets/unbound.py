"""Local zones of Unbound (unbound.conf(5): local-zone, local-data)."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield "server:"
    for entry in selection.entries:
        if entry.kind == "suffix":
            yield f'  local-zone: "{entry.value}." always_nxdomain'
        else:
            # a zone would take all below it along; data of its own leaves that alone
            yield f'  local-data: "{entry.value}. 300 IN A 0.0.0.0"'
            yield f'  local-data: "{entry.value}. 300 IN AAAA ::"'


TARGET = Target("unbound", "Unbound", _render)
