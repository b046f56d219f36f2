"""Explains to whom an address is attributed at a moment: all its leases, which one decides, and why.

It runs a synthetic event at that address and time through the same steps as a build (counting/holders,
counting/days). So the answer is the one that the figures are based on. Reads the restricted views; names are
tokens, unless the lake is at level clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from analytics.counting.days import attribute_day
from analytics.counting.holders import FOREVER_US, leases_about, make_holders
from analytics.lake import open_views

#: id of the synthetic event; ids in the lake are never negative
_ASKED = -1
_ROW = """
INSERT INTO sightings BY NAME
SELECT CAST({id} AS BIGINT) AS event_id, TIMESTAMPTZ '{at}' AS seen_at, 0.0 AS duration_s, 'who' AS vantage,
       'flow' AS kind, CAST(3 AS SMALLINT) AS grade, 'internal' AS client_scope, 'use' AS role, 'who' AS app,
       ? AS site, ? AS client
"""
#: The verdict on each lease valid at the moment, from the tables that `make_holders(keep_steps=True)` keeps.
_LEASES = """
WITH moment AS (SELECT epoch_us(TIMESTAMPTZ '{at}') AS at_us),
standing AS (
  SELECT DISTINCT i.nth FROM intervals AS i, moment AS m WHERE i.from_us <= m.at_us AND i.to_us > m.at_us
),
holding AS (
  SELECT h.* FROM every_holders AS h, moment AS m WHERE h.from_us <= m.at_us AND h.to_us > m.at_us
),
heard AS (
  SELECT t.*, a.site, a.address, w.confidence_rank, w.origin, w.confidence, w.user_name,
         w.device_name AS device, w.mac_name AS mac
  FROM merged AS t
  JOIN addresses AS a ON a.address_id = t.address_id
  JOIN statements AS w ON w.statement = t.statement
)
SELECT t.address, t.origin, t.confidence, make_timestamptz(t.from_us) AS valid_from,
       CASE WHEN t.to_us < {forever} THEN make_timestamptz(t.to_us) END AS valid_to,
       t.user_name, t.device, t.mac,
       CASE WHEN t.shared THEN 'names nobody: the address is shared'
            WHEN s.nth IS NULL AND v.until_us <= m.at_us
              THEN 'overruled: the device it was reported for had left the address by then'
            WHEN s.nth IS NULL AND t.user_name IS NULL AND t.device IS NULL AND t.mac IS NULL
              THEN 'names nobody: a machine or service account'
            WHEN s.nth IS NULL
                 AND COALESCE(t.user_name = h.user_name, t.device = h.device, t.mac = h.mac, false)
              THEN 'confirmed by a later lease of its kind'
            WHEN s.nth IS NULL THEN 'overruled: a later lease of its kind names another holder'
            WHEN t.origin = 'link' THEN 'tells the hardware address'
            WHEN h.user_origin = 'vpn' AND t.origin <> 'vpn' THEN 'overruled: vpn takes precedence'
            WHEN t.user_name IS NOT NULL AND t.user_name = h.user_name AND t.origin = h.user_origin
              THEN 'decides: names the user'
            WHEN t.user_name IS NOT NULL AND h.user_name IS NOT NULL AND t.user_name <> h.user_name
              THEN 'overruled: ' || h.user_origin || ' takes precedence'
            WHEN COALESCE(t.device = h.device, t.mac = h.mac, false) THEN 'decides: names the device'
            WHEN t.device <> h.device OR t.mac <> h.mac
              THEN 'overruled: ' || h.device_origin || ' takes precedence'
            ELSE 'valid, but other sources take precedence' END AS verdict
FROM heard AS t
CROSS JOIN moment AS m
LEFT JOIN standing AS s ON s.nth = t.nth
LEFT JOIN device_until AS v ON v.nth = t.nth
LEFT JOIN holding AS h ON h.site = t.site AND h.address = t.address
WHERE t.from_us <= m.at_us AND t.to_us > m.at_us AND t.site = $site
  AND (t.address = $address OR h.mac = (SELECT mac FROM holding WHERE site = $site AND address = $address))
ORDER BY t.address <> $address, t.address, t.from_us, t.confidence_rank, t.to_us, t.statement
"""
_RESULT = """
SELECT f.subject, f.subject_kind, f.attributed_by, f.confidence, f.department, f.site,
       s.device, s.device_origin, s.device_confidence, s.shared_by, n.observed_shared, n.stale
