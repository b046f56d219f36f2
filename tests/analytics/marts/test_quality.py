"""Whose word ties use to somebody, in shares: a slow model beside the SQL, and no share of a small group."""

from __future__ import annotations

import random
from collections import defaultdict
from string import Template

import pytest

from analytics.definitions import load_marts
from analytics.lake import connect

K = 4
Hour = tuple[str, str, str, str, str, float | None, int, int | None]
WAYS = [("user", "owner", 0.81), ("user", "directory", 0.8), ("user", "log", 1.0), ("user", "hint", 0.4),
        ("device", "device", None), ("address", "nobody", None), ("shared", "shared", None),
        ("machine", "machine", None)]  # fmt: skip


def _told(hours: list[Hour]) -> dict[tuple[str, str], dict[tuple[str, str], tuple[float, float | None]]]:
    """(day, site) → (tied_to, attributed_by) → shares of connections and bytes."""
    (mart,) = (mart for mart in load_marts() if mart.name == "attribution_quality")
    with connect() as connection:
        connection.execute(
            "CREATE TABLE all_hours (day VARCHAR, site VARCHAR, subject VARCHAR, subject_kind VARCHAR, "
            "attributed_by VARCHAR, confidence DOUBLE, connections BIGINT, bytes_up BIGINT, grade INT)"
        )
        marks = ", ".join("?" * 8)
        connection.executemany(
            f"INSERT INTO all_hours VALUES ({marks}, 3)",
            hours,
        )
        found = connection.execute(Template(mart.sql).substitute(k=K, dominance=0.8)).fetchall()
    told: dict[tuple[str, str], dict[tuple[str, str], tuple[float, float | None]]] = defaultdict(dict)
    for day, site, tied, by, connections, up, _ in found:
        told[day, site][tied, by] = (connections, up)
    return told


def _hours(draw: random.Random) -> list[Hour]:
    hours: list[Hour] = []
    for _ in range(draw.choice((5, 20, 60))):
        kind, by, sure = draw.choice(WAYS)
        subject = f"{kind[0]}{draw.randrange(draw.choice((2, 12)))}"
        where = (draw.choice(("mon", "tue")), draw.choice(("hq", "branch")))
        hours.append((*where, subject, kind, by, sure, draw.randrange(1, 9), draw.choice((None, 10, 900))))
    return hours


FIRST_PERSON = ("user", "device", "address")


def _places(hours: list[Hour]) -> dict[str, list[Hour]]:
    """Whose hours are told: by site, and as '' those of sites too small, if they are k together."""
    places: dict[str, list[Hour]] = defaultdict(list)
    for site in ("hq", "branch"):
        here = [hour for hour in hours if hour[1] == site]
        enough = len({hour[2] for hour in here if hour[3] in FIRST_PERSON}) >= K
        places[site if enough else ""] += here
    rest = {hour[2] for hour in places[""] if hour[3] in FIRST_PERSON}
    return {place: here for place, here in places.items() if here and (place or len(rest) >= K)}


def _cells(here: list[Hour]) -> dict[str, list[Hour]]:
    """Ways of k and more for themselves, the rest as 'few' with those of the next smallest whom they lack."""
    named = {"user": "person", "address": "nobody"}
    ways: dict[tuple[str, str], list[Hour]] = defaultdict(list)
    for hour in here:
        ways[named.get(hour[3], hour[3]), hour[4]].append(hour)
    nobodies = ways.pop(("machine", "machine"), [])
    few = [hour for those in ways.values() if len(_subjects(those)) < K for hour in those]
    large = [way for way in ways.items() if len(_subjects(way[1])) >= K]
    cells = {"machine": nobodies}
    for (_, by), those in sorted(large, key=lambda way: (len(_subjects(way[1])), *way[0])):
        lacking = K - len(_subjects(few)) if few else 0
        drawn = set(sorted(_subjects(those) - _subjects(few))[: max(lacking, 0)])
        if len(_subjects(those) - drawn) < K:
            drawn = _subjects(those)
        few += [hour for hour in those if hour[2] in drawn]
        cells[by] = [hour for hour in those if hour[2] not in drawn]
    cells["few"] = few
    return {by: those for by, those in cells.items() if those}


