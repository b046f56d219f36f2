"""Makes the SQL of the relations in schema `stored`: the rows of the lake's files, one per key. Pure.

A base table consists of its cold files (an explicit list) and of the hot files newer than the watermark.
Columns are read by name, so that a file of an older release may lack some. For that DuckDB opens every file
first, also those that the watermark excludes, and there may be some 10,000: so hot files are read by the
columns of the first one, as long as no older release writes into the lake. A mart is the list of its current
files. Both include a typed branch without rows, so that an empty lake has the same columns as a full one.

Every base table is joined to a guard: once rows were deleted that a views file still expects in hot files
(the low-water mark passed its watermark), queries on that file fail instead of returning fewer rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from analytics.lake import StoredTable, literal

#: The column that says when a row came into the lake.
LANDED = "landed_at"

#: Which of several rows with one key is the row. Elsewhere the youngest part wins, and the rest of the
#: columns make the order total.
PREFERENCE = {
    # Rows with one event_id hold the same event; they differ in what matched them and where they lay, and in
    # how much of it was seen.
    "sightings": (
        "catalog_version DESC NULLS LAST",
        "lookups DESC NULLS LAST",
        "COALESCE(bytes_up, 0) + COALESCE(bytes_down, 0) DESC",
        "grade DESC NULLS LAST",
        "input",
        "source",
        "sensor",
    ),
    # A lease that was given up, or renewed, replaces the one it began as.
    "leases": (
        "closed DESC NULLS LAST",
        "valid_to DESC NULLS LAST",
        "confidence DESC NULLS LAST",
        "mac",
        "shared",
        "landed_at",
    ),
    # What a sensor said last; several may have been started within an hour. A run that does not read the
    # inputs of one knows no kind.
    "sensors": ("kind IS NULL", "part DESC", "landed_at DESC NULLS LAST"),
    # Their earlier rows stay in the files: what was true when.
    "catalog": ("landed_at DESC NULLS LAST", "catalog_version DESC NULLS LAST"),
    "restated": ("landed_at DESC NULLS LAST", "restated_at DESC", "catalog_version DESC NULLS LAST"),
    "name_hits": ("landed_at DESC NULLS LAST", "matched_at DESC", "catalog_version DESC NULLS LAST"),
}
#: Columns of a sighting that a restatement replaces.
RESTATED = (
    "signature", "app", "access", "role", "confidence", "name_from", "path", "grade", "catalog_version"
)  # fmt: skip
#: Tables whose rows of one key add up instead of replacing each other (additive_sql).
ADDITIVE = frozenset({"names", "coverage"})
#: Tables of which rows of one key follow each other (_in_turn).
IN_TURN = frozenset({"directory"})
#: Tables of which compaction leaves each key once; and the times that rows of one key agree on, because they
#: hold the same event.
SETTLED = {"sightings": ("seen_at", "started_at")}
#: Numbers that cannot be added (distinct clients, the largest distance of clocks): the greatest stands.
GREATEST = frozenset({"clients", "near_clients", "clock_offset_ms"})

_WORD = re.compile(r"[a-z_]+")

STALE = "these views are older than the lake (its hot files moved on): reconnect to the views file"


def moment(when: datetime) -> str:
    """`when`, an aware time, as an SQL literal."""
    return f"TIMESTAMPTZ '{when.astimezone(UTC).isoformat(sep=' ')}'"


def table_sql(table: StoredTable, *, root: str, watermark: str, hot: bool, unlike: bool = False) -> str:
    """SQL of a base table, one row per key; `root` is an SQL expression of the lake's folder.

    `hot` tells whether the table has hot files at all (an empty glob would be an error), `unlike` whether
    some of them lack columns. In a table of SETTLED, duplicates are only looked for in hot files; so a
    reader's filter on time reaches the others, and reading one week of a year costs one week.
    """
    is_settled = table.name in SETTLED
    settled, loose = (table.cold_files, ()) if is_settled else ((), table.cold_files)
    branches = [nothing_sql({**table.columns, "part": "VARCHAR"})]
    if loose:
        branches.append(f"SELECT *, '' AS part FROM {_parquet(loose, root)}")
    if hot:
        glob = f"{root} || {literal(f'/{table.folder}/hot/*/*.parquet')}"
        branches.append(
            f"SELECT * FROM read_parquet({glob}, union_by_name = {str(unlike).lower()}, "
            f"hive_partitioning = true, hive_types = {{'part': VARCHAR}}) WHERE part > {literal(watermark)}"
        )
    rows = _known(table, branches)
    if hot:
        rows += f"\nCROSS JOIN {_guard(root, watermark)}\nWHERE guard.low_water IS NOT NULL"
    if not settled:
        return _once(table, rows)
    once = unmerged_sql(table, settled, root=root)
    return _beside(table, once, rows) if loose or hot else once


def files_sql(columns: Mapping[str, str], files: Sequence[str], *, root: str) -> str:
    """SQL of all rows of `files` (relative to `root`), with exactly these columns."""
    branches = [nothing_sql(columns)]
    if files:
        branches.append(f"SELECT * FROM {_parquet(files, root)}")
    return f"SELECT {', '.join(columns)} FROM (\n{_union(branches)}\n) AS stored"


def nothing_sql(columns: Mapping[str, str]) -> str:
    """SQL of no rows, with exactly these columns."""
    nulls = ", ".join(f"NULL::{dtype} AS {column}" for column, dtype in columns.items())
    return f"SELECT {nulls} WHERE false"


def unmerged_sql(table: StoredTable, files: Sequence[str], *, root: str) -> str:
    """SQL of all rows of some cold files of a base table, as stored: keys may repeat, but in SETTLED."""
    branches = [nothing_sql(table.columns)]
    if files:
        branches.append(f"SELECT * FROM {_parquet(files, root)}")
    return f"SELECT {', '.join(table.columns)} FROM {_known(table, branches)}"


def cold_sql(table: StoredTable, files: Sequence[str], *, root: str) -> str:
    """SQL of some cold files of a base table, one row per key."""
    branches = [nothing_sql({**table.columns, "part": "VARCHAR"})]
    if files:
        branches.append(f"SELECT *, '' AS part FROM {_parquet(files, root)}")
    return _once(table, _known(table, branches))


def restated_sql(table: StoredTable, sightings: str, restatements: str) -> str:
    """SQL of sightings as the latest catalog classifies them: without those withdrawn, with those restated.

    `table` describes the sightings; `sightings` and `restatements` are SQL with one row per event. A
    restatement only holds for the stored row it was made of, not for one read again with another catalog.
    """
    columns = ", ".join(
        f"CASE WHEN r.event_id IS NULL THEN s.{name} ELSE r.{name} END AS {name}"
        if name in RESTATED
        else f"s.{name}"
        for name in table.columns
    )
    return (
        f"SELECT {columns}\nFROM (\n{sightings}\n) AS s\nLEFT JOIN (\n{restatements}\n) AS r\n"
        "  ON r.event_id = s.event_id AND r.stored_version IS NOT DISTINCT FROM s.catalog_version\n"
        "WHERE r.event_id IS NULL OR r.app IS NOT NULL"
    )


def memory_sql(table: StoredTable, relation: str) -> str:
    """SQL of the rows of a base table that lie in `relation` of the connection, one row per key."""
    branches = [nothing_sql({**table.columns, "part": "VARCHAR"}), f"SELECT *, '' AS part FROM {relation}"]
    return _once(table, _known(table, branches))


def _known(table: StoredTable, branches: Iterable[str]) -> str:
    """A FROM clause of the rows of all `branches` that had landed when the table was looked at."""
    rows = f"(\n{_union(branches)}\n) AS stored"
    since = LANDED if LANDED in table.columns else table.time  # a decision is known when it is made
    if table.known_until is None or not since:
        return rows
    known = f"{since} IS NULL OR {since} <= {moment(table.known_until)}"
    return f"(\nSELECT * FROM {rows}\nWHERE {known}\n) AS known"


def narrowed(table: StoredTable, queries: Iterable[str]) -> StoredTable:
    """`table` with only its key and the columns that the SQL `queries` name."""
    kept = {*table.key, LANDED, "first_seen", "last_seen", *_WORD.findall(" ".join(queries))}
    return replace(table, columns={name: dtype for name, dtype in table.columns.items() if name in kept})


def additive_sql(table: StoredTable, rows: str) -> str:
    """SQL of `rows` grouped by the key without `input`.

    Rows of one input add up. Rows of different inputs add up if less than half of either span from first_seen
    to last_seen is in the other (a rotated log, which is in the order in which requests ended, not began);
    otherwise (overlapping exports, a copy under another name) the greatest counts.
    """
    group = [column for column in table.key if column != "input"]
    counts = [name for name, dtype in table.columns.items() if dtype == "BIGINT" and name not in GREATEST]
    words = [name for name, dtype in table.columns.items() if dtype == "VARCHAR" and name not in table.key]
    greatest = [f"MAX({name}) AS {name}" for name in (*words, *sorted(GREATEST & set(table.columns)))]
    span = ["MIN(first_seen) AS first_seen", "MAX(last_seen) AS last_seen"]
    added = [f"TRY_CAST(SUM({name}) AS BIGINT) AS {name}" for name in counts]
    once = [f"MAX({name}) AS {name}" for name in counts]
    keys = ", ".join(group)
    order = f"PARTITION BY {keys} ORDER BY first_seen, last_seen, input"
    return f"""
