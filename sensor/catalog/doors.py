"""Adds indicators for hosts below a vendor's own domain whose first label shows their use (`api.`, `app.`).
Pure.

A whole domain listed as `access: site` covers help pages, and would also cover the API that nobody has
listed yet. A host `api.`, `app.` or `console.` of that domain is no help page. So, unless an indicator names
that host, one is added with certainty `convention`, which `explain` shows and exports leave out. This is not
done for products whose main use is not AI, nor where a host of the domain is named that also serves other
things, because there the label says nothing about AI. (A shared `suffix` holds what users built.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace

from sensor.catalog.entry import Claim, Entry

#: The access class of a vendor's own pages; only there, the first label adds information.
SITE = "site"
CONVENTION = "convention"
#: The category of products whose main use is not AI.
EMBEDDED = "embedded"


def with_doors(
    entries: Iterable[Entry], labels: Mapping[str, str], taken: Set[str] = frozenset()
) -> Iterator[Entry]:
    """`entries` with claims for each of `labels` (first label → access class) of their sites.

    Hosts that an entry names, or that are in `taken`, get none.
    """
    entries = list(entries)
    named = taken | {
        claim.value for entry in entries for claim in entry.claims if claim.kind in ("domain", "suffix")
    }
    for entry in entries:
        added = tuple(claim for claim in _doors(entry, labels) if claim.value not in named)
        yield replace(entry, claims=(*entry.claims, *added)) if added else entry


def _doors(entry: Entry, labels: Mapping[str, str]) -> Iterator[Claim]:
    if entry.category == EMBEDDED:
        return
    mixed = tuple(claim.value for claim in entry.claims if claim.shared and claim.kind == "domain")
    for claim in entry.claims:
        own = f".{claim.value}"
        if claim.kind == "suffix" and claim.access == SITE and not any(host.endswith(own) for host in mixed):
            for label, access in labels.items():
                host = f"{label}.{claim.value}"
                yield replace(claim, kind="domain", value=host, access=access, certainty=CONVENTION)
