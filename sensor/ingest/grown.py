"""Finds under which identities a file was read before it grew: as long as it is smaller than HEAD_BYTES, its
identity is another one after each new line."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from sensor.sources.inputs.open import identity
from sensor.sources.interface import HEAD_BYTES
from sensor.store.lake import Lake
from sensor.store.segments import OPENINGS, opening, recorded


class Shorter:
    """The small files that were read before, listed once."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def of(self, head: bytes) -> list[str]:
        """The identities under which a file that begins with `head` was read when it was shorter."""
        openings = {opening(head, position) for position in (0, *OPENINGS)}
        known = [item for text in openings for item in self._by_opening.get(text, {}).items()]
        return [
            name
            for position, names in known
            if position < len(head) and (name := identity(head[:position])) in names
        ]

    @cached_property
    def _by_opening(self) -> dict[str, dict[int, set[str]]]:
        """By opening, then by position: the identities."""
        found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for name, progress in recorded(self._lake):
            if 0 < progress.position < HEAD_BYTES and not progress.files:
                found[progress.opening][progress.position].add(name)
        return found
