"""People from a CSV file: who holds which address, and in which department they work.

Tokens change with the key's epoch, so each epoch that occurs in the data gets its own rows
(open leases are re-emitted at rotation).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.errors import UsageError
from sensor.identity.scope import parse_address

REQUIRED = ("address", "user_name")
OPTIONAL = ("device", "department", "site", "mac", "valid_from", "valid_to")
ORIGIN = "csv"
#: a file a person keeps is seldom wrong, but it can be out of date
CONFIDENCE = 0.9


def read(path: Path) -> pl.DataFrame:
    """The CSV as a frame of String columns, one row per address held.

    Raises UsageError with file and line for a missing column or a wrong address.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=False)
    except OSError as error:
        raise UsageError(
            error.strerror or str(error), place=str(path), hint="check identity.people"
        ) from None
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"not a CSV file: {reason}", place=str(path), hint=f"columns {REQUIRED}") from None
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise UsageError(
            f"no column {', '.join(missing)}", place=f"{path}:1", hint=f"it needs {', '.join(REQUIRED)}"
        )
    for line, address in enumerate(frame.get_column("address"), start=2):
        if address is None or parse_address(address) is None:
            raise UsageError(
                f"{address!r} is not an address", place=f"{path}:{line}", hint="one address per line"
            )
    lacking = [pl.lit(None, dtype=pl.String).alias(name) for name in OPTIONAL if name not in frame.columns]
    return frame.with_columns(lacking).with_columns(
        pl.col("address").map_elements(lambda a: str(parse_address(a)), return_dtype=pl.String),
        pl.col("user_name", "device").str.to_lowercase(),
    )


def leases(people: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """`people` as rows of `leases` inside one epoch [begin, end), clear text."""
    return schema.LEASES.conform(
        people.with_columns(
            pl.max_horizontal(pl.lit(begin, dtype=schema.TIME), _moment("valid_from")).alias("valid_from"),
            pl.min_horizontal(pl.lit(end, dtype=schema.TIME), _moment("valid_to")).alias("valid_to"),
            pl.col("site").fill_null("main"),
            pl.lit(ORIGIN).alias("origin"),
            pl.lit(CONFIDENCE).alias("confidence"),
            pl.lit(False).alias("shared"),
        ).filter(pl.col("valid_from") < pl.col("valid_to"))
    )


def directory(people: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """`people` as rows of `directory` for one epoch [begin, end), clear text."""
    return schema.DIRECTORY.conform(
        people.filter(pl.col("user_name").is_not_null())
        .unique("user_name", keep="last", maintain_order=True)
        .with_columns(
            pl.lit(begin, dtype=schema.TIME).alias("valid_from"),
            pl.lit(end, dtype=schema.TIME).alias("valid_to"),
            pl.lit(ORIGIN).alias("origin"),
        )
    )


def _moment(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