FROM attributed AS a
JOIN facets AS f ON f.facet = a.facet
JOIN facet_codes AS n ON n.facet = a.facet
LEFT JOIN named_bindings AS s ON s.binding = a.binding
WHERE a.event_id = {id}
"""
_WHY_NOBODY = {
    "nobody": "no lease, owner or file names a holder of the address at that time",
    "device": "the device is known, but not its owner",
    "shared": "the address is shared: only an account in the log line itself could name the person",
}


@dataclass(frozen=True)
class Lease:
    """A lease of an address of the machine, valid at the moment; `verdict`: whether it decides there, or why
    not."""

    address: str
    origin: str
    confidence: float
    valid_from: datetime
    valid_to: datetime | None
    user_name: str | None
    device: str | None
    mac: str | None
    verdict: str


@dataclass(frozen=True)
class Answer:
    """The attribution at one site, and the leases it is based on."""

    site: str
    address: str
    at: datetime
    leases: tuple[Lease, ...]
    subject: str
    subject_kind: str
    attributed_by: str
    confidence: float | None
    department: str
    home: str
    device: str | None
    device_origin: str | None
    device_confidence: float | None
    shared_by: str | None
    observed_shared: bool
    stale: bool

    def lines(self, zone: ZoneInfo) -> Iterator[str]:
        """The explanation, line by line, with times in `zone`."""

        def written(moment: datetime) -> str:
            return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

        yield f"{self.address} at site {self.site}, {written(self.at)} {zone}"
        for lease in self.leases:
            until = written(lease.valid_to) if lease.valid_to else "open"
            who = ", ".join(filter(None, (lease.user_name, lease.device, lease.mac))) or "-"
            other = "" if lease.address == self.address else f"{lease.address}, of the same machine: "
            span = f"{written(lease.valid_from)} to {until}"
            yield f"  {other}{lease.origin} {lease.confidence:.2f}  {span}  {who}: {lease.verdict}"
        if self.shared_by or self.observed_shared:
            declared = self.shared_by not in (None, "recognised")
            yield f"  shared: {self.shared_by if declared else 'many accounts within an hour'}"
        if self.device:
            sure = f" {self.device_confidence:.2f}" if self.device_confidence is not None else ""
            yield f"  device {self.device} ({self.device_origin}{sure})"
        if self.subject_kind == "user":
            sure = f" {self.confidence:.2f}" if self.confidence is not None else ""
            old = ", an hour old and confirmed by no DHCP lease" if self.stale else ""
            yield f"  person {self.subject} ({self.attributed_by}{sure}{old})"
            yield f"  department {self.department}, site {self.home}"
        else:
            yield f"  unattributed: {_WHY_NOBODY.get(self.attributed_by, self.attributed_by)}"


def ask(lake: Path, site: str, address: str, at: datetime) -> Answer:
    """Attributes `address` (as stored: usually a token) of `site` at time `at`. Raises LakeUnreadable."""
    moment = at.isoformat()
    with open_views(lake, restricted=True) as connection:
        _gather(connection, site, address, at)
        connection.execute(_ROW.format(id=_ASKED, at=moment), [site, address])
        make_holders(connection, keep_steps=True)
        connection.execute("CREATE OR REPLACE TEMP VIEW directory AS SELECT * FROM every_directory")
        about = {"site": site, "address": address}
        leases = connection.execute(_LEASES.format(at=moment, forever=FOREVER_US), about).fetchall()
        attribute_day(connection, at.date())
        row = connection.execute(_RESULT.format(id=_ASKED)).fetchone()
    assert row is not None, "the synthetic event must be attributed"
    return Answer(site, address, at, tuple(Lease(*lease) for lease in leases), *row)


def sites(lake: Path) -> list[str]:
    """The sites in the leases and sensors of the lake. Raises LakeUnreadable."""
    with open_views(lake, restricted=True) as connection:
        found = connection.execute(
            "SELECT DISTINCT site FROM (SELECT site FROM leases UNION SELECT site FROM sensors) "
            "WHERE site IS NOT NULL ORDER BY site"
        ).fetchall()
    return [str(site) for (site,) in found]


def _gather(connection: duckdb.DuckDBPyConnection, site: str, address: str, at: datetime) -> None:
    """Makes the input relations of the steps, for this address, and others of the same hardware."""
    about = [site, address]
    begin, end = (at + timedelta(days=days) for days in (-2, 2))
    leases = leases_about("lake.stored.leases", "SELECT ? AS site, ? AS address")
    connection.execute(f"CREATE TEMP TABLE every_leases AS {leases}", about)
    day = at.date()
    connection.execute(
        "CREATE TEMP TABLE every_directory AS SELECT * FROM lake.directory "
        f"WHERE (valid_from IS NULL OR valid_from < TIMESTAMPTZ '{day + timedelta(days=1)} 00:00:00+00') "
        f"AND (valid_to IS NULL OR valid_to > TIMESTAMPTZ '{day} 00:00:00+00')"
    )
    connection.execute(
        "CREATE TEMP TABLE sightings AS SELECT * FROM lake.sightings WHERE site = ? AND client = ? "
        f"AND seen_at BETWEEN TIMESTAMPTZ '{begin.isoformat()}' AND TIMESTAMPTZ '{end.isoformat()}'",
        about,
    )
    connection.execute("CREATE TEMP TABLE sensors AS SELECT * FROM lake.sensors")
