"""Generated histories of leases: who truly had an address is named, whatever order they came in."""

from __future__ import annotations

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.counting import holders
from analytics.counting.days import STALE
from analytics.counting.frames import store_frame
from analytics.counting.holders import make_holders
from analytics.lake import connect
from analytics.steps import Steps
from sensor import schema
from tests.bench import bench_who

BEGIN = datetime(2026, 11, 16, tzinfo=UTC)
Lease = tuple[str, str | None, str | None, int, int, str, float]
#: a person, minutes of tenure, minutes of pause before it
Tenure = tuple[int, int, int]
TENURES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(2, 300), st.integers(0, 30)), min_size=1, max_size=12
)
#: Histories of so many addresses: making intervals costs the same for all of them as for one.
NETWORKS = st.lists(TENURES, min_size=6, max_size=9)


def _holders(leases: list[Lease], landed: Sequence[int] = ()) -> duckdb.DuckDBPyConnection:
    """`every_holders` of (address, user, device, from minute, to minute, origin, confidence), and the minutes
    in which they `landed`, if that is told."""
    connection = connect()
    connection.execute(
        "CREATE TABLE every_leases (site VARCHAR, address VARCHAR, mac VARCHAR, user_name VARCHAR,"
        " device VARCHAR, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ, origin VARCHAR, confidence DOUBLE,"
        " shared BOOLEAN, landed_at TIMESTAMPTZ)"
    )
    connection.execute("CREATE TABLE every_directory (user_name VARCHAR, kind VARCHAR)")
    rows = [
        ("hq", address, device and f"m{device}", user, device, BEGIN + timedelta(minutes=begin),
         BEGIN + timedelta(minutes=end), origin, sure, False,
         None if at is None else BEGIN + timedelta(minutes=at))
        for (address, user, device, begin, end, origin, sure), at in zip_longest(leases, landed)
    ]  # fmt: skip
    if rows:
        names = [column[0] for column in connection.execute("DESCRIBE every_leases").fetchall()]
        types = {name: schema.LEASES.dtypes[name] for name in names}
        store_frame(connection, "told_rows", pl.DataFrame(rows, schema=types, orient="row"))
        connection.execute("INSERT INTO every_leases FROM told_rows")
    make_holders(connection)
    return connection


Bindings = dict[str, list[tuple[int, int, str | None, str | None, bool | None]]]


def _bindings(connection: duckdb.DuckDBPyConnection) -> Bindings:
    """Address to (from, to in microseconds, user, device, unvouched): asked once, not for every moment."""
    found: Bindings = defaultdict(list)
    for address, *binding in connection.execute(
        "SELECT address, from_us, to_us, user_name, device, unvouched FROM every_holders"
    ).fetchall():
        found[address].append(tuple(binding))
    return found


def _at(bindings: Bindings, address: str, minute: int) -> tuple[str | None, str | None, bool | None]:
    """User, device and whether nothing vouches for the user, at half past a minute."""
    moment = int((BEGIN + timedelta(minutes=minute, seconds=30)).timestamp() * 1_000_000)
    found = [binding[2:] for binding in bindings[address] if binding[0] <= moment < binding[1]]
    assert len(found) <= 1, "two rows speak for one moment"
    return found[0] if found else (None, None, None)


