"""A response policy zone (draft-vixie-dnsop-dns-rpz), for BIND, PowerDNS Recursor, Knot Resolver, Unbound."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target

#: What the owner's CNAME points at: the root means NXDOMAIN.
_ACTIONS = {"block": ".", "allow": "rpz-passthru."}


def _render(selection: Selection, provenance: Provenance) -> Iterator[str]:
    yield "$TTL 300"
    # a serial must grow and fit 32 bits; minutes since 1970 do
    serial = int(provenance.made_at.timestamp()) // 60
    yield f"@ IN SOA localhost. hostmaster.localhost. {serial} 3600 600 604800 300"
    yield "@ IN NS localhost."
    for entry in selection.entries:
        yield f"{entry.value} IN CNAME {_ACTIONS[selection.mode]}"
        if entry.kind == "suffix":
            yield f"*.{entry.value} IN CNAME {_ACTIONS[selection.mode]}"


TARGET = Target("rpz", "a DNS response policy zone", _render, comment=";", modes=("block", "allow"))
