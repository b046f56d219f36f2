"""People counted over the boundary of two epochs: with the count-only key, never by who holds the lake."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.errors import UsageError
from sensor.privacy.counting import Counting
from sensor.privacy.keys import Keys
from tests.product import query, shadowai, squid

#: Monday on which an epoch begins (week 13 × 228 after 1970-01-05)
BOUNDARY = datetime(2026, 10, 26, tzinfo=UTC)
BEFORE, AFTER = BOUNDARY - timedelta(days=7), BOUNDARY
PEOPLE = [f"person{n}" for n in range(13)]
COUNTS = """SELECT period, first_day, people_at_least, weeks_counted FROM people_periods
            WHERE app = 'all' ORDER BY period, first_day"""


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    keys = Keys(tmp_path, "UTC")
    keys.make_count()
    return Counting(tmp_path, keys)


def _tokens(*weeks: datetime, people: int = 12) -> pl.DataFrame:
    """Token, account and epoch of so many people, as they are given out in each week."""
    keys = Keys(Path("/nonexistent"), "UTC")
    epochs = [keys.epochs_in(pl.Series([week], dtype=schema.TIME))[0] for week in weeks]
    rows = [
        (f"u{epoch}-{'abcdefghijklm'[n] * 16}", PEOPLE[n], epoch) for epoch in epochs for n in range(people)
    ]
    return pl.DataFrame(rows, schema=["token", "value", "epoch"], orient="row")


def _used(week: datetime, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(week=pl.lit(week.date()), app=pl.lit("a/chat"), user_name="user_name", sealed="sealed")


def test_one_person_is_one_in_both_epochs(counting: Counting) -> None:
    used = [_used(week, counting.rows(_tokens(week))) for week in (BEFORE, AFTER)]
    found = counting.count(pl.concat(used), [BEFORE.date(), AFTER.date()])
    quarter = found.filter(period="quarter", app="all").select(
        "first_day", "last_day", "people", "weeks_counted"
    )
    assert quarter.rows() == [(date(2026, 9, 28), date(2027, 1, 3), 12, 2)]
    months = found.filter(period="month", app="a/chat").select("first_day", "last_day", "people").rows()
    assert months == [(date(2026, 9, 28), date(2026, 11, 1), 12)]  # both Thursdays lie in October
    assert found.filter(period="year")["first_day"].unique().to_list() == [date(2025, 12, 29)]


def test_an_earlier_moment_is_counted_anew_and_not_kept(counting: Counting) -> None:
    used = [_used(week, counting.rows(_tokens(week))) for week in (BEFORE, AFTER)]
    counting.count(pl.concat(used), [BEFORE.date(), AFTER.date()])

    def quarter(weeks: list[date], until: date) -> list[tuple[int, int]]:
        found = counting.count_then(used[0].head(7), weeks, until)
        return found.filter(period="quarter", app="all").select("people", "weeks_counted").rows()

    both = [BEFORE.date(), AFTER.date()]
    assert quarter(both, AFTER.date()) == [(7, 1)]
    assert quarter(both[:1], AFTER.date()) == [(12, 2)]  # rows of the second were deleted: its count stands
    assert quarter(both[:1], BEFORE.date()) == [(7, 1)]  # and it had not begun
    assert counting.count(used[0].clear(), []).filter(period="quarter", app="all")["people"].to_list() == [12]


def test_a_running_capture_counts_from_the_making_of_the_key_on(tmp_path: Path) -> None:
    running = Counting(tmp_path, Keys(tmp_path, "UTC"))
    assert running.rows(_tokens(BEFORE)).is_empty()
    Keys(tmp_path, "UTC").make_count()
    assert running.rows(_tokens(BEFORE)).height == 12


def test_two_rows_of_one_account_have_nothing_in_common(counting: Counting, tmp_path: Path) -> None:
    first = counting.rows(_tokens(BEFORE, AFTER))
    again = Counting(tmp_path, Keys(tmp_path, "UTC")).rows(_tokens(BEFORE, AFTER))
    sealed = pl.concat([first, again])["sealed"]
    assert sealed.n_unique() == 48 and sealed.str.slice(0, 16).n_unique() == 48
    assert counting.rows(_tokens(BEFORE, AFTER)).is_empty()  # told once
    counting.count(_used(BEFORE, first), [BEFORE.date()])
    kept = b"".join(path.read_bytes() for path in (tmp_path / "count").iterdir())
    assert counting.second("person1").encode() not in kept and b"a/chat" not in kept
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "count").iterdir()} == {0}


def test_without_either_key_the_tokens_cannot_be_linked(counting: Counting, tmp_path: Path) -> None:
    rows = counting.rows(_tokens(BEFORE, AFTER))
    keys = Keys(tmp_path, "UTC")
    (old, new) = sorted(rows["user_name"].str.extract(r"u(\d+)").cast(pl.Int64).unique())
    week = BEFORE.date()
    counting.count(_used(BEFORE, rows.filter(pl.col("user_name").str.starts_with(f"u{old}"))), [week])
    keys.shred(old, BOUNDARY)
    later = Counting(tmp_path, Keys(tmp_path, "UTC"))
    # What was counted stands; nothing of that epoch can be counted anew.
    found = later.count(
        _used(BEFORE, rows.filter(pl.col("user_name").str.starts_with(f"u{old}")).head(3)), [week]
    )
    assert found.filter(period="month", app="all")["people"].to_list() == [12]
    keys.shred_count()
    assert Counting(tmp_path, Keys(tmp_path, "UTC")).count(_used(AFTER, rows), [AFTER.date()]).is_empty()
    keys.make_count()
    fresh = Counting(tmp_path, Keys(tmp_path, "UTC"))
    mine = rows.filter(pl.col("user_name").str.starts_with(f"u{new}"))
    assert fresh.count(_used(AFTER, mine), [AFTER.date()]).is_empty()  # sealed under the one that is gone


def test_erased_and_expired_people_are_not_counted(counting: Counting) -> None:
    rows = [_used(week, counting.rows(_tokens(week))) for week in (BEFORE, AFTER)]
    counting.count(pl.concat(rows), [BEFORE.date(), AFTER.date()])
    assert counting.forget(["person3"]) == 2 and counting.forget(["nobody"]) == 0
    assert counting.count(rows[0].clear(), []).filter(period="year", app="all")["people"].to_list() == [11]
    assert counting.expire(AFTER.date()) == 1 and counting.known() == {AFTER.date()}


def test_other_levels_have_no_such_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="aggregate"):
        Keys(tmp_path, "UTC", "aggregate").make_count()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen people before and after a boundary; the count-only key was there from the start."""
    folder = tmp_path_factory.mktemp("counting")
    moments = (BOUNDARY - timedelta(days=3), BOUNDARY + timedelta(days=1), BOUNDARY + timedelta(days=9))
    requests = [(at + timedelta(seconds=n), f"10.0.0.{n}", PEOPLE[n]) for at in moments for n in range(13)]
    log = squid(folder / "access.log", requests)
    shadowai(folder, "keys", "init", "--count")
    shadowai(folder, "scan", log, "-q")
    return folder


