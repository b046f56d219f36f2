"""How far the clocks of sensors are apart, by the connections that two of them saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from analytics.counting.days import DRIFT_US, TOLERANCE_US

if TYPE_CHECKING:
    import duckdb

#: Fewer connections in common may be ports that were used again.
_LEAST = 10

# The clock of a sensor may have been set right since: only the newest week tells how it is now.
_APART = f"""
WITH starts AS (
  SELECT DISTINCT sensor, flow, epoch_us(started_at) AS began_us
  FROM sightings
  WHERE flow IS NOT NULL AND started_at IS NOT NULL
    AND seen_at > (SELECT MAX(seen_at) FROM sightings) - INTERVAL 7 DAY
)
SELECT a.sensor, b.sensor, MEDIAN(b.began_us - a.began_us) / 1e6, COUNT(*)
FROM starts AS a
JOIN starts AS b ON b.flow = a.flow AND b.sensor > a.sensor AND ABS(b.began_us - a.began_us) <= {DRIFT_US}
GROUP BY a.sensor, b.sensor
HAVING COUNT(*) >= {_LEAST} AND ABS(MEDIAN(b.began_us - a.began_us)) > {TOLERANCE_US}
ORDER BY ALL
"""


class Apart(NamedTuple):
    """Two sensors whose clocks differ by more than counting tolerates."""

    sensor: str
    other: str
    #: positive: the other one's clock is ahead
    ahead_s: float
    #: how many connections both saw
    connections: int


def apart(connection: duckdb.DuckDBPyConnection) -> list[Apart]:
    """The pairs of sensors whose clocks differ; `connection` is to the restricted views of a lake."""
    return [Apart(*row) for row in connection.execute(_APART).fetchall()]
