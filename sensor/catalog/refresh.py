"""Reloads the catalog of a long-running sensor when its files change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensor.catalog.cache import Stamp, stamp
from sensor.catalog.load import BUILT_IN, Catalog, load


class Refresher:
    """Remembers what the files look like, and reads them only if they look different."""

    def __init__(self, catalog: Catalog, overlays: Sequence[Path], cache: Path | None = None) -> None:
        """`catalog` must be the result of `load(*overlays, cache=cache)`."""
        self.catalog = catalog
        self._overlays, self._cache = tuple(overlays), cache
        self._seen = self._stamp()

    def look(self, *, again: bool = False) -> Catalog | None:
        """The new catalog if the files have changed, and with them the content; otherwise None.

        With `again`, files are read even if they look the same. Raises CatalogError if the new catalog has
        mistakes, once per change.
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
