"""A filter list for AdGuard Home and Pi-hole: ||name^ is a name and all below it, a bare name that host only.

https://github.com/AdguardTeam/AdGuardHome/wiki/Hosts-Blocklists (adblock-style and domains-only syntax)
https://docs.pi-hole.net/ (ABP-style entries of lists)
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        yield f"||{entry.value}^" if entry.kind == "suffix" else entry.value


TARGET = Target("adguard", "AdGuard Home and Pi-hole", _render)
