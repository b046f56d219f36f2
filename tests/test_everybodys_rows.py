"""Every table and mart there is: in the data-protection sheet, within retention, in reach of erasure, hiding
and access requests. A new one that names somebody fails here until it is."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from analytics import publish
from analytics.definitions import load_marts
from analytics.subject import Times
from sensor import schema
from sensor.cli import erase, export_subject, retain
from sensor.cli.privacy_sheet import facts_of
from sensor.privacy.sheet import markdown
from sensor.privacy.subject import Subject
from sensor.settings import Retention, Settings

#: Columns that hold the token of an account, and so find the rows of a person.
ACCOUNT = ("user_name", "subject")
#: Tables that name nobody though they have such a column, and why.
NOT_ROWS = {"erasures": "says itself who is hidden"}
#: Kept until the lake goes, and why.
FOR_EVER = {
    "erasures": "what it hides may come back from a log read again",
    "audit": "the record of what was done",
    "decisions": "what was decided stays in force",
    "sensors": "names no person",
}
MARTS = load_marts()
TABLES = schema.STORED


def _identifies(table: schema.Table) -> bool:
    return any(column.kind in ("address", "user", "device", "mac") for column in table)


PERSONAL = [table.name for table in TABLES if _identifies(table) and table.name not in NOT_ROWS]
PERSONAL_MARTS = [mart.name for mart in MARTS if set(ACCOUNT) & set(mart.columns)]


def test_there_are_restricted_tables() -> None:
    assert {"sightings", "restated", "names_by_client", "leases", "directory"} <= set(PERSONAL)
    assert {"usage_hourly", "ai_servers_daily", "rhythm_daily", "finding_evidence"} <= set(PERSONAL_MARTS)


def test_every_table_and_mart_stands_in_the_sheet() -> None:
    text = markdown(facts_of(Settings())).replace("\\", "").split("## What is stored")[1].split("\n## ")[0]
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines()}
    for one in (schema.CATALOG, *TABLES, *MARTS):
        assert f"| {one.zone} |" in rows[one.name]
    for mart in MARTS:
        days = 90 if mart.zone == "restricted" else 400
        assert ("until a newer one" if mart.period == "once" else f"{days} days") in rows[mart.name]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_a_retention_that_deletes(table: schema.Table) -> None:
    rules = retain._rules(Retention(), datetime.now(UTC))
    assert (table.name in rules) != (table.name in FOR_EVER)
    if table.name in rules:
        time = "valid_to" if "valid_to" in table.dtypes else table.time
        rows = [{time: datetime(2001, 1, 1, tzinfo=UTC)}, {time: datetime.now(UTC)}]
        frame = table.conform(pl.DataFrame(rows, schema={time: schema.TIME}))
        assert rules[table.name].doomed(frame).to_list() == [True, False]


def test_every_mart_has_a_period_that_expires() -> None:
    """Those made `once` hold the policy and the rules, no events."""
    once = {mart.name for mart in MARTS if mart.period == "once"}
    assert once == {"policy", "rules", "controls", "exceptions", "exception_people", "people_periods"}
    assert all(mart.zone in ("open", "restricted") for mart in MARTS)


@pytest.mark.parametrize("name", PERSONAL)
def test_a_persons_rows_are_erased_hidden_and_given(name: str) -> None:
    assert name in erase._rules(Subject(("u1-a",)), Times((), ()))
    assert name in publish._ABOUT
    assert name in export_subject._ROWS
    columns = schema.TABLES[name].dtypes
    assert publish._ABOUT[name] in columns and columns[publish._ABOUT[name]] == pl.String()
    assert schema.TABLES[name].zone == "restricted"


@pytest.mark.parametrize("name", PERSONAL_MARTS)
def test_a_persons_marts_are_erased_hidden_and_given(name: str) -> None:
    """forget.erase finds its rows by the columns `subject` and `user_name` of restricted marts."""
    (mart,) = (mart for mart in MARTS if mart.name == name)
    assert mart.zone == "restricted"
    assert publish._ABOUT[name] == "subject" and "subject" in mart.columns
    assert name in export_subject._ROWS


def test_no_open_table_or_mart_has_a_column_about_somebody() -> None:
    open_tables = [table for table in (*TABLES, schema.CATALOG) if table.zone == "open"]
    assert not [table.name for table in open_tables if _identifies(table)]
    names = {"subject", "user_name", "client", "client_mac", "device", "mac", "address", "server", "event_id"}
    assert not [mart.name for mart in MARTS if mart.zone == "open" and names & set(mart.columns)]
