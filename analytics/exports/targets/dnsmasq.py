"""Addresses of dnsmasq (dnsmasq(8): --address, --host-record)."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    for entry in selection.entries:
        # address=/name/ takes all below it along, so a single host is a record
        yield (
            f"address=/{entry.value}/" if entry.kind == "suffix" else f"host-record={entry.value},0.0.0.0,::"
        )


TARGET = Target(
    "dnsmasq",
    "dnsmasq",
    _render,
    notes=("domains answer NXDOMAIN; single hosts answer 0.0.0.0 and ::, their other records are forwarded",),
)
