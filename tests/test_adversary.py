"""Somebody holds both zones of a lake, and no key. What can they find out? The known attacks, each tried.

They know how the product works, every setting, every service, every address the network may use, every
account (from the directory on the wall), who is in which department, and the traffic they made themselves.
They hold neither the keys nor somebody else's copy of the traffic: against that no token helps.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import itertools
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.definitions import load_marts
from sensor import schema
from sensor.privacy.community import community_ids
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import token
from tests.product import query, shadowai, squid

MONDAY = datetime(2026, 11, 9, 8, tzinfo=UTC)
NETWORK = ipaddress.ip_network("10.77.0.0/22")
STAFF = {f"person{n}": ("Sales" if n < 9 else "Legal" if n < 16 else "Board") for n in range(18)}
ADDRESS = {name: str(NETWORK[n + 20]) for n, name in enumerate(STAFF)}
#: on the wall as well, and never seen
QUIET = [f"quiet{n}" for n in range(6)]
K = 5
#: Open marts with times that are no person's: when a sensor watched, when a catalog was applied anew.
OF_NO_PERSON = ("coverage_days", "restatements_weekly")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of three departments and three services; the Board are two, one sends by far the most."""
    folder = tmp_path_factory.mktemp("lake")
    draw = random.Random(6)
    hosts = {"chatgpt.com": 0.9, "claude.ai": 0.5, "chat.deepseek.com": 0.15}
    for host, share in hosts.items():
        requests = [
            (MONDAY + timedelta(days=day, seconds=draw.randrange(30_000)), ADDRESS[name], name)
            for day in range(5)
            for name in STAFF
            if draw.random() < share
            for _ in range(40 if name == "person17" and host == "claude.ai" else 1)
        ]
        squid(folder / f"{host}.log", requests, host)
    # Also somebody's browsing, and people counted over epochs: what is stored on request only.
    (folder / "shadowai.toml").write_text("names_by_client = true\n")
    (folder / "unknown").mkdir()
    browsing = [(MONDAY + timedelta(seconds=n), ADDRESS[name], name) for n, name in enumerate(STAFF)]
    unknown = squid(folder / "unknown" / "access.log", browsing, "unknown.example.org")
    shadowai(folder, "keys", "init", "--count")
    people = [f"{ADDRESS[n]},{n},laptop-{n},{d},main" for n, d in STAFF.items()]
    people += [f"{NETWORK[60 + n]},{name},,Sales,main" for n, name in enumerate(QUIET)]
    (folder / "people.csv").write_text(
        "\n".join(["address,user_name,device,department,site", *people]) + "\n"
    )
    logs = [unknown, *(folder / f"{host}.log" for host in hosts)]
    shadowai(folder, "scan", *logs, "--people", folder / "people.csv", "-q")
    return folder


@pytest.fixture(scope="module")
def held(lake: Path) -> dict[str, pl.DataFrame]:
    """Every file of the lake, by table: what the attacker has."""
    found: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for path in (lake / "lake").rglob("*.parquet"):
        parts = path.relative_to(lake / "lake").parts
        name = parts[2] if parts[1:2] == ("marts",) else parts[1] if len(parts) > 2 else parts[0]
        found[name].append(pl.read_parquet(path, hive_partitioning=False))
    return {name: pl.concat(frames, how="diagonal_relaxed") for name, frames in found.items()}


def _guesses() -> Iterator[tuple[str, str]]:
    """(kind, value) of everybody and everything inside."""
    yield from (("address", str(address)) for address in NETWORK)
    yield from (("user", name) for name in STAFF)
    yield from (("device", f"laptop-{name}") for name in STAFF)


def _digests(text: str, keys: list[bytes]) -> Iterator[bytes]:
    for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s"):
        yield hashlib.new(algorithm, text.encode()).digest()
    yield from (hmac.digest(key, text.encode(), "sha256") for key in keys)
    yield from (hashlib.blake2b(text.encode(), key=key[:64], digest_size=8).digest() for key in keys)


