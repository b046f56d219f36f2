"""The catalog of a sensor that runs for months: read anew when its files have changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensor.catalog.load import BUILT_IN, Catalog, load
from sensor.catalog.read import places


class Refresher:
    """Remembers what the files looked like; reading them is left to the moment they look different."""

    def __init__(self, catalog: Catalog, overlays: Sequence[Path], cache: Path | None = None) -> None:
        """`catalog` is what `overlays` and `cache` gave `load` just now."""
        self.catalog = catalog
        self._overlays, self._cache = tuple(overlays), cache
        self._seen = self._stamps()

    def look(self, *, again: bool = False) -> Catalog | None:
        """The new catalog if its files changed and say something else; None if not.

        Raises CatalogError for one with mistakes, once for each change, and keeps the old one; with
        `again` it is read although its files look the same.
        """
        stamps = self._stamps()
        if stamps == self._seen and not again:
            return None
        self._seen = stamps
        fresh = load(*self._overlays, cache=self._cache)
        if fresh.version == self.catalog.version:
            return None
        self.catalog = fresh
        return fresh

    def _stamps(self) -> list[tuple[str, int, int]]:
        """Path, time of the last change and size of every file; one that just vanished has no size."""
        return [_stamp(path) for folder in (BUILT_IN, *self._overlays) for path in places(folder)]


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), status.st_mtime_ns, status.st_size
