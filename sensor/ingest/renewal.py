"""Puts a changed catalog into use in a process that runs for long."""

from __future__ import annotations

from collections.abc import Callable

from sensor.catalog.refresh import Refresher
from sensor.errors import CatalogError
from sensor.ingest.installation import Installation


class CatalogRenewal:
    """Notices that the catalog of an installation has changed on disk."""

    def __init__(self, installation: Installation, tell: Callable[[str], None]) -> None:
        """`tell` is called with lines for the user."""
        self._installation = installation
        self._tell = tell
        self._refresher = Refresher(
            installation.catalog, installation.settings.signatures, installation.state / "catalog"
        )

    def look(self, *, again: bool = False) -> bool:
        """Load the catalog if it changed; True if it did. A faulty one is reported, and the old one stays.

        With `again`, files are read even if they look the same, and the user is told if nothing is new.
        """
        try:
            fresh = self._refresher.look(again=again)
        except CatalogError as error:
            first, *others = str(error).splitlines()
            more = f" (and {len(others)} more)" if others else ""
            self._tell(f"BAD CATALOG, {self._installation.catalog.version} stays in use: {first}{more}")
            return False
        if fresh is None:
            if again:
                self._tell(f"catalog {self._installation.catalog.version}: nothing new")
            return False
        self._installation.use(fresh)
        self._tell(f"catalog {fresh.version} from now on")
        return True
