"""Every view is in the SQL that DuckDB and Spark share: transpiled always, executed where pyspark is.

Spark is given the rows of each view's own example and must make of them what DuckDB does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from analytics.definitions import Example, View, load_views
from tests.analytics.handmade import ZONE
from tests.analytics.test_views import moment, stored_types

sqlglot = pytest.importorskip("sqlglot", reason="sqlglot is not installed (requirements-dev.lock has it)")

VIEWS = load_views()
EXAMPLES = [(view, example) for view in VIEWS for example in view.examples]
SPARK = {"TIMESTAMP WITH TIME ZONE": "timestamp", "VARCHAR": "string", "SMALLINT": "smallint"}


def spark_sql(view: View) -> str:
    """The view in Spark's dialect; raises where sqlglot knows no way to say it."""
    raise_it = sqlglot.ErrorLevel.RAISE
    (text,) = sqlglot.transpile(view.sql(ZONE), read="duckdb", write="spark", unsupported_level=raise_it)
    return str(text).replace("stored.", "stored_")


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_transpiles_to_spark(view: View) -> None:
    parsed = sqlglot.parse_one(spark_sql(view), read="spark")
    assert [column.alias_or_name for column in parsed.selects] == list(view.columns)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A local Spark in UTC."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    session = (
        sql.SparkSession.builder.master("local[1]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.parametrize(("view", "example"), EXAMPLES, ids=[view.name for view, _ in EXAMPLES])
def test_spark_says_the_same(view: View, example: Example, spark: Any) -> None:
    for name in view.reads:
        types = stored_types()[name]
        schema = ", ".join(f"`{column}` {SPARK.get(dtype, dtype)}" for column, dtype in types.items())
        rows = [[_typed(row.get(c), types[c]) for c in types] for row in example.given.get(name, [])]
        spark.createDataFrame(rows, schema).createOrReplaceTempView(f"stored_{name}")
    rows = [row.asDict() for row in spark.sql(spark_sql(view)).collect()]
    found = [{name: _aware(value) for name, value in row.items()} for row in rows]
    names = list(view.columns)
    assert found == [{name: moment(row.get(name), view, name) for name in names} for row in example.expect]


def _typed(value: Any, dtype: str) -> Any:
    """A value of an example as Spark takes it."""
    if value is None:
        return None
    if dtype.startswith("TIMESTAMP"):
        text = value.isoformat() if isinstance(value, date) else str(value)
        return datetime.fromisoformat(text.replace("+00", "+00:00") if text.endswith("+00") else text)
    return float(value) if dtype == "DOUBLE" else value


def _aware(value: Any) -> Any:
    """Spark hands out local times without a zone."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value
