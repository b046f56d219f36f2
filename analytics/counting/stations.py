"""Lets the addresses of one machine share what is known about each of them. Pure.

A station (the word of IEEE 802) is a hardware address at a site, known from leases and from packets on the
machine's own link. A laptop has an IPv4 address, which DHCP, sign-ins and people files report, and several
IPv6 addresses, which often only its link reports.

Rows are those of the table `held` (holders.py): intervals of an address in which nothing about it changes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from analytics.counting.intervals import (
    NEVER_US,
    Columns,
    Flags,
    Ints,
    Statements,
    as_before,
    following,
    highest,
)

#: Addresses that one machine has at the same time, at most. A station with more is a router or a gateway.
MOST_ADDRESSES = 8
#: Rows processed at a time (by station), so that their data stays in the processor's caches.
ROWS_A_PART = 50_000

#: What an address lends, and which column of `Statements` tells whether two lend the same.
_LENT = {
    "user_statement": "person",
    "device_statement": "device_key",
    "static_statement": "person",
    "hint_statement": "person",
}


@dataclass(frozen=True)
class _Loans(Columns):
    """What the addresses of a station lend: spans that do not overlap, sorted by station and time.

    `row` is the lender's.
    """

    station: Ints
    from_us: Ints
    to_us: Ints
    row: Ints


def join_stations(
    rows: pl.DataFrame, statements: Statements, site: Ints, pool: ThreadPoolExecutor
) -> pl.DataFrame:
    """`rows` completed by what the other addresses of their station lend, and cut where that changes.

    `link_statement` becomes `station_statement`, which tells the hardware address (0 if unknown, or if many
    machines are behind it). `site` has a number for each address id. Nothing is lent to or from an address
    while it is shared, or in a VPN session; nor while two addresses of the station name different holders.
    """
    told, station = _stations(rows, statements, site)
    rows = rows.drop("link_statement").with_columns(station_statement=told, station=station)
    parts = _parts(rows)
    if not parts:
        return rows.drop("station")
    others = np.ones(rows.height, bool)
    others[np.concatenate(parts)] = False
    joined = pool.map(lambda part: _joined(rows[part], statements), parts)
    rows = pl.concat([rows.filter(others), *joined]).drop("station").sort("address_id", "from_us")
    number, address_id = np.arange(rows.height, dtype=np.int32), rows["address_id"].to_numpy()
    first = np.maximum.accumulate(np.where(as_before(address_id), 0, number))
    return rows.with_columns(nth=number - first + 1)


def _stations(rows: pl.DataFrame, statements: Statements, site: Ints) -> tuple[pl.Series, pl.Series]:
    """By row: the statement that tells the hardware address, and the number of the station; 0 if none."""
    link, device = rows["link_statement"].to_numpy(), rows["device_statement"].to_numpy()
    told = np.where(link > 0, link, device)
    mac = statements.mac[told]
    known = (mac > 0) & ~rows["taken_over"].to_numpy() & ~rows["is_shared"].to_numpy()
    number = site[rows["address_id"].to_numpy()] * (1 + mac.max(initial=0)) + mac
    return pl.Series(np.where(known, told, 0), dtype=pl.Int32), pl.Series(np.where(known, number, 0))


def _parts(rows: pl.DataFrame) -> list[Ints]:
    """Row numbers of the stations that have several addresses at a time, by station and time, in parts; a
    station is in one part."""
    placed = (
        rows.lazy().select("station", "from_us", "to_us").with_row_index("row").filter(pl.col("station") > 0)
    )
    sorted_rows = placed.sort("station", "from_us").collect()
    row, station, from_us, to_us = (
        sorted_rows[name].to_numpy() for name in ("row", "station", "from_us", "to_us")
    )
    same = as_before(station)
    overlaps = same.copy()
    overlaps[1:] &= from_us[1:] < highest(to_us, same)[:-1]
    many = np.isin(station, station[overlaps])
    row, first = row[many], np.flatnonzero(~same[many])
    cuts = first[np.flatnonzero(np.diff(first // ROWS_A_PART, prepend=0))]
    return np.split(row, cuts) if len(row) else []


def _joined(rows: pl.DataFrame, statements: Statements) -> pl.DataFrame:
    """`rows` of some stations, completed; `station` is used up."""
    apart = _crowded(rows)
    rows = rows.with_columns(
        pl.when(~pl.Series(apart)).then(name).otherwise(0).alias(name)
        for name in ("station", "station_statement")
    )
    for column, holder in _LENT.items():
        rows = _lent(rows, column, getattr(statements, holder))
    return rows


def _crowded(rows: pl.DataFrame) -> Flags:
    """True for rows that overlap a time in which their station has more than MOST_ADDRESSES addresses."""
    station, from_us, to_us = (rows[name].to_numpy() for name in ("station", "from_us", "to_us"))
    begins, ends = _moments(station, from_us, to_us)
    # An end, which is even, comes before a beginning at the same time.
    changes = np.sort(np.append(2 * ends, 2 * begins + 1))
    crowded = changes[np.cumsum(np.where(changes % 2, 1, -1)) > MOST_ADDRESSES] // 2
    found: Flags = np.searchsorted(crowded, begins) < np.searchsorted(crowded, ends)
    return found


def _moments(station: Ints, *times: Ints) -> list[Ints]:
    """For each of `times`, numbers that order the rows by station and time."""
    every, at = np.unique(np.concatenate([station, *times]), return_inverse=True)
    station, *ranks = np.split(at, 1 + len(times))
    return [station * len(every) + rank for rank in ranks]


def _lent(rows: pl.DataFrame, column: str, holder: Ints) -> pl.DataFrame:
    """`rows` with `column` from another address of the station where it is 0; `holder` by statement."""
    station, from_us, to_us, statement = (
        rows[name].to_numpy() for name in ("station", "from_us", "to_us", column)
    )
    lends = np.flatnonzero((station > 0) & (statement > 0))
    borrows = np.flatnonzero((station > 0) & (statement == 0))
    if not len(lends) or not len(borrows):
        return rows
    lends = lends[np.lexsort((statement[lends], from_us[lends], station[lends]))]
    loans = _loans(lends, station[lends], from_us[lends], to_us[lends], holder[statement[lends]])
    both = np.append(station[borrows], loans.station)
    begins, ends = _moments(
        both, np.append(from_us[borrows], loans.from_us), np.append(to_us[borrows], loans.to_us)
    )
    (begins, lent_from), (ends, lent_to) = (np.split(at, [len(borrows)]) for at in (begins, ends))
    first = np.searchsorted(lent_to, begins, side="right")
    count = np.searchsorted(lent_from, ends) - first
    borrows, first, count = (some[count > 0] for some in (borrows, first, count))
    # A borrower with n loans is cut into 2 n + 1 pieces: every second one borrows.
    piece, of = _counted(2 * count + 1)
    row, lender = borrows[of], loans.row[np.minimum(first[of] + piece // 2, len(loans.row) - 1)]
    edges = np.append(np.column_stack([loans.from_us, loans.to_us]).ravel(), NEVER_US)
    begin, end = (edges[2 * first[of] + piece + offset] for offset in (-1, 0))
    pieces = rows[row].with_columns(
        from_us=np.where(piece == 0, from_us[row], np.maximum(begin, from_us[row])),
        to_us=np.where(piece == 2 * count[of], to_us[row], np.minimum(end, to_us[row])),
    )
    lenders = rows.select(column, "same_device", "stale_from_us", "to_us")[lender]
    pieces = _with_loan(pieces, lenders, pl.Series("lent", piece % 2 == 1), column)
    kept = np.ones(rows.height, bool)
    kept[borrows] = False
    return pl.concat([rows.filter(kept), pieces.filter(pl.col("from_us") < pl.col("to_us"))])


def _loans(row: Ints, station: Ints, from_us: Ints, to_us: Ints, holder: Ints) -> _Loans:
    """What the sorted rows lend. The latest to begin counts. Where two overlap that name different holders,
    nothing is lent until the first of them ends."""
    same_station, same_holder = as_before(station), as_before(station, holder)
    other = np.flatnonzero(same_station & ~same_holder)
    disputed_us = np.full(len(row), np.iinfo(np.int64).min)
    disputed_us[other] = highest(to_us, same_station)[other - 1]
    loans = _Loans(
        station,
        np.maximum(from_us, highest(disputed_us, same_holder)),
        np.minimum(highest(to_us, same_holder), following(station, from_us)),
        row,
    )
    return loans.at(loans.from_us < loans.to_us)


def _with_loan(pieces: pl.DataFrame, lenders: pl.DataFrame, lent: pl.Series, column: str) -> pl.DataFrame:
    """`pieces` with `column` of the `lenders` where `lent`; of a user, also whether they are still there."""
    columns = [column]
    if column == "user_statement":
        columns += ["same_device", "stale_from_us"]
        grows_stale = lenders["stale_from_us"] < lenders["to_us"]
        never = lenders.select(pl.lit(NEVER_US).alias("stale_from_us")).to_series()
        lenders = lenders.with_columns(stale_from_us=lenders["stale_from_us"].zip_with(grows_stale, never))
    return pieces.with_columns(lenders[name].zip_with(lent, pieces[name]) for name in columns)


def _counted(counts: Ints) -> tuple[Ints, Ints]:
    """For `counts` of [2, 3]: the numbers 0 1 0 1 2, and what they count: 0 0 1 1 1."""
    of = np.repeat(np.arange(len(counts)), counts)
    return np.arange(len(of)) - (np.cumsum(counts) - counts)[of], of
