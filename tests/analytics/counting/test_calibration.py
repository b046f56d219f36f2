"""The stated confidence is kept when records are missing: generated networks, lossy logs, Wilson intervals.

Addresses change hands. Devices get them by DHCP for a lease that is renewed at half its time; whoever leaves
gives the address up or lets it run out. People sign in on devices: most are somebody's own, which the
directory knows and which are lent now and then; some are anybody's. Then records are lost: each with the same
chance (a sensor that drops), or all of a kind for hours (a collector that was down).
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import pytest

from analytics.counting.days import STALE, attribute
from analytics.counting.frames import store_frame
from analytics.counting.holders import make_holders
from analytics.lake import connect

BEGIN = datetime(2026, 11, 16, tzinfo=UTC)
ADDRESSES, MINUTES, DEVICES = 100, 48 * 60, 600
LOGIN_MINUTES = 600
#: 99.9 %: some forty bins are looked at
Z = 3.29
#: (address, user, device, from and to in minutes, origin, confidence)
Lease = tuple[str, str | None, str | None, float, float, str, float]
#: (minute, address, the account it truly was)
Session = tuple[float, str, str]


@dataclass(frozen=True)
class Network:
    """Minutes of a lease and of a visit; shares of visits ended by a release, and of records lost."""

    lease: float
    visit: float
    released: float
    lost: float
    outages: int = 0


NETWORKS = {
    "office": Network(lease=480, visit=400, released=0.5, lost=0.1),
    "office, half of it lost": Network(lease=480, visit=400, released=0.5, lost=0.5),
    "guests": Network(lease=60, visit=45, released=0.8, lost=0.2),
    "hot desks, long leases": Network(lease=1440, visit=150, released=1.0, lost=0.3),
    "short leases": Network(lease=20, visit=240, released=0.2, lost=0.3),
    "collectors down": Network(lease=480, visit=200, released=0.5, lost=0.05, outages=3),
}


def _visits(draw: random.Random, network: Network) -> Iterator[tuple[list[Lease], list[Session]]]:
    """Records and sessions of each visit."""
    for address in map(str, range(ADDRESSES)):
        clock = draw.uniform(0, network.visit)
        while clock < MINUTES:
            device = draw.randrange(DEVICES)
            lent = device % 3 == 0 or draw.random() < 0.05
            account = f"u{draw.randrange(DEVICES) if lent else device}"
            gone = clock + draw.expovariate(1 / network.visit) + 2
            renewals = 1 + int((gone - clock) // (network.lease / 2))
            acks = [clock + n * network.lease / 2 for n in range(renewals)]
            released, told = draw.random() < network.released, draw.random() >= network.lost
            ends = [min(at + network.lease, gone) if released and told else at + network.lease for at in acks]
            held: list[Lease] = [
                (address, None, f"d{device}", at, end, "dhcp", 0.9)
                for at, end in zip(acks, ends, strict=True)
            ]
            signed = [clock + 0.5 + n * 120 for n in range(1 + int((gone - clock) // 120))]
            logins: list[Lease] = [
                (address, account, None, at, at + LOGIN_MINUTES, "directory", 0.8) for at in signed
            ]
            yield held + logins, [(draw.uniform(clock, gone), address, account) for _ in range(3)]
            clock = (gone if released else acks[-1] + network.lease) + draw.uniform(0.1, 30)


def _lossy(draw: random.Random, network: Network) -> tuple[list[Lease], list[Session]]:
    told: list[Lease] = []
    sessions: list[Session] = []
    for leases, seen in _visits(draw, network):
        told += leases
        sessions += seen
    down = [
        (kind, draw.uniform(0, MINUTES)) for kind in ("dhcp", "directory") for _ in range(network.outages)
    ]
    kept = [
        one for one in told
        if draw.random() >= network.lost
        and not any(one[5] == kind and at <= one[3] < at + 240 for kind, at in down)
    ]  # fmt: skip
    return kept, sessions


def _answers(leases: list[Lease], sessions: list[Session]) -> list[tuple[float, bool]]:
    """(stated confidence, whether the account named is who it was), by the steps of the count."""
    start = int(BEGIN.timestamp() * 1_000_000)
    with connect() as connection:
        columns = ("address", "user_name", "device", "began", "ended", "origin", "confidence")
        told = pl.DataFrame(leases, schema=columns, orient="row", infer_schema_length=None)
        store_frame(connection, "minutes", told)
        connection.execute(f"""
            CREATE TABLE every_leases AS
            SELECT 'hq' AS site, address, CAST(NULL AS VARCHAR) AS mac, user_name, device, origin, confidence,
                   false AS shared, CAST(NULL AS TIMESTAMPTZ) AS landed_at,
                   make_timestamptz(CAST({start} + began * 60000000 AS BIGINT)) AS valid_from,
                   make_timestamptz(CAST({start} + ended * 60000000 AS BIGINT)) AS valid_to
            FROM minutes""")
        connection.execute(f"""
            CREATE TABLE every_directory AS
            SELECT 'u' || i AS user_name, CASE WHEN i % 3 > 0 THEN 'd' || i END AS device,
                   CAST(NULL AS VARCHAR) AS mac, 'person' AS kind, 'all' AS department, 'hq' AS site,
                   CAST(NULL AS TIMESTAMPTZ) AS valid_from, CAST(NULL AS TIMESTAMPTZ) AS valid_to,
                   'ldif' AS origin, 0.9 AS confidence
            FROM range({DEVICES}) AS r (i)""")
        seen = pl.DataFrame(sessions, schema=("minute", "client", "was"), orient="row")
        store_frame(connection, "seen", seen.with_columns(event_id=pl.int_range(pl.len())))
        connection.execute("""
            CREATE TABLE contexts AS
            SELECT ROW_NUMBER() OVER () AS context, HASH(client) AS content_hash, 'hq' AS seen_site,
                   'lan' AS segment,
                   'browser' AS client_class, 'internal' AS scope, client, CAST(NULL AS VARCHAR) AS user_name,
                   CAST(NULL AS VARCHAR) AS device
            FROM (SELECT DISTINCT client FROM seen) AS clients""")
        connection.execute("""
            CREATE TABLE targets AS
            SELECT 1 AS target, 0 AS content_hash, 'packets' AS vantage, '' AS made_by, 'tls' AS kind,
                   'h' AS host, 'a' AS app,
                   'web' AS access, 'use' AS outcome""")
        connection.execute(f"""
            CREATE TABLE events AS
            SELECT event_id, 1 AS day, c.context, 1 AS target,
                   CAST({start} + minute * 60000000 AS BIGINT) AS start_us
            FROM seen JOIN contexts AS c ON c.client = seen.client""")
        connection.execute(
            "CREATE TABLE vantages AS SELECT 'packets' AS vantage, '' AS made_by, 1 AS vantage_rank"
        )
        connection.execute(
            "CREATE TABLE bounds AS "
            "SELECT 1 AS day, MIN(start_us) AS from_us, MAX(start_us) + 1 AS to_us FROM events"
        )
        make_holders(connection)
        connection.execute("CREATE VIEW directory AS FROM every_directory")
        attribute(connection, [BEGIN.date()])
        rows = connection.execute(
            "SELECT a.event_id, f.confidence, f.user_name FROM attributed AS a "
            "JOIN facets AS f ON f.facet = a.facet WHERE f.user_name IS NOT NULL"
        ).fetchall()
    return [(round(sure, 2), user == sessions[event][2]) for event, sure, user in rows]


def _wilson(right: list[bool]) -> tuple[float, float]:
    """Bounds of the true share of right answers (Wilson's score interval)."""
    of, z2 = len(right), Z * Z
    share = sum(right) / of
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return middle - half, middle + half


@pytest.fixture(scope="module")
def bins() -> dict[str, dict[float, list[bool]]]:
    """Of each network: stated confidence → whether those named with it were right."""
    found: dict[str, dict[float, list[bool]]] = {}
    for name, network in NETWORKS.items():
        leases, sessions = _lossy(random.Random(name), network)
        found[name] = defaultdict(list)
        for sure, right in _answers(leases, sessions):
            found[name][sure].append(right)
        assert sum(map(len, found[name].values())) > 0.5 * len(sessions), "most are named"
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_makes_the_stated_confidence_too_high(
    bins: dict[str, dict[float, list[bool]]], name: str
) -> None:
    for sure, right in bins[name].items():
        assert _wilson(right)[1] >= sure, (sure, sum(right), len(right))


def test_over_all_networks_it_is_proven_to_be_kept(bins: dict[str, dict[float, list[bool]]]) -> None:
    pooled: dict[float, list[bool]] = defaultdict(list)
    for each in bins.values():
        for sure, right in each.items():
            pooled[sure] += right
    assert sorted(pooled) == [round(0.8 * STALE, 2), 0.8, 0.81]  # a stale login, a login, an owner
    for sure, right in pooled.items():
        assert len(right) > 200 and _wilson(right)[0] >= sure, (sure, sum(right), len(right))