def _subjects(hours: list[Hour]) -> set[str]:
    return {hour[2] for hour in hours}


@pytest.mark.parametrize("seed", range(12))
def test_every_share_is_of_k_subjects_or_of_nobody(seed: int) -> None:
    hours = _hours(random.Random(seed))
    told = _told(hours)
    for day in ("mon", "tue"):
        places = {place: _cells(here) for place, here in _places([h for h in hours if h[0] == day]).items()}
        every: dict[str, list[Hour]] = defaultdict(list)
        for cells in places.values():
            for by, those in cells.items():
                assert by == "machine" or len(_subjects(those)) >= K
                every[by] += those
        expected = {site: cells for site, cells in places.items() if site} | ({"all": every} if every else {})
        assert {site for at, site in told if at == day} == set(expected)
        for site, cells in expected.items():
            total = sum(hour[6] for those in cells.values() for hour in those)
            shares = {by: share for (_, by), (share, _) in told[day, site].items()}
            assert set(shares) == set(cells)
            for by, those in cells.items():
                assert shares[by] == pytest.approx(100 * sum(h[6] for h in those) / total, abs=0.51)


def test_all_sites_minus_one_leaves_nobody() -> None:
    """Two people of a branch, who alone come in by VPN, are in no share: not in that of all sites either."""
    hours: list[Hour] = [("mon", "hq", f"u{n}", "user", "log", 1.0, 5, 100) for n in range(8)]
    hours += [("mon", "branch", f"v{n}", "user", "vpn", 0.9, 50, 100) for n in range(2)]
    told = _told(hours)
    assert told["mon", "all"] == told["mon", "hq"] == {("person", "log"): (100.0, 100.0)}
    # One person of a site's way among many of another's is told as that site tells it.
    hours = [
        ("mon", site, f"{site}{n}", "user", "log", 1.0, 5, 100) for site in ("hq", "branch") for n in range(8)
    ]
    hours += [("mon", "hq", f"x{n}", "user", "dhcp", 0.9, 5, 100) for n in range(5)]
    hours.append(("mon", "branch", "y", "user", "dhcp", 0.9, 5, 100))
    told = _told(hours)
    assert told["mon", "branch"] == {("few", "few"): (44.0, 44.0), ("person", "log"): (56.0, 56.0)}
    assert set(told["mon", "all"]) == {("person", "log"), ("person", "dhcp"), ("few", "few")}
    assert told["mon", "all"]["person", "dhcp"][0] == round(100 * 25 / 110)


def test_one_unknown_address_does_not_hide_whom_the_log_names() -> None:
    """All that the log named were 'few' with it: a share that said nothing, where nearly all were known."""
    hours: list[Hour] = [("mon", "hq", f"u{n:02}", "user", "log", 1.0, 5, 100) for n in range(40)]
    hours.append(("mon", "hq", "a", "address", "nobody", None, 5, 100))
    assert _told(hours)["mon", "hq"] == {("person", "log"): (90.0, 90.0), ("few", "few"): (10.0, 10.0)}


def test_a_dominated_share_of_one_site_hides_the_bytes_of_all_sites() -> None:
    hours: list[Hour] = [("mon", "hq", f"u{n}", "user", "log", 1.0, 5, 1000) for n in range(6)]
    hours += [("mon", "branch", f"b{n}", "user", "log", 1.0, 5, 900 if n == 0 else 1) for n in range(6)]
    told = _told(hours)
    assert told["mon", "hq"]["person", "log"] == (100.0, 100.0)
    assert told["mon", "branch"]["person", "log"] == told["mon", "all"]["person", "log"] == (100.0, None)


def test_who_sends_most_of_a_share_hides_the_bytes_of_all() -> None:
    hours: list[Hour] = [("mon", "hq", f"u{n}", "user", "log", 1.0, 5, 100) for n in range(6)]
    hours += [("mon", "hq", f"a{n}", "address", "nobody", None, 5, 9000 if n == 0 else 1) for n in range(6)]
    shares = _told(hours)["mon", "hq"]
    assert shares == {("person", "log"): (50.0, None), ("nobody", "nobody"): (50.0, None)}
    even: list[Hour] = [(*hour[:7], 100) for hour in hours]
    assert _told(even)["mon", "hq"]["person", "log"] == (50.0, 50.0)
