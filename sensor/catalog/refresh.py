"""The catalog of a sensor that runs for months: read anew when its files have changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensor.catalog.cache import Stamp, stamp
from sensor.catalog.load import BUILT_IN, Catalog, load


class Refresher:
    """Remembers what the files looked like; reading them is left to the moment they look different."""

    def __init__(self, catalog: Catalog, overlays: Sequence[Path], cache: Path | None = None) -> None:
        """`catalog` is what `overlays` and `cache` gave `load` just now."""
        self.catalog = catalog
        self._overlays, self._cache = tuple(overlays), cache
        self._seen = self._stamp()

    def look(self, *, again: bool = False) -> Catalog | None:
        """The new catalog if its files changed and say something else; None if not.

        Raises CatalogError for one with mistakes, once for each change, and keeps the old one; with
        `again` it is read although its files look the same.
        """
        stamps = self._stamp()
        if stamps == self._seen and not again:
            return None
        self._seen = stamps
        fresh = load(*self._overlays, cache=self._cache)
        if fresh.version == self.catalog.version:
            return None
        self.catalog = fresh
        return fresh

    def _stamp(self) -> Stamp:
        return stamp((BUILT_IN, *self._overlays))
