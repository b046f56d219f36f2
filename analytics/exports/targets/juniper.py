"""A URL category of Junos web filtering, as set commands (security utm custom-objects)."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    objects = "set security utm custom-objects"
    name = f"shadowai-{selection.mode}"
    for entry in selection.entries:
        for scheme in ("http", "https"):
            yield f'{objects} url-pattern {name} value "{scheme}://{entry.value}"'
            if entry.kind == "suffix":
                yield f'{objects} url-pattern {name} value "{scheme}://*.{entry.value}"'
    yield f"{objects} custom-url-category {name} value {name}"


TARGET = Target("juniper", "Junos (SRX)", _render, modes=("block", "allow"))
