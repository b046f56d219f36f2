"""Finds the data of one person in a lake: the addresses they held, when, and the devices they own.

It follows the attribution of figures, not every lease that names the account: another lease may have taken
precedence (counting/holder_sql), and an access request must not disclose the activity of somebody else.
Reads the restricted views; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from analytics.counting.holders import FOREVER_US, leases_about, make_holders
from analytics.lake import open_views

#: A device with two owners in the directory identifies neither.
_OWNERS = """
CREATE OR REPLACE TEMP TABLE owners AS
SELECT device AS thing, MAX(user_name) AS user_name FROM lake.directory WHERE device IS NOT NULL
GROUP BY device HAVING MIN(user_name) = MAX(user_name)
UNION ALL
SELECT mac, MAX(user_name) FROM lake.directory WHERE mac IS NOT NULL
GROUP BY mac HAVING MIN(user_name) = MAX(user_name)
"""
_THINGS = "SELECT DISTINCT thing FROM owners WHERE list_contains($tokens, user_name) ORDER BY thing"
_PLACES = """
SELECT DISTINCT site, address FROM {leases}
WHERE list_contains($tokens, user_name) OR list_contains($things, device) OR list_contains($things, mac)
"""
_TIMES = """
SELECT h.site, h.address, make_timestamptz(h.from_us) AS valid_from,
       CASE WHEN h.to_us < {forever} THEN make_timestamptz(h.to_us) END AS valid_to
FROM every_holders AS h
LEFT JOIN owners AS d ON d.thing = h.device
LEFT JOIN owners AS m ON m.thing = h.mac
WHERE h.shared_by IS NULL
  AND list_contains($tokens, COALESCE(h.user_name, d.user_name, m.user_name, h.static_user, h.hint_user))
ORDER BY ALL
"""


@dataclass(frozen=True)
class Times:
    """When a person held an address (site, address, from, until or None), and the devices and MACs they
    own."""

    held: tuple[tuple[str, str, datetime, datetime | None], ...]
    things: tuple[str, ...]


def times(lake: Path, tokens: Sequence[str]) -> Times:
    """The times and devices of the account with these `tokens`. Raises LakeUnreadable."""
    with open_views(lake, restricted=True) as connection:
        return times_in(connection, tokens)


def times_in(
    connection: duckdb.DuckDBPyConnection, tokens: Sequence[str], leases: str = "lake.stored.leases"
) -> Times:
    """As `times`, on an open connection to the restricted views; leaves temporary tables behind. `leases` has
    the leases, with `landed_at`."""
    about: dict[str, object] = {"tokens": list(tokens)}
    connection.execute(_OWNERS)
    things = [thing for (thing,) in connection.execute(_THINGS, about).fetchall()]
    some = leases_about(leases, _PLACES.format(leases=leases))
    connection.execute(f"CREATE TEMP TABLE every_leases AS {some}", about | {"things": things})
    connection.execute("CREATE TEMP TABLE every_directory AS SELECT * FROM lake.directory")
    make_holders(connection)
    held = connection.execute(_TIMES.format(forever=FOREVER_US), about).fetchall()
    return Times(tuple(held), tuple(things))
