"""Writes a selection as the text of one file: first where it comes from, then the lines of the target.
Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from analytics.exports.interface import Provenance, Selection, Target

#: Values shown for one reason and service before the rest is counted.
_SHOWN = 4


def write(target: Target, selection: Selection, provenance: Provenance) -> str:
    """The whole file, ending with a newline."""
    return "".join((*comments(target, selection, provenance), *entries(target, selection, provenance)))


def comments(target: Target, selection: Selection, provenance: Provenance) -> Iterator[str]:
    """The header as comment lines, each with its newline."""
    for line in header(target, selection, provenance):
        yield f"{target.comment} {line}".rstrip() + "\n"


def entries(target: Target, selection: Selection, provenance: Provenance) -> Iterator[str]:
    """The lines in the target's format, each with its newline."""
    yield from (f"{line}\n" for line in target.render(selection, provenance))


def header(target: Target, selection: Selection, provenance: Provenance) -> Iterator[str]:
    """Provenance, expiry, notes, warnings and what was left out; lines without a comment sign."""
    what = "blocks" if selection.mode == "block" else "allows"
    yield f"shadowai export {target.name}: {what} AI services for {target.title}"
    yield f"catalog {provenance.catalog_version}, policy {provenance.policy_version}"
    yield f"asked: {provenance.asked}"
    yield f"made {provenance.made_at:%Y-%m-%d %H:%M} UTC; make it again after {provenance.expires:%Y-%m-%d}"
    counts = f"services {len(selection.apps)}, entries {len(selection.entries)}"
    yield f"{counts}; indicators left out {len(selection.left_out)}"
    yield from target.notes
    yield from (f"warning: {text}" for text in selection.warnings)
    yield from (f"left out: {text}" for text in left_out(selection))


def left_out(selection: Selection) -> Iterator[str]:
    """One line per service and reason: a few values, and how many more."""
    ordered = sorted(selection.left_out, key=lambda one: (one.app, one.reason, one.value))
    for (app, reason), group in groupby(ordered, key=lambda one: (one.app, one.reason)):
        values = [one.value for one in group]
        more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        yield f"{app}: {', '.join(values[:_SHOWN])}{more}: {reason}"
