"""Which department uses what, in an ordinary organisation: most can be told, and no few people."""

from __future__ import annotations

import random
from datetime import date, timedelta
from functools import cache
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from analytics.counting.ksafe import ALL, OTHER, Cells, protect
from analytics.definitions import Mart, View, load_marts, load_views

K = 5
WEEKS = [date(2026, 11, 2) + timedelta(weeks=n) for n in range(3)]
#: 240 people; the board are three
SIZES = (3, 6, 8, 12, 15, 18, 20, 22, 25, 28, 33, 50)
#: which part of the people uses a service: a few everywhere, then those of some trades, then the long tail
SHARES = (0.5, 0.4, 0.25, 0.2, 0.15, *(0.05,) * 5, *(0.02,) * 8, *(0.005,) * 10)


@cache
def week_of(monday: date) -> tuple[pl.DataFrame, Cells]:
    """Who used what, and what may be told of it. Habits last; a few do not what they are used to do."""
    habits, draw = random.Random(7), random.Random(monday.toordinal())
    rows = []
    for size in SIZES:
        for app, share in enumerate(SHARES):
            likes = share * habits.lognormvariate(0, 0.7)
            for n in range(size):
                usual, up = habits.random() < likes, int(habits.lognormvariate(11, 1.6))
                if draw.random() < (0.85 if usual else 0.02 * share):
                    using = draw.random() < 0.95  # the others only looked
                    day = monday + timedelta(days=draw.randrange(5))
                    rows.append((f"{size}-{n}", f"of {size}", f"app{app:02}", day, using, up if using else 0))
    columns = ["subject", "department", "app", "day", "using", "bytes_up"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame, protect(frame.with_columns(bytes_up_max="bytes_up", bytes_down="bytes_up"), K)


def labelled(frame: pl.DataFrame, cells: Cells) -> pl.DataFrame:
    """The users, by the label that the week's totals have for their department, and that of each service."""
    pooled = cells.pooled.with_columns(row=pl.lit(OTHER))
    rows = frame.filter("using").join(cells.departments, on="department")
    return rows.join(pooled, on=["label", "app"], how="left").with_columns(
        pl.col("row").fill_null(pl.col("label"))
    )


@pytest.mark.parametrize("week", WEEKS)
def test_most_departments_with_enough_users_of_a_service_are_told(week: date) -> None:
    frame, cells = week_of(week)
    large = frame.filter("using").group_by("department", "app").agg(people=pl.col("subject").n_unique())
    large = large.filter(pl.col("people") >= K).rename({"department": "label"})
    shown = cells.weekly.filter(~pl.col("people_hidden"))
    told = large.join(shown, on=["label", "app"])
    assert large.height > 20
    assert told.height >= 0.75 * large.height
    assert told.filter(~pl.col("sent_hidden")).height >= 0.6 * large.height
    assert shown.filter(pl.col("app") == ALL).height >= 9  # of everyone and most departments


@pytest.mark.parametrize("week", WEEKS)
def test_every_row_is_of_k_people_and_a_pool_is_what_subtraction_gives(week: date) -> None:
    frame, cells = week_of(week)
    users = labelled(frame, cells)
    people = {
        key: set(group["subject"])
        for by in (["row", "app"], ["app"])
        for key, group in users.group_by(by, maintain_order=True)
    }
    rows = cells.weekly.filter(~pl.col("people_hidden"), pl.col("app") != ALL)
    apps_told = rows.filter(pl.col("label") != ALL)["app"].unique().to_list()
    assert OTHER in rows["label"]
    for app in apps_told:
        told = [label for label in rows.filter(app=app)["label"] if label != ALL]
        groups = [people.get((label, app), set()) for label in told]
        assert all(not group or len(group) >= K for group in groups)
        assert sum(map(len, groups)) == len(people[app,])
        assert set(told) != {OTHER}  # a pool of everybody would be the service's own row


@pytest.mark.parametrize("figures", ["sums", "sent"])
def test_no_cell_and_no_two_cells_that_are_not_told_follow_from_all_that_is(figures: str) -> None:
    """By linear algebra over all departments and services of the week; what follows is of k people."""
    frame, cells = week_of(WEEKS[0])
    users = frame.filter("using").join(cells.departments, on="department")
    atoms = sorted(users.select("label", "app").unique().iter_rows())
    pooled = set(cells.pooled.iter_rows())
    published = cells.weekly.filter(~pl.col(f"{figures}_hidden")).select("label", "app").rows()

    def is_in(atom: tuple[str, str], label: str, app: str) -> bool:
        mine = label == ALL or (atom in pooled and app != ALL if label == OTHER else atom[0] == label)
        if label == OTHER and (app == ALL or not any(other == app for _, other in pooled)):
            mine = atom[0] == OTHER
        return mine and app in (ALL, atom[1])

    system = np.array([[is_in(atom, *row) for atom in atoms] for row in published], dtype=float)
    alone = {line.nonzero()[0][0] for line in system if line.sum() == 1}
    unknown = [n for n in range(len(atoms)) if n not in alone]
    basis = np.linalg.pinv(system[:, unknown]) @ system[:, unknown]
    assert len(unknown) > 50
    who = {key: set(group["subject"]) for key, group in users.group_by("label", "app")}
    for size in (1, 2):
        for chosen in combinations(range(len(unknown)), size):
            group = basis[list(chosen)].sum(axis=0)
            group[list(chosen)] -= 1
            if np.abs(group).max() < 1e-6:
                assert len(set().union(*(who[atoms[unknown[n]]] for n in chosen))) >= K


def test_pools_change_from_week_to_week_and_nothing_sums_weeks_of_a_department() -> None:
    pools = [set(week_of(week)[1].pooled.iter_rows()) for week in WEEKS]
    assert pools[0] != pools[1] != pools[2]
    counted = {"people", "bytes_up", "connections", "people_at_least", "lookups"}
    definitions: list[Mart | View] = [*load_marts(), *load_views()]
    for definition in definitions:
        if (
            definition.zone == "open"
            and "department" in definition.columns
            and counted & set(definition.columns)
        ):
            assert {"week", "day"} & set(definition.columns), definition.name


def test_a_department_that_is_all_of_a_pool_is_told_by_its_name() -> None:
    """Nobody is hidden in a pool of one: it is the week's pool, or it has a row of its own."""
    for week in WEEKS:
        frame, cells = week_of(week)
        apps = cells.weekly.filter(label=OTHER)["app"].to_list()
        pools = cells.pooled.filter(pl.col("app").is_in(apps)).group_by("app").agg("label")
        users = frame.filter("using").join(cells.departments, on="department")
        for app, labels in pools.iter_rows():
            if len(labels) == 1:
                assert users.filter(pl.col("label") == labels[0], app=app)["subject"].n_unique() >= K
