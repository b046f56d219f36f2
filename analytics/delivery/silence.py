"""When each sensor was last heard, and whether it has been silent for too long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb

#: no alert for sensors silent for longer than this: they were removed, or an alert was sent long ago
_GONE = timedelta(days=14)
#: a timer that runs a little late is no silence
_LEAST = timedelta(minutes=10)

# A minute without a packet is not watched: the capture runs, but its mirror or cable brings nothing. If none
# ever came, the sensor has been silent since its first minute.
_LAST = """
SELECT sensor, site, COALESCE(MAX(CASE WHEN packets IS DISTINCT FROM 0 THEN minute END), MIN(minute))
FROM coverage
GROUP BY sensor, site
ORDER BY sensor, site
"""


#: A sensor's name and its site: logs of one kind at two sites are two sensors of one name.
Place = tuple[str, str]


class Watcher(NamedTuple):
    """A sensor of the settings. If nothing of it is stored yet, it has been silent since it was declared."""

    name: str
    site: str
    cadence_s: int
    declared_at: datetime

    def last_of(self, heard: Mapping[Place, datetime]) -> datetime | None:
        """When it was `heard` at its site; if never, when one of its name was anywhere, as it may run with
        another site than the settings say. None if it never was."""
        anywhere = max((last for (name, _), last in heard.items() if name == self.name), default=None)
        return heard.get((self.name, self.site), anywhere)

    def is_silent(self, last: datetime | None, now: datetime) -> bool:
        """True if it should have stored something since `last` (None: it never did)."""
        silence = now - (last or self.declared_at)
        return max(2 * timedelta(seconds=self.cadence_s), _LEAST) < silence

    def is_gone(self, last: datetime | None, now: datetime) -> bool:
        """True if it has been silent for so long that it is no news."""
        return now - (last or self.declared_at) > _GONE


def last_heard(connection: duckdb.DuckDBPyConnection) -> dict[Place, datetime]:
    """Each sensor of a lake at each of its sites, and the last minute (UTC) in which it saw anything."""
    rows = connection.execute(_LAST).fetchall()
    return {(sensor, site): last.astimezone(UTC) for sensor, site, last in rows}
