"""The tables keep their conventions, whoever adds a column."""

import polars as pl
import pytest

from sensor import schema

ALLOWED = {pl.String(), pl.Int64(), pl.Int16(), pl.Float64(), pl.Boolean(), schema.TIME}
TABLES = schema.TABLES.values()


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_columns_have_portable_types_unique_names_and_a_meaning(table: schema.Table) -> None:
    names = [column.name for column in table]
    assert len(names) == len(set(names))
    assert "user" not in names
    assert set(table.dtypes.values()) <= ALLOWED
    assert all(column.meaning for column in table)


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_units_stand_in_names(table: schema.Table) -> None:
    for column in table:
        if column.unit == "s":
            assert column.name.endswith("_s"), column.name
        if column.unit == "bytes":
            assert "bytes" in column.name, column.name


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_tokens_have_a_kind_and_keys_exist(table: schema.Table) -> None:
    for column in table:
        assert bool(column.kind) == bool({"token", "internal"} & set(column.protect)), column.name
    assert set(table.key) <= set(table.dtypes)
    assert table.time == "" or table.dtypes[table.time] == schema.TIME


def test_open_tables_hold_no_person() -> None:
    for table in TABLES:
        if table.zone == "open":
            assert {c.name for c in table}.isdisjoint({"client", "user_name", "device", "client_mac"}), (
                table.name
            )
            assert all("token" not in c.protect for c in table), table.name


def test_levels_are_ordered_and_every_stored_table_has_a_purpose() -> None:
    """What a stricter level keeps, a laxer one keeps too; but a secret is never clear."""
    freedom = {"drop": 0, "token": 1, "internal": 2, "clear": 3}
    for table in TABLES:
        for column in table:
            acts = [freedom[column.protect.at(level)] for level in schema.LEVELS]
            is_secret = column.protect is schema.SECRET and acts == [0, 1, 0]
            assert is_secret or acts == sorted(acts), f"{table.name}.{column.name}"
    assert all(table.purpose for table in (*schema.STORED, schema.CATALOG))


def test_conform_fills_orders_casts_and_drops() -> None:
    frame = pl.DataFrame(
        {"lookups": [3], "bogus": [1], "host": ["a.example"]}, schema_overrides={"lookups": pl.Int32}
    )
    out = schema.NAMES.conform(frame)
    assert out.columns == list(schema.NAMES.dtypes)
    assert out.schema["lookups"] == pl.Int64()
    assert out.row(0, named=True)["host"] == "a.example"
    assert out.get_column("bytes_up").null_count() == 1
