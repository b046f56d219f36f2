"""A custom application of Check Point, as one call of mgmt_cli (Management API: add application-site).

Expressions are matched against the whole URL, scheme included:
https://sc1.checkpoint.com/documents/R81.10/SmartConsole_OLH/EN/Topics-OLH/rPg4e-5enPIZIsIglRw45w2.htm
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target
from analytics.exports.targets.fortigate import expression

_SCHEME = "(https{0,1}://){0,1}"


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield f'mgmt_cli add application-site name "shadowai-{selection.mode}" \\'
    yield '  primary-category "Custom_Application_Site" urls-defined-as-regular-expression true \\'
    last = len(selection.entries)
    for number, entry in enumerate(selection.entries, 1):
        end = "" if number == last else " \\"
        yield f"  url-list.{number} '{expression(entry.kind, entry.value, _SCHEME)}'{end}"


TARGET = Target(
    "checkpoint",
    "Check Point (mgmt_cli)",
    _render,
    says=frozenset({"domain", "suffix", "pattern", "url"}),
    modes=("block", "allow"),
    notes=(
        "use the application in an access rule; names are seen with HTTPS inspection or categorisation",
        "where it is there already, say set instead of add: its list is replaced",
    ),
)