WITH parts AS ({_leading(table, rows, keys)}),
inputs AS (
  SELECT {keys}, input, {", ".join((*added, *greatest, *span))} FROM parts GROUP BY {keys}, input
),
reached AS (
  SELECT *,
         MAX(last_seen) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until,
         LAG(first_seen) OVER ({order}) AS previous
  FROM inputs
),
overlapping AS (
  SELECT *,
         SUM(CASE WHEN first_seen = previous
                    OR first_seen < until AND (until - first_seen >= last_seen - until
                                               OR until - first_seen >= first_seen - previous)
                  THEN 0 ELSE 1 END)
           OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
  FROM reached
),
islands AS (
  SELECT {keys}, island, {", ".join((*once, *greatest, *span))} FROM overlapping GROUP BY {keys}, island
),
whole AS (SELECT {keys}, {", ".join((*added, *greatest, *span))} FROM islands GROUP BY {keys})
SELECT {", ".join(name for name in table.columns if name not in ("input", LANDED))} FROM whole"""


def _leading(table: StoredTable, rows: str, keys: str) -> str:
    """The rows, with `near_app` kept only where the most clients were near it."""
    if "near_app" not in table.columns:
        return f"SELECT {', '.join(table.columns)} FROM {rows}"
    leads = f"near_clients = MAX(near_clients) OVER (PARTITION BY {keys})"
    columns = ", ".join(
        f"CASE WHEN {leads} THEN near_app END AS near_app" if name == "near_app" else name
        for name in table.columns
    )
    return f"SELECT {columns} FROM {rows}"


def _once(table: StoredTable, rows: str) -> str:
    """One row per key of `rows` (a FROM clause)."""
    columns = ", ".join(table.columns)
    if table.name in ADDITIVE:
        return additive_sql(table, rows)
    if table.name in IN_TURN:
        return _in_turn(table, rows)
    if not table.key:
        return f"SELECT {columns} FROM {rows}"
    if len(table.key) > 1:
        return _preferred(table, rows)
    # Nearly every event is there once. Only the others are ranked, so that a reader's filter reaches
    # the files and a day is not sorted whole.
    key = table.key[0]
    return f"""WITH all_rows AS (SELECT * FROM {rows}),
