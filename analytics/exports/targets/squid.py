"""Access lists of Squid (squid.conf: acl dstdomain, dstdom_regex, dst)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target

_ACLS = {"domain": "names", "suffix": "names", "pattern": "patterns", "address": "networks"}
_TYPES = {"names": "dstdomain -n", "patterns": "dstdom_regex -n -i", "networks": "dst -n"}


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    used = []
    for entry in selection.entries:
        acl = _ACLS[entry.kind]
        yield f"acl shadowai_{selection.mode}_{acl} {_TYPES[acl]} {_value(entry.kind, entry.value)}"
        used.append(acl)
    verb = "deny" if selection.mode == "block" else "allow"
    for acl in dict.fromkeys(used):
        yield f"http_access {verb} shadowai_{selection.mode}_{acl}"


def _value(kind: str, value: str) -> str:
    if kind == "suffix":
        return f".{value}"
    if kind == "pattern":
        return "^" + "[^.]+".join(re.escape(part) for part in value.split("*")) + "$"
    return value


TARGET = Target(
    "squid",
    "Squid",
    _render,
    says=frozenset({"domain", "suffix", "pattern", "address"}),
    modes=("block", "allow"),
    notes=(
        "include this file behind the http_access lines that deny ports, before those that let clients out",
        "an allow list lets out whoever asks: say http_access deny !localnet before it",
        "an intercepting Squid sees names only with ssl_bump peek",
    ),
)