def test_enumerating_addresses_and_accounts_meets_no_token(held: dict[str, pl.DataFrame]) -> None:
    """With every public hash, and every value of the lake or of the settings as a key."""
    sightings = held["sightings"]
    assert {"names_by_client", "counting"} <= set(held)
    tokens = {
        value
        for table in schema.STORED
        if table.name in held
        for column in table
        if column.kind in ("address", "user", "device", "mac")
        for value in held[table.name][column.name].drop_nulls().unique()
    }
    assert len(tokens) > 2 * len(STAFF)
    heads = {token.split("-")[1] for token in tokens}
    public = [b"", b"0" * 32, bytes(32), b"shadowai", b"main", b"org", b"site:main"]
    public += [
        str(value).encode() for name in ("input", "catalog_version") for value in sightings[name].unique()
    ]
    public += [token.split("-")[0][1:].encode() for token in tokens][:1]
    tried = 0
    for kind, value in _guesses():
        for scope in ("", "org|", "site:main|"):
            for text in (f"{scope}{value}", f"{scope}{kind}|{value}"):
                for digest in _digests(text, public):
                    tried += 1
                    assert base64.b32encode(digest[:10]).decode().lower() not in heads
    assert tried > 100_000


def test_ids_of_rows_and_connections_cannot_be_computed(held: dict[str, pl.DataFrame]) -> None:
    """From the tuple, with and without the start, as the product joins them; 63 bits of any public hash."""
    sightings = held["sightings"]
    ids = {value for name in ("event_id", "connection", "flow") for value in sightings[name].drop_nulls()}
    mask = (1 << 63) - 1
    times = sightings["seen_at"].dt.epoch("us").unique().to_list()
    for address, at in itertools.product(ADDRESS.values(), times[:40]):
        for text in (
            f"{address}|{at}",
            f"main|tcp||{address}||chatgpt.com|443|{at}",
            f"{at}|0.9|squid|proxy|{address}",
        ):
            for digest in _digests(text, [b"", bytes(32)]):
                assert int.from_bytes(digest[:8], "big") & mask not in ids
    assert sightings["community_id"].null_count() == sightings.height
    rows = pl.DataFrame({"client": ["10.77.0.20"], "client_port": [1], "server": ["10.77.0.1"],
                         "server_port": [443], "transport": ["tcp"]})  # fmt: skip
    assert community_ids(rows)[0] not in str(sightings.rows())


def test_rows_lie_in_no_order_that_tells_whose_they_are(lake: Path) -> None:
    """The directory on the wall is sorted by name, and so are the files it was exported to."""
    keys = Keys(lake / "state", "UTC")
    names = {
        token(keys.of(epoch.number), epoch.number, scope, kind, value): n
        for epoch in keys.epochs()
        for n, name in enumerate(STAFF)
        for scope, kind, value in (("org", "user", name), ("site:main", "address", ADDRESS[name]))
    }
    tables = ("directory", "leases", "counting")
    looked_at = 0
    for table, path in (
        (t, p) for t in tables for p in (lake / "lake" / "restricted" / t).rglob("*.parquet")
    ):
        frame = pl.read_parquet(path, hive_partitioning=False)
        column = "address" if table == "leases" else "user_name"
        order = [names[value] for value in dict.fromkeys(frame[column].to_list()) if value in names]
        if len(order) < len(STAFF):
            continue
        looked_at += 1
        rising = sum(one < other for one, other in itertools.pairwise(order))
        assert 0.2 < rising / (len(order) - 1) < 0.8, path
    assert looked_at >= 4  # as they landed, and compacted


def test_counts_over_weeks_describe_nobody_when_weeks_are_subtracted(lake: Path) -> None:
    periods = query(lake, "SELECT people_at_least FROM people_periods", restricted=False)
    assert periods and all(people is None or people % K == 0 for (people,) in periods)  # type: ignore[operator]


def test_no_port_and_no_inner_server_is_there_to_join_by(held: dict[str, pl.DataFrame]) -> None:
    assert held["sightings"]["client_port"].null_count() == held["sightings"].height
    inside = re.compile(r"\b10\.77\.\d+\.\d+\b")
    for name, frame in held.items():
        assert not inside.search(str(frame.rows())), name


def test_knowing_ones_own_use_reveals_only_ones_own_token(held: dict[str, pl.DataFrame]) -> None:
    """Times of one's own requests find one's own rows. The token then is as good as random."""
    sightings = held["sightings"].filter(pl.col("kind") == "proxy")
    tokens = sightings["user_name"].unique().to_list()
    assert len(tokens) == len(STAFF)
    bits = [int.from_bytes(base64.b32decode(token.split("-")[1].upper()), "big") for token in tokens]
    nearest = min((one ^ other).bit_count() for one, other in itertools.combinations(bits, 2))
    assert nearest > 12  # of 80; related inputs give unrelated tokens
    order = [token for (token,) in sightings.sort("event_id").select("user_name").iter_rows()]
    by_time = [token for (token,) in sightings.sort("seen_at").select("user_name").iter_rows()]
    assert order != by_time


