"""Content policy language of Symantec (Blue Coat) ProxySG.

ProxySG Content Policy Language Guide, url=: url.host is exact unless told otherwise, url.domain compares
whole labels from the right; define condition: lines are joined by "or".
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target

_ACTIONS = {"block": "exception(policy_denied)", "allow": "allow"}


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    condition = f"shadowai_{selection.mode}"
    yield f"define condition {condition}"
    for entry in selection.entries:
        yield f"  {'url.domain' if entry.kind == 'suffix' else 'url.host'}={entry.value}"
    yield "end"
    yield "<Proxy>"
    yield f"  condition={condition} {_ACTIONS[selection.mode]}"


TARGET = Target("bluecoat", "ProxySG (CPL)", _render, comment=";", modes=("block", "allow"))
