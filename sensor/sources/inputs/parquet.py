"""Parquet files as lines of JSON, one per row.

AWS Security Lake keeps OCSF so, and VPC flow logs and exports of data warehouses come so. The formats then
read the rows as they read the same records in JSON.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sensor.chunks import EndedEarly

MAGIC = b"PAR1"
#: Rows converted to text at a time.
_ROWS = 2_000
_MEMORY = "512MB"


def json_lines(packed: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The size of a Parquet file with its rows, some thousand at a time. Raises EndedEarly where it is
    damaged.

    What is no file on disk is copied to one first: a Parquet file is read from its end.
    """
    import duckdb

    # A link with a plain name: DuckDB would take `[` and `*` in the file's name for a glob.
    with tempfile.TemporaryDirectory(prefix="shadowai-") as folder:
        place, raw = Path(folder) / "rows.parquet", getattr(packed, "raw", None)
        if isinstance(raw, io.FileIO) and (file := Path(str(raw.name))).is_file():
            place.symlink_to(file.absolute())
        else:
            with place.open("wb") as copy:
                shutil.copyfileobj(packed, copy)
        size = place.stat().st_size
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": _MEMORY,
            "temp_directory": "",
        }
        try:
            with duckdb.connect(":memory:", config=settings) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("SET enable_progress_bar = false")  # it would go to standard output
                rows = connection.execute(
                    "SELECT CAST(to_json(whole_row) AS VARCHAR) FROM read_parquet(?) AS whole_row",
                    [str(place)],
                )
                while some := rows.fetchmany(_ROWS):
                    yield size, "".join(f"{row}\n" for (row,) in some).encode("utf-8", "replace")
        except duckdb.OutOfMemoryException as error:
            raise EndedEarly(f"a Parquet file that takes more than {_MEMORY} to read") from error
        except duckdb.Error as error:
            raise EndedEarly("damaged Parquet file") from error