def test_a_department_of_two_is_not_named_beside_their_tokens(held: dict[str, pl.DataFrame]) -> None:
    """Slicing by department: every department a token stands beside has at least k members."""
    sizes = defaultdict(set)
    for member, department in held["directory"].select("user_name", "department").iter_rows():
        sizes[department].add(member)
    assert "Board" not in sizes and set(sizes) == {"Sales", "Legal", "other"}
    named = set(held["usage_hourly"]["department"]) - {"other", "unattributed"}
    assert all(len(sizes[department]) >= K for department in named)
    written = {value for frame in held.values() for row in frame.iter_rows() for value in row}
    assert "Board" not in written


def _users(lake: Path) -> pl.DataFrame:
    """The truth: who used what in which department on which day; only the test can know it."""
    rows = []
    for path in lake.glob("*.log"):
        for line in path.read_text().splitlines():
            words = line.split()
            name, day = words[3], datetime.fromtimestamp(float(words[0]), UTC).date()
            rows.append({"name": name, "department": STAFF[name], "host": path.stem, "day": day})
    return pl.DataFrame(rows).unique()


APPS = {
    "chatgpt.com": "openai/chatgpt",
    "claude.ai": "anthropic/claude",
    "chat.deepseek.com": "deepseek/chat",
}


def test_differencing_published_cells_leaves_no_small_group(lake: Path) -> None:
    """Every total minus every choice of its shown parts, over departments, services and days."""
    truth = _users(lake).with_columns(app=pl.col("host").replace(APPS))
    sql = "SELECT department, app, people, bytes_up FROM usage_weekly WHERE grade >= 3"
    cells = {(d, a): (people, up) for d, a, people, up in query(lake, sql, restricted=False)}
    labels = {department for department, _ in cells}
    assert ("all", "all") in cells and len(labels) > 1

    def who(department: str, app: str) -> set[str]:
        rows = truth if app == "all" else truth.filter(app=app)
        if department not in ("all", "other"):
            rows = rows.filter(department=department)
        if department == "other":
            rows = rows.filter(~pl.col("department").is_in([d for d, a in cells if a == app]))
        return set(rows["name"])

    for (department, app), (people, _) in cells.items():
        group = who(department, app)
        assert people is None or len(group) >= K
        assert people is None or people == len(group)
    for app in {a for d, a in cells if d == "other"}:
        told = [people for (d, a), (people, _) in cells.items() if a == app and d != "all"]
        assert None in told or sum(told) == len(who("all", app))  # the pool is what subtraction gives anyway
    for department in labels:
        _no_rest(cells, who, [(department, app) for d, app in cells if d == department and app != "all"],
                 (department, "all"))  # fmt: skip
    for app in {app for _, app in cells}:
        _no_rest(cells, who, [(d, app) for d, a in cells if a == app and d != "all"], ("all", app))


def _no_rest(cells, who, parts, total) -> None:  # type: ignore[no-untyped-def]
    """Bytes add up: whoever subtracts shown parts from a shown total gets the sum of the hidden ones."""
    if cells[total][1] is None:
        return
    shown = [part for part in parts if cells[part][1] is not None]
    hidden = [part for part in parts if cells[part][1] is None]
    rest = cells[total][1] - sum(cells[part][1] for part in shown)
    people = set().union(*(who(*part) for part in hidden)) if hidden else set()
    assert rest >= 0
    assert not hidden or len(people) >= K, f"{total} minus {shown} describes {people}"


def test_slicing_by_day_leaves_no_small_group(lake: Path) -> None:
    truth = _users(lake).with_columns(app=pl.col("host").replace(APPS))
    days = query(
        lake, "SELECT day, app, people, bytes_up FROM usage_daily WHERE grade >= 3", restricted=False
    )
    weekly = dict(
        query(lake, "SELECT app, bytes_up FROM usage_weekly WHERE department = 'all'", restricted=False)
    )
    assert any(people for _, _, people, _ in days)
    for app in {app for _, app, _, _ in days}:
        shown = {day: up for day, a, _, up in days if a == app and up is not None}
        for day, a, people, _ in days:
            if a == app and people is not None:
                assert truth.filter(app=app, day=day)["name"].n_unique() == people >= K
        hidden = truth.filter(pl.col("app") == app, ~pl.col("day").is_in(list(shown)))["name"].n_unique()
        if weekly[app] is not None:
            rest = weekly[app] - sum(shown.values())
            assert rest == 0 or hidden >= K