again AS (SELECT {key} FROM all_rows GROUP BY {key} HAVING COUNT(*) > 1)
SELECT {columns} FROM all_rows WHERE {key} NOT IN (SELECT {key} FROM again)
UNION ALL
{_preferred(table, f"all_rows WHERE {key} IN (SELECT {key} FROM again)")}"""


def _in_turn(table: StoredTable, rows: str) -> str:
    """What the files say of an account, in turn: each holds from the UTC day after it was first read.

    So weeks that are over stay as they were published, or the difference would be the figure of one person.
    What was said first holds from its `valid_from`, and so does the first department. The kind and the end
    are those that were said last: who is a machine always was one.
    """
    turn = f"PARTITION BY {', '.join(table.key)} ORDER BY landed_at NULLS FIRST, part, said"
    columns = {name: name for name in table.columns} | {
        "kind": "last_kind",
        "valid_from": "CASE WHEN is_other THEN GREATEST(valid_from, next_day) ELSE valid_from END",
        "valid_to": "LEAST(last_to, until)",
    }
    return f"""WITH told AS (
  SELECT *, ROW(kind, department, site, confidence) AS said,
         make_timestamptz((epoch_us(landed_at) // 86400000000 + 1) * 86400000000) AS next_day
  FROM {rows}
),
following AS (
  SELECT *, said IS DISTINCT FROM LAG(said) OVER turn AS is_new, LAST_VALUE(kind) OVER whole AS last_kind,
         LAST_VALUE(valid_to) OVER whole AS last_to
  FROM told
  WINDOW turn AS ({turn}), whole AS ({turn} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
),
turns AS (
  SELECT *, COUNT(department) OVER (turn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0 AS is_other,
         LEAD(next_day) OVER turn AS until
  FROM following
  WHERE is_new
  WINDOW turn AS ({turn})
),
spans AS (SELECT {", ".join(f"{sql} AS {name}" for name, sql in columns.items())} FROM turns)
SELECT * FROM spans WHERE valid_from IS NULL OR valid_to IS NULL OR valid_from < valid_to"""


def _beside(table: StoredTable, settled: str, rows: str) -> str:
    """One row per key of `settled` (SQL), which has each key once, and of `rows` (a FROM clause)."""
    columns, (key,) = ", ".join(table.columns), table.key
    keys = f"(SELECT {key} FROM {rows})"
    alike = (
        f"(\nSELECT * FROM (\n{settled}\n) AS settled WHERE {key} IN {keys}\n"
        f"UNION ALL\nSELECT {columns} FROM {rows}\n) AS alike"
    )
    return (
        f"SELECT {columns} FROM (\n{settled}\n) AS settled WHERE {key} NOT IN {keys}\n"
        f"UNION ALL\n{_preferred(table, alike, within=SETTLED[table.name])}"
    )


def _preferred(table: StoredTable, rows: str, *, within: tuple[str, ...] = ()) -> str:
    """The row of each key that PREFERENCE puts first; `within` are columns that a key has one value of: a
    reader's filter on them goes before the ranking."""
    columns = ", ".join(table.columns)
    rest = tuple(column for column in table.columns if column not in table.key)
    order = ", ".join(PREFERENCE.get(table.name, ("part DESC", *rest)))
    partition = ", ".join((*table.key, *within))
    return (
        f"SELECT {columns} FROM (\n"
        f"SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY {partition} ORDER BY {order}) AS nth\n"
        f"FROM {rows}\n) AS numbered WHERE nth = 1"
    )


def _guard(root: str, watermark: str) -> str:
    # An aggregate is always computed, even where no hot row survives the reader's own filter.
    return (
        f"(SELECT MAX(CASE WHEN low_water > {literal(watermark)} THEN error({literal(STALE)}) "
        f"ELSE low_water END) AS low_water FROM read_parquet({root} || '/low_water.parquet')) AS guard"
    )


def _parquet(files: Iterable[str], root: str) -> str:
    paths = ",\n".join(f"{root} || {literal('/' + path)}" for path in files)
    return f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"


def _union(branches: Iterable[str]) -> str:
    return "\nUNION ALL BY NAME\n".join(branches)
