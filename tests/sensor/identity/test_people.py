"""The people file: leases and directory, once an epoch."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor.errors import UsageError
from sensor.identity import people
from sensor.identity.tables import Problems
from sensor.store.compaction import Terms, compact
from sensor.store.lake import Lake
from sensor.store.segments import Commits

BEGIN, END = datetime(2026, 10, 5, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)


def _csv(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_leases_lie_inside_the_epoch_and_the_given_time(tmp_path: Path) -> None:
    text = (
        "address,user_name,department,site,valid_from,valid_to\n"
        "10.0.0.1,Ada,Legal,hq,,\n"
        "10.0.0.2,bob,Legal,hq,2026-11-01T00:00:00,2026-11-02T00:00:00\n"
        "10.0.0.3,old,Legal,hq,2020-01-01T00:00:00,2020-02-01T00:00:00\n"
    )
    rows = people.leases(people.read(_csv(tmp_path, text)), BEGIN, END)
    spans = {row["user_name"]: (row["valid_from"], row["valid_to"]) for row in rows.iter_rows(named=True)}
    assert spans == {
        "ada": (BEGIN, END),
        "bob": (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
    }


@pytest.mark.parametrize("begin", [BEGIN, END])
def test_who_got_an_address_later_has_it_in_later_epochs_too(tmp_path: Path, begin: datetime) -> None:
    text = (
        "address,user_name,device,valid_from,valid_to\n"
        "10.0.0.1,cy,pc1,2026-11-09,\n10.0.0.1,bob,pc1,2026-11-01,2026-11-09\n10.0.0.1,ada,,,\n"
    )
    entries = people.read(_csv(tmp_path, text))
    rows = people.leases(entries, begin, begin + (END - BEGIN)).sort("valid_from")
    assert rows["user_name"].to_list() == (["ada", "bob", "cy"] if begin == BEGIN else ["ada", "cy"])
    assert not rows["shared"].any()
    assert rows["valid_from"].max() - max(begin, datetime(2026, 11, 9, tzinfo=UTC)) < timedelta(seconds=1)
    owners = people.directory(entries, begin, begin + (END - BEGIN)).drop_nulls("device").sort("valid_from")
    assert owners["user_name"].to_list() == rows["user_name"].to_list()[1:]  # a device of one at a time


def test_an_end_in_the_old_line_is_the_beginning_of_the_next(tmp_path: Path) -> None:
    text = "address,user_name,valid_to\n10.0.0.1,cy,\n10.0.0.1,bob,2026-11-20\n10.0.0.1,ada,2026-11-09\n"
    rows = people.leases(people.read(_csv(tmp_path, text)), BEGIN, END).sort("valid_from")
    ends = [datetime(2026, 11, day, tzinfo=UTC) for day in (9, 20)]
    assert rows.select("user_name", "valid_from", "valid_to").rows() == [
        ("ada", BEGIN, ends[0]), ("bob", *ends), ("cy", ends[1], END),
    ]  # fmt: skip


def test_a_day_begins_at_midnight_of_the_report_zone(tmp_path: Path) -> None:
    text = (
        "address,user_name,valid_from,valid_to\n"
        "10.0.0.1,ada,2026-11-20,2026-12-01T08:00\n10.0.0.2,bob,2026-11-20T00:00+01:00,2026-12-01T00:00Z\n"
    )
    entries = people.read(_csv(tmp_path, text), zone="America/Los_Angeles")
    hours = people.leases(entries, BEGIN, END).select(pl.col("valid_from", "valid_to").dt.hour())
    assert sorted(hours.rows()) == [(8, 16), (23, 0)]


def test_an_entry_without_a_site_holds_where_the_sensor_is(tmp_path: Path) -> None:
    """The pipeline fills in the site of its sensor (ingest/people.py)."""
    text = "address,user_name,site\n10.0.0.1,ada,\n10.0.0.2,bob,hq\n"
    rows = people.leases(people.read(_csv(tmp_path, text)), BEGIN, END)
    assert rows.select("user_name", "site").rows() == [("ada", None), ("bob", "hq")]


def test_an_end_that_is_written_into_the_file_later_counts(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake").create()
    for at, until in enumerate(("", "2026-11-02")):
        text = f"address,user_name,site,valid_to\n10.0.0.1,ada,hq,{until}\n"
        rows = people.leases(people.read(_csv(tmp_path, text)), BEGIN, END)
        Commits(lake, "in", lambda: END).commit(at, at + 1, {"leases": rows})
        assert compact(lake, Terms("UTC"), now=END, settle=timedelta())
    (file,) = lake.manifest()["tables"]["leases"]["cold"]["2026-10-05"]
    assert pl.read_parquet(lake.path / file)["valid_to"].to_list() == [datetime(2026, 11, 2, tzinfo=UTC)]


def test_directory_has_one_row_a_person(tmp_path: Path) -> None:
    text = "address,user_name,department,site\n10.0.0.1,ada,Legal,hq\n10.0.0.2,ada,Sales,hq\n"
    rows = people.directory(people.read(_csv(tmp_path, text)), BEGIN, END)
    assert rows.select("user_name", "department").rows() == [("ada", "Sales")]


def test_the_department_before_a_change_is_kept(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake").create()
    for at, department in enumerate(("Sales", "Legal", "Legal", "Sales")):
        entries = people.read(_csv(tmp_path, f"address,user_name,department\n10.0.0.1,ada,{department}\n"))
        rows = people.directory(entries, BEGIN, END)
        Commits(lake, "in", lambda at=at: BEGIN + timedelta(at)).commit(at, at + 1, {"directory": rows})
        assert compact(lake, Terms("UTC"), now=END, settle=timedelta())
    (file,) = lake.manifest()["tables"]["directory"]["cold"]["2026-10-05"]
    assert pl.read_parquet(lake.path / file)["department"].to_list() == ["Sales", "Legal", "Sales"]


def test_a_department_with_a_date_holds_from_then_on(tmp_path: Path) -> None:
    text = "address,user_name,department,valid_from\n::1,ada,Legal,2026-11-20\n::1,ada,Sales,2026-11-01\n"
    entries = people.read(_csv(tmp_path, text))
    rows = people.directory(entries, BEGIN, END).sort("valid_from")
    assert rows.select("department", pl.col("valid_from").dt.date().cast(pl.String)).rows() == [
        ("Sales", "2026-10-05"), ("Sales", "2026-11-01"), ("Legal", "2026-11-20"),
    ]  # fmt: skip
    next_epoch = people.directory(entries, END, END + (END - BEGIN)).sort("valid_from")
    assert next_epoch["department"].to_list()[-1] == "Legal"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("user_name\nada\n", "people.csv:1"),
        ("address,user_name\n10.0.0.x,bob\n", "people.csv:2"),
    ],
)
def test_mistakes_carry_file_and_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(UsageError, match=place):
        people.read(_csv(tmp_path, text))


def test_a_bad_line_costs_one_line_and_is_told_by_place(tmp_path: Path) -> None:
    problems = Problems()
    text = "address,user_name,valid_from\n10.0.0.1,ada,\n10.0.0.x,bob,\n10.0.0.3,cy,soon\n10.0.0.4,dan,,,\n"
    assert people.read(_csv(tmp_path, text), problems)["user_name"].to_list() == ["ada"]
    told = [line.rsplit("/", 1)[1].split(": ")[0] for line in problems.lines()]
    assert (problems.count, sorted(told)) == (3, ["people.csv:3", "people.csv:4", "people.csv:5"])
    assert "bob" not in " ".join(problems.lines())


def test_addresses_have_one_form(tmp_path: Path) -> None:
    forms = {
        "10.0.0.1": "10.0.0.1", "[2001:DB8:0::1]": "2001:db8::1", "::ffff:10.0.0.2": "10.0.0.2",
        "fe80::1%eth0": "fe80::1", "10.0.0.256": None, "010.0.0.1": None, "10.0.0.00": None, "10.0.0.٣": None,
        "10.0.0": None, "": None,
    }  # fmt: skip
    problems = Problems()
    text = "user_name,address\n" + "".join(f"ada,{form}\n" for form in forms)
    found = people.read(_csv(tmp_path, text), problems)["address"].to_list()
    assert found == [form for form in forms.values() if form]
    assert [int(line.split(":")[1]) for line in problems.lines()] == [6, 7, 8, 9, 10, 11]


def test_an_address_of_several_people_is_shared(tmp_path: Path) -> None:
    text = "address,user_name\n10.0.0.1,ada\n10.0.0.1,bob\n10.0.0.2,cy\n"
    rows = people.leases(people.read(_csv(tmp_path, text)), BEGIN, END)
    assert dict(rows.select("user_name", "shared").rows()) == {"ada": True, "bob": True, "cy": False}