def _spoken(lake: Path, columns: str) -> list[tuple[Any, ...]]:
    """The truth of the hours, from the restricted zone: only the test looks there."""
    sql = f"SELECT {columns} FROM usage_hourly WHERE grade >= 3 GROUP BY ALL ORDER BY ALL"
    return query(lake, sql, restricted=True)


def test_the_clock_shows_no_hour_with_few_people(lake: Path) -> None:
    """By each hour, over weekdays, and an hour's people less those of all services shown of its day."""
    seen = _spoken(lake, "hour, subject, app")
    told = query(lake, "SELECT days, hour_of_day, subjects_least FROM hours_weekly WHERE kind = 'people'",
                 restricted=False)  # fmt: skip
    assert {days for days, _, _ in told} > {"workdays", "mon"}
    for days, hour, least in told:
        there = {who for at, who, _ in seen if at.hour == hour and days in (f"{at:%a}".lower(), "workdays")}
        assert K <= least <= len(there) and least % K == 0
    shown = query(lake, "SELECT day, app, people FROM usage_daily WHERE people IS NOT NULL", restricted=False)
    for day in {at.date() for at, _, _ in seen}:
        apps = {app: people for on, app, people in shown if on == day}
        behind = {who for at, who, _ in seen if at.date() == day}
        behind -= {who for at, who, app in seen if at.date() == day and app in apps}
        most = max((least for days, _, least in told if days == f"{day:%a}".lower()), default=0)
        assert most <= sum(apps.values()) or len(behind) >= K


def test_the_curve_of_senders_reveals_no_single_person(lake: Path) -> None:
    sent = sorted((up for _, up in _spoken(lake, "subject, SUM(bytes_up)") if up is not None), reverse=True)
    curve = query(
        lake, "SELECT people, bytes_up_percent FROM concentration_weekly ORDER BY band", restricted=False
    )
    assert len(curve) > 1
    before = 0
    for people, percent in curve:
        band = sent[before:people]
        assert len(band) >= K and max(band) <= 0.8 * sum(band)
        assert percent == 100 * sum(sent[:people]) // sum(sent)
        before = people
    ((everyone,),) = query(
        lake, "SELECT people FROM usage_weekly WHERE department = 'all' AND app = 'all'", restricted=False
    )
    assert everyone == before or everyone - before >= K


def test_nobody_follows_from_how_many_a_department_has(lake: Path) -> None:
    """People of a department, or of all departments less those shown: none of them are (nearly) everybody."""
    sql = "SELECT department, headcount, people FROM usage_weekly WHERE app = 'all'"
    told = {department: (size, people) for department, size, people in query(lake, sql, restricted=False)}
    assert told["Sales"] == (15, 9)
    assert told["other"][0] is None and told["all"][0] is None  # less Sales: all nine of the others
    quiet = {name: size - people for name, (size, people) in told.items() if size is not None}
    assert min(quiet.values()) >= K
    everyone = len(STAFF) + len(QUIET)
    rest = everyone - len(STAFF) - sum(n for name, n in quiet.items() if name != "all")
    assert told["all"][0] is None or rest >= K
    assert query(lake, "SELECT DISTINCT headcount FROM usage_daily", restricted=False) == [(told["all"][0],)]


def test_the_open_zone_cannot_be_joined_with_the_restricted_one(held: dict[str, pl.DataFrame]) -> None:
    """No token, no event id and no time finer than a day stands in a published figure."""
    published = [mart.name for mart in load_marts() if mart.zone == "open"]
    looked_at = {"usage_weekly", "attribution_quality", "names_weekly", "people_periods", "hours_weekly",
                 "concentration_weekly"}  # fmt: skip
    assert looked_at <= set(published) & set(held)
    restricted = held["sightings"]
    values = {
        v for name in ("user_name", "client", "event_id", "connection") for v in restricted[name].drop_nulls()
    }
    values |= set(held["names_by_client"]["event_id"]) | set(held["counting"]["sealed"])
    for name in (name for name in published if name in held):
        frame = held[name]
        if name not in OF_NO_PERSON:
            assert not any(isinstance(dtype, pl.Datetime) for dtype in frame.dtypes), name
        assert not values & {value for row in frame.rows() for value in row if value is not None}, name