def _history(
    tenures: list[tuple[int, int, int]], address: str = "a"
) -> tuple[list[Lease], list[tuple[int, int, int]]]:
    """Leases of a DHCP server and of logins, and the truth: (from, to, person)."""
    leases: list[Lease] = []
    truth, clock = [], 0
    for person, lasts, pause in tenures:
        begin, end = clock + pause, clock + pause + lasts
        leases.append((address, None, f"d{person}", begin, end, "dhcp", 0.9))
        if lasts > 4:  # a renewal, and a login whose window would reach far beyond
            leases.append((address, None, f"d{person}", begin + lasts // 2, end, "dhcp", 0.9))
            leases.append((address, f"u{person}", None, begin + 1, begin + 601, "directory", 0.8))
        truth.append((begin, end, person))
        clock = end
    return leases, truth


@given(NETWORKS, st.randoms(use_true_random=False))
@settings(max_examples=4, deadline=None)
def test_complete_leases_name_everybody_rightly_in_any_order(
    network: list[list[Tenure]], shuffle: random.Random
) -> None:
    histories = {f"a{n}": _history(tenures, f"a{n}") for n, tenures in enumerate(network)}
    leases = [lease for told, _ in histories.values() for lease in told]
    shuffle.shuffle(leases)
    with _holders(leases) as connection:
        bindings = _bindings(connection)
        for address, (_, truth) in histories.items():
            for begin, end, person in truth:
                for minute in {begin, (begin + end) // 2, end - 1}:
                    user, device, _ = _at(bindings, address, minute)
                    assert device == f"d{person}"
                    assert user in (None, f"u{person}")
                    assert user is not None or minute <= begin + 1 or end - begin <= 4
        rows = connection.execute("FROM every_holders ORDER BY ALL").fetchall()
    with _holders(sorted(leases, key=str)) as connection:
        assert connection.execute("FROM every_holders ORDER BY ALL").fetchall() == rows


@pytest.mark.parametrize("last", ["ann", "zoe"])  # names play no part
def test_a_line_of_the_people_file_holds_from_when_it_was_read_in_place_of_another(last: str) -> None:
    lines = [("bob", 0, 100), (last, 0, 100), ("bob", 100, 200), (last, 100, 200), ("eve", 200, 300)]
    leases: list[Lease] = [("a", user, None, begin, end, "csv", 0.9) for user, begin, end in lines]
    with _holders(leases, landed=[50, 130, 50, 130, 190]) as connection:
        rows = connection.execute(
            "SELECT static_user, from_us, to_us FROM every_holders ORDER BY from_us"
        ).fetchall()
    start = int(BEGIN.timestamp() * 1_000_000)
    spans = [(user, (a - start) // 60_000_000, (b - start) // 60_000_000) for user, a, b in rows]
    # The first epoch was over when the second line was read.
    assert spans == [("bob", 0, 130), (last, 130, 200), ("eve", 200, 300)]


@given(NETWORKS, st.integers(1, 60), st.integers(0, 30))
@settings(max_examples=3, deadline=None)
def test_a_lease_told_again_and_again_is_the_one_lease_it_is(
    network: list[list[Tenure]], every: int, overlap: int
) -> None:
    once = [lease for n, tenures in enumerate(network) for lease in _history(tenures, f"a{n}")[0]]
    told: list[Lease] = []
    for address, user, device, begin, end, origin, sure in once:
        starts = range(begin, end, every) if origin == "dhcp" else [begin]
        ends = [min(at + every + overlap, end) if origin == "dhcp" else end for at in starts]
        told += [(address, user, device, *times, origin, sure) for times in zip(starts, ends, strict=True)]
    answers = []
    for leases in (once, told):
        with _holders(leases) as connection:
            answers.append(connection.execute("FROM every_holders ORDER BY ALL").fetchall())
    assert answers[0] == answers[1]


def test_phrases_that_hash_alike_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = _history([(1, 60, 0), (2, 30, 5), (1, 20, 0)])[0]
    with _holders(leases) as connection:
        rows = connection.execute("FROM every_holders ORDER BY ALL").fetchall()
    steps = shutil.copytree(holders.STEPS.folder, tmp_path / "holding")
    contents = (steps / "1_contents.sql").read_text()
    # With the first salt, 0, all have one hash.
    clashing = contents.replace("HASH($salt, user_name", "sign($salt) * HASH($salt, user_name")
    assert clashing != contents
    (steps / "1_contents.sql").write_text(clashing)
    monkeypatch.setattr(holders, "STEPS", Steps(steps))
    with _holders(leases) as connection:
        assert connection.execute("FROM every_holders ORDER BY ALL").fetchall() == rows
    assert len(rows) > 3


def test_leases_that_two_logs_tell_alike_are_held_as_long_as_if_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holders, "LEASES_A_PART", 2000)
    draw = random.Random(3)
    once: list[Lease] = [
        (address, None, f"d{draw.randrange(4)}", hour * 60, hour * 60 + 90, "dhcp", 0.9)
        for address in map(str, range(300))
        for hour in range(20)
    ]
    twice = once + once
    draw.shuffle(twice)
    answers = []
    for leases in (once, twice):
        with _holders(leases) as connection:
            answers.append(connection.execute("FROM every_holders ORDER BY ALL").fetchall())
    assert answers[0] == answers[1]


def test_a_login_is_not_blamed_for_the_next_device_and_vpn_gives_way_again() -> None:
    leases: list[Lease] = [
        ("a", None, "d1", 0, 100, "dhcp", 0.9),
        ("a", "u1", None, 1, 601, "directory", 0.8),
        ("a", "u9", None, 50, 60, "vpn", 0.9),
        ("a", None, "d2", 102, 200, "dhcp", 0.9),
    ]
    with _holders(leases) as connection:
        bindings = _bindings(connection)
    seen = [_at(bindings, "a", minute)[:2] for minute in (0, 10, 55, 70, 101, 150)]
    assert seen == [(None, "d1"), ("u1", "d1"), ("u9", None), ("u1", "d1"), (None, None), (None, "d2")]


def test_stated_confidence_is_no_more_than_the_truth_when_a_fifth_of_the_records_is_missing() -> None:
    draw = random.Random(7)
    stated: dict[bool, list[bool]] = {True: [], False: []}
    leases: list[Lease] = []
    truths: list[tuple[str, int, int, int]] = []
    for address in map(str, range(150)):
        tenures = [(draw.randrange(40), draw.randrange(20, 300), draw.randrange(0, 30)) for _ in range(6)]
        told, truth = _history(tenures, address)
        leases += [lease for lease in told if draw.random() > 0.2]
        truths += [(address, *one) for one in truth]
    with _holders(leases) as connection:
        bindings = _bindings(connection)
    for address, begin, end, person in truths:
        user, _, unvouched = _at(bindings, address, draw.randrange(begin, end))
        if user is not None:
            stated[bool(unvouched)].append(user == f"u{person}")
    vouched, alone = (sum(stated[key]) / len(stated[key]) for key in (False, True))
    assert len(stated[False]) > 300 and len(stated[True]) > 20
    assert vouched >= 0.8 and alone >= 0.8 * STALE, (vouched, alone)
    assert vouched > alone


def test_the_bench_says_how_many_it_named_rightly(capsys: pytest.CaptureFixture[str]) -> None:
    """It takes the build's own steps, so it must follow them."""
    bench_who.main(20_000, 2_000, 2)
    found = re.search(r"named rightly on the last day: ([\d.]+)%", capsys.readouterr().out)
    assert found and float(found[1]) > 95
