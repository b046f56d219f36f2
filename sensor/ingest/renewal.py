"""Puts a changed catalog into use in a long-running process."""

from __future__ import annotations

import time
from collections.abc import Callable

from sensor.catalog.refresh import Refresher
from sensor.errors import CatalogError
from sensor.ingest.installation import Installation

#: How often a loop that polls checks the catalog for changes.
CHECK_S = 30.0


class CatalogRenewal:
    """Notices that the catalog of an installation has changed on disk."""

    def __init__(self, installation: Installation, tell: Callable[[str], None]) -> None:
        """`tell` is called with lines for the user."""
        self._installation = installation
        self._tell = tell
        self._asked = False
        self._looked_at = time.monotonic()
        self._refresher = Refresher(
            installation.catalog, installation.settings.signatures, installation.state / "catalog"
        )

    def reload(self) -> None:
        """Let the next `look` read the files even if they look the same, and report if nothing is new.

        May be called from a signal handler.
        """
        self._asked = True

    def is_due(self) -> bool:
        """True if a reload was asked for, or CHECK_S have passed since the last `look`."""
        return self._asked or time.monotonic() - self._looked_at >= CHECK_S

    def look(self) -> bool:
        """Load the catalog if it changed; True if it did. A faulty one is reported, and the old one stays."""
        again, self._asked = self._asked, False
        self._looked_at = time.monotonic()
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