def test_the_published_count_is_rounded_down_and_stands_in_reports(lake: Path) -> None:
    assert query(lake, "SELECT COUNT(DISTINCT user_name) FROM sightings") == [(26,)]
    assert query(lake, COUNTS, restricted=False) == [
        ("month", date(2026, 9, 28), 10, 2), ("month", date(2026, 11, 2), 10, 1),
        ("quarter", date(2026, 9, 28), 10, 3), ("year", date(2025, 12, 29), 10, 3),
    ]  # fmt: skip
    assert "a count-only key" in shadowai(lake, "doctor")
    assert "A count-only key is held" in shadowai(lake, "privacy-sheet").replace("\\", "")
    assert "keys.count" in shadowai(lake, "audit", "show")


def test_the_lake_alone_cannot_join_the_counting_tokens(lake: Path) -> None:
    """No value stands beside the tokens of two epochs, and no second token anywhere."""
    counting = Counting(lake / "state", Keys(lake / "state", "UTC"))
    seconds = [counting.second(person) for person in PEOPLE]
    rows = query(lake, "SELECT user_name, sealed FROM counting")
    assert len(rows) == 26 == len({sealed for _, sealed in rows})
    for path in (lake / "lake").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            said = (
                str(pl.read_parquet(path, hive_partitioning=False).rows())
                if path.suffix == ".parquet"
                else ""
            )
            assert not any(second in said or second.encode() in content for second in seconds), path
    published = [
        path for path in (lake / "lake" / "open").rglob("*.parquet") if "people_periods" in str(path)
    ]
    assert [list(pl.read_parquet(path).columns) for path in published] == [
        ["period", "first_day", "last_day", "app", "people_at_least", "weeks_counted"]
    ]


def test_as_of_leaves_out_people_who_landed_later(lake: Path) -> None:
    moment = datetime.now(UTC)
    at = BOUNDARY + timedelta(days=9, hours=1)
    late = squid(lake / "late.log", [(at, f"10.0.1.{n}", f"late{n}") for n in range(3)])
    shadowai(lake, "scan", late, "-q")
    quarter = "SELECT people_at_least FROM people_periods WHERE app = 'all' AND period = 'quarter'"
    assert query(lake, quarter, restricted=False) == [(15,)]
    then = ("--as-of", f"{moment:%Y-%m-%dT%H:%M:%S.%f}")
    out = lake / "then.json"
    _run(lake, "report", "quarterly", "--quarter", "2026-Q4", "--format", "json", *then, "--out", out)
    assert '"people_at_least": 10' in out.read_text()
    assert _run(lake, "sql", quarter, *then, "--format", "csv").split() == ["people_at_least", "10"]
    people = "SELECT COUNT(DISTINCT subject) AS people FROM people WHERE week = DATE '2026-11-02'"
    assert query(lake, people) == [(16,)]
    assert _run(lake, "sql", people, "--restricted", *then, "--format", "csv").split() == ["people", "13"]


def test_after_shredding_the_count_key_nobody_is_counted(lake: Path) -> None:
    """The last test of this lake."""
    out = lake / "month.md"
    shadowai_report = ("report", "monthly", "--month", "2026-10", "--format", "md", "--out", out)
    _run(lake, *shadowai_report)
    assert "rounded down" in out.read_text()
    shadowai(lake, "keys", "shred", "count", "--reason", "over", "--yes")
    assert not (lake / "state" / "count").exists() and not list((lake / "state").rglob("count.key"))
    shadowai(lake, "compact", "--now")
    assert query(lake, COUNTS, restricted=False) == []
    _run(lake, *shadowai_report)
    assert "that needs a count-only key" in out.read_text()


def _run(lake: Path, *words: object) -> str:
    from typer.testing import CliRunner

    from sensor.cli.main import app

    places = {"SHADOWAI_LAKE": str(lake / "lake"), "SHADOWAI_STATE": str(lake / "state")}
    done = CliRunner().invoke(app, [*map(str, words)], env=places, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output
