"""A URL category of Junos web filtering, as set commands (security utm custom-objects).

Patterns as of 20.4R1, where an asterisk at the head stands for any number of labels, also none:
https://www.juniper.net/documentation/us/en/software/junos/utm/topics/ref/statement/security-edit-url-pattern.html
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    objects = "set security utm custom-objects"
    name = f"shadowai-{selection.mode}"
    for entry in selection.entries:
        pattern = f"*.{entry.value}" if entry.kind == "suffix" else entry.value
        yield f'{objects} url-pattern {name} value "{pattern}"'
    yield f"{objects} custom-url-category {name} value {name}"


TARGET = Target(
    "juniper",
    "Junos (SRX)",
    _render,
    modes=("block", "allow"),
    notes=("for Junos 20.4R1 and later",),
)
