"""A Security Intelligence list (DNS or URL) of Cisco Secure Firewall; there a name includes all below it.

Plain text, one entry a line, comments behind #:
https://docs.manage.security.cisco.com/cdfmc/c_custom_security_intelligence_lists_2.html
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield from (entry.value for entry in selection.entries)


TARGET = Target(
    "cisco-ftd",
    "Cisco Secure Firewall (Security Intelligence)",
    _render,
    modes=("block", "allow"),
    widens=True,
    notes=(
        "a name includes all below it here, so single hosts were checked as if they did",
        "as a list or feed: Objects > Security Intelligence > DNS (or URL) Lists and Feeds; save it as .txt",
        "then name it under Block or Do Not Block in a DNS policy, or in an access control policy",
    ),
)
