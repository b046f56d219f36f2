"""Sets of nftables: networks that a vendor owns alone. Names are not for a packet filter.

Block only: what one chain accepts, a chain of another table still drops (nft(8), VERDICT STATEMENT).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    # made anew each time: loading a table adds to one of the same name, so rules would double and networks
    # that left the list would stay
    yield "table inet shadowai"
    yield "delete table inet shadowai"
    yield "table inet shadowai {"
    for version in (4, 6):
        found = [e for e in selection.entries if ipaddress.ip_network(e.value).version == version]
        yield f"  set vendors{version} {{"
        yield f"    type ipv{version}_addr; flags interval; auto-merge"
        if found:
            yield f"    elements = {{ {', '.join(entry.value for entry in found)} }}"
        yield "  }"
    yield "  chain forward {"
    yield "    type filter hook forward priority filter; policy accept;"
    for version, word in ((4, "ip"), (6, "ip6")):
        yield f"    {word} daddr @vendors{version} counter reject"
    yield "  }"
    yield "}"


TARGET = Target(
    "nftables",
    "nftables",
    _render,
    says=frozenset({"address"}),
    notes=("only networks that a vendor owns; names need DNS: see rpz, unbound, dnsmasq",),
)
