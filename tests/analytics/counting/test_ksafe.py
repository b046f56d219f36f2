"""Nobody can subtract their way to a group smaller than k: cases, and an attacker with linear algebra."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from datetime import date, timedelta
from functools import reduce
from itertools import combinations
from operator import or_
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analytics.counting import crossing, ksafe
from analytics.counting.groups import DOMINANCE
from analytics.counting.ksafe import ALL, OTHER, Cells, pool

K = 5
MONDAY = date(2026, 11, 16)
SCHEMA = {
    "subject": pl.String, "department": pl.String, "app": pl.String, "day": pl.Date,
    "using": pl.Boolean, "bytes_up": pl.Int64,
}  # fmt: skip


def use(people: range, department: str, app: str, day: int = 0, bytes_up: int = 100) -> list[dict[str, Any]]:
    """Each of these people using `app` on a day of the week."""
    row = {"department": department, "app": app, "day": MONDAY + timedelta(days=day)}
    return [row | {"subject": f"{department}-{n}", "using": True, "bytes_up": bytes_up} for n in people]


def members(*groups: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as `protect` wants them."""
    return pl.DataFrame([row for group in groups for row in group], schema=SCHEMA)


def protect(frame: pl.DataFrame, k: int) -> Cells:
    """The cells where everybody received what they sent, past one sensor, unless the frame says otherwise."""
    same = {name: pl.col("bytes_up") for name in ("bytes_up_max", "bytes_down") if name not in frame.columns}
    return ksafe.protect(frame.with_columns(**same), k)


def shown(cells: Cells) -> set[tuple[str, str]]:
    """Weekly cells whose people are shown."""
    return set(cells.weekly.filter(~pl.col("people_hidden")).select("label", "app").iter_rows())


def test_a_small_service_is_named_but_not_counted() -> None:
    cells = protect(members(use(range(20), "Sales", "chat"), use(range(3), "Sales", "rare")), K)
    hidden = cells.weekly.filter(pl.col("people_hidden")).select("label", "app")
    assert (ALL, "rare") in set(hidden.iter_rows())


def test_a_single_hidden_service_hides_the_sums_of_the_smallest_shown_one() -> None:
    frame = members(
        use(range(20), "Sales", "chat"), use(range(8), "Sales", "code"), use(range(20, 23), "Sales", "rare")
    )
    cells = protect(frame, K)
    assert {app for label, app in shown(cells) if label == ALL} == {ALL, "chat", "code"}
    sums = cells.weekly.filter(~pl.col("sums_hidden"), label=ALL)
    assert set(sums["app"]) == {ALL, "chat"}


def test_three_people_known_to_use_only_what_is_hidden_hide_the_rest() -> None:
    frame = members(use(range(20), "Sales", "chat"), use(range(20, 23), "Sales", "rare"))
    assert {app for label, app in shown(protect(frame, K)) if label == ALL} == {ALL}


def test_hidden_services_that_are_many_people_together_hide_nothing_else() -> None:
    rare = [use(range(n * 3, n * 3 + 3), "Sales", f"rare{n}") for n in range(4)]
    totals = {
        app
        for label, app in shown(protect(members(use(range(20), "Sales", "chat"), *rare), K))
        if label == ALL
    }
    assert totals == {ALL, "chat"}


def test_small_departments_are_pooled_with_the_next_smallest() -> None:
    frame = members(
        use(range(20), "Sales", "chat"), use(range(6), "Legal", "chat"), use(range(2), "Board", "chat")
    )
    assert dict(pool(frame, K).iter_rows()) == {"Sales": "Sales", "Legal": OTHER, "Board": OTHER}


def test_a_department_called_like_the_total_is_pooled() -> None:
    """Its rows would stand beside those of everyone under the same name, and double them."""
    cells = protect(members(use(range(20), "Sales", "chat"), use(range(7), ALL, "chat")), K)
    assert dict(cells.departments.iter_rows()) == {"Sales": "Sales", ALL: OTHER}
    assert cells.weekly.select("label", "app").is_unique().all()


def test_a_department_below_k_within_a_service_is_told_in_its_pool() -> None:
    frame = members(
        use(range(10), "Sales", "chat"), use(range(10), "Legal", "chat"), use(range(4), "Sales", "code"),
        use(range(9), "Legal", "code"), use(range(2), "Board", "code"), use(range(2), "Board", "chat"),
        use(range(7), "IT", "chat"), use(range(7), "IT", "code"),
    )  # fmt: skip
    cells = protect(frame, K)
    assert dict(cells.departments.iter_rows())["Board"] == OTHER
    assert {label for label, app in shown(cells) if app == "code"} == {ALL, "Legal", OTHER}
    assert {label for label, app in shown(cells) if app == "chat"} == {ALL, "Sales", "Legal", OTHER}
    assert set(cells.pooled.filter(app="code")["label"]) == {"Sales", OTHER}


def test_a_pool_of_too_few_takes_the_smallest_department_along() -> None:
    frame = members(
        *(use(range(12), name, "chat") for name in ("Sales", "Legal", "IT")),
        use(range(3), "Sales", "code"), use(range(9), "Legal", "code"), use(range(7), "IT", "code"),
    )  # fmt: skip
    cells = protect(frame, K)
    assert {label for label, app in shown(cells) if app == "code"} == {ALL, "Legal", OTHER}
    assert set(cells.pooled["label"]) == {"Sales", "IT"}


def test_a_service_with_nothing_beside_its_pool_has_its_total_only() -> None:
    rest = [use(range(4), name, "code") for name in ("Sales", "Legal", "IT")]
    frame = members(*(use(range(12), name, "chat") for name in ("Sales", "Legal", "IT")), *rest)
    assert {label for label, app in shown(protect(frame, K)) if app == "code"} == {ALL}


def test_too_few_who_only_looked_have_no_row_and_hide_sums_beside_them() -> None:
    looked = [row | {"using": False, "bytes_up": 0} for row in use(range(2), "IT", "code")]
    frame = members(
        *(use(range(12), name, "chat") for name in ("Sales", "Legal", "IT")),
        use(range(8), "Sales", "code"), use(range(9), "Legal", "code"), looked,
    )  # fmt: skip
    code = protect(frame, K).weekly.filter(app="code")
    assert not code["people_hidden"].any()
    assert dict(code.select("label", "sums_hidden").iter_rows()) == {ALL: False, "Legal": True, "Sales": True}


def looked(people: range, department: str, app: str) -> list[dict[str, Any]]:
    """Each of these people looking `app` up, and no more."""
    return [row | {"using": False, "bytes_up": 0} for row in use(people, department, app)]


def told_at_any_grade(*groups: list[dict[str, Any]]) -> set[str]:
    """Services (and `all`) of which it is told how many were seen at any grade."""
    weekly = protect(members(*groups), K).weekly.filter(~pl.col("any_hidden"))
    assert set(weekly["label"]) <= {ALL}
    return set(weekly["app"])


def test_who_only_looked_is_counted_where_nobody_or_k_of_them_did_no_more() -> None:
    assert told_at_any_grade(looked(range(12), "Sales", "chat")) == {"chat", ALL}
    assert told_at_any_grade(use(range(9), "Sales", "chat"), looked(range(9, 14), "Sales", "chat")) == {
        "chat",
        ALL,
    }
    assert told_at_any_grade(use(range(9), "Sales", "chat"), looked(range(9, 13), "Sales", "chat")) == set()


def test_a_few_who_only_looked_at_what_is_hidden_are_not_told_by_the_total() -> None:
    rare = looked(range(20, 22), "Sales", "rare")
    assert told_at_any_grade(looked(range(10), "Sales", "chat"), rare) == {"chat"}
    # Users of another service among those who looked: the two who use nothing stand out all the same.
    both = [use(range(10), "Sales", "chat"), looked(range(10, 20), "Sales", "chat")]
    beside = [use(range(10), "Sales", "code"), looked(range(20, 22), "Sales", "code")]
    assert told_at_any_grade(*both, *beside) == {"chat"}


@pytest.mark.parametrize(("measure", "hidden"), [
    ("bytes_up", ["sent_hidden", "received_hidden"]), ("bytes_up_max", ["sent_hidden", "received_hidden"]),
    ("bytes_down", ["received_hidden"]),
])  # fmt: skip
def test_uneven_bytes_are_hidden_while_people_stay(measure: str, hidden: list[str]) -> None:
    """What one person received needs no hiding of what all sent; what is sent is two figures of one kind."""
    even = members(
        use(range(11), "Sales", "chat"), use(range(11), "Sales", "code"), use(range(11), "IT", "chat")
    )
    great = (pl.col("subject") == "Sales-10") & (pl.col("app") == "chat")
    frame = even.with_columns(pl.lit(100).alias(name) for name in ("bytes_up", "bytes_up_max", "bytes_down"))
    cells = protect(frame.with_columns(pl.when(great).then(99_000).otherwise(measure).alias(measure)), K)
    week = cells.weekly.filter(label=ALL, app="chat").row(0, named=True)
    day = cells.daily.filter(app="chat").row(0, named=True)
    for row in (week, day):
        assert [name for name, flag in row.items() if flag is True and name != "any_hidden"] == hidden


def test_one_large_part_is_hidden_beside_a_great_sender_not_all_small_ones() -> None:
    small = [use(range(10), "Sales", f"small{n}", bytes_up=10) for n in range(6)]
    frame = members(
        use(range(10), "Sales", "chat", bytes_up=20_000), use(range(10), "Sales", "code", bytes_up=5000),
        use(range(10, 20), "Sales", "hub", bytes_up=10), use(range(20, 21), "Sales", "hub", bytes_up=30_000),
        *small,
    )  # fmt: skip
    weekly = protect(frame, K).weekly
    hidden = weekly.filter(pl.col("sent_hidden"), label=ALL)
    assert set(hidden["app"]) == {"hub", "code"}


def test_a_week_of_four_people_shows_names_only() -> None:
    cells = protect(members(use(range(4), "Sales", "chat")), K)
    assert set(cells.weekly["app"]) == {"chat", ALL}
    assert cells.weekly["people_hidden"].all() and cells.daily["sent_hidden"].all()


def test_an_empty_week_is_an_empty_answer() -> None:
    cells = protect(members(), K)
    assert cells.weekly.is_empty() and cells.daily.is_empty()


def test_a_thin_day_hides_the_sums_of_another_one() -> None:
    days = [use(range(12 - day), "Sales", "chat", day) for day in range(3)]
    daily = protect(members(*days, use(range(2), "Sales", "chat", 6)), K).daily.sort("day")
    assert daily["people_hidden"].to_list() == [False, False, False, True]
    assert daily["sums_hidden"].to_list() == [False, False, True, True]


RandomRow = tuple[int, int, int, int, bool, int]
SIZES = st.lists(
    st.tuples(
        st.integers(0, 11),  # subject within the department
        st.integers(0, 3),  # department
        st.integers(0, 3),  # service
        st.integers(0, 2),  # day
        st.sampled_from([True, True, True, False]),
        st.sampled_from([0, 1, 10, 10, 10, 12, 300]),
    ),
    min_size=20,
    max_size=160,
)


def of(rows: list[RandomRow]) -> pl.DataFrame:
    """Random rows as members, one per subject, service and day."""
    found = {
        (f"s{dept}-{who}", f"d{dept}", f"app{app}", day): (using, up if using else 0)
        for who, dept, app, day, using, up in rows
    }
    return pl.DataFrame(
        [(*key[:3], MONDAY + timedelta(days=key[3]), *value) for key, value in found.items()],
        schema=SCHEMA, orient="row",
    )  # fmt: skip


def labels_of(cells: Cells, label: str, app: str) -> set[str] | None:
    """Which departments a published row is about (None: all)."""
    if label == ALL:
        return None
    pooled = set(cells.pooled.filter(app=app)["label"]) if label == OTHER else set()
    return pooled or {label}


class Attacker:
    """Knows every published sum of one figure, and which cells of the published tables are empty.

    That a service has no users in a department follows wherever another department's people and
    connections are those of everyone; that it has none on a day is published. So unknown are the
    figures of each (label, service, day) whose service was in that department and on that day. A
    published sum is a row of zeros and ones over them, and a group of unknowns is given away exactly
    when its own row is a combination of the published ones.
    """

    def __init__(self, frame: pl.DataFrame, cells: Cells, figures: str) -> None:
        self.rows = frame.join(cells.departments, on="department").filter(
            figures == "sums" or pl.col("using")
        )
        labels = self.rows.select("label", "app").unique()
        days = self.rows.select("app", "day").unique()
        self.atoms = sorted(labels.join(days, on="app").select("label", "app", "day").iter_rows())
        flag = "sums_hidden" if figures != "bytes" else "sent_hidden"
        sums = [
            self.indicator(labels_of(cells, label, app), None if app == ALL else {app})
            for label, app in cells.weekly.filter(~pl.col(flag)).select("label", "app").iter_rows()
        ] + [
            self.indicator(None, {row["app"]}, {row["day"]})
            for row in cells.daily.filter(~pl.col(flag)).iter_rows(named=True)
        ]  # fmt: skip
        self.holders: dict[tuple[Any, ...], list[tuple[str, bool, int]]] = {}
        for label, app, day, *holder in self.rows.select(
            "label", "app", "day", "subject", "using", "bytes_up"
        ).iter_rows():
            self.holders.setdefault((label, app, day), []).append(tuple(holder))
        self.sums = np.array(sums, dtype=float).reshape(-1, len(self.atoms))

    def indicator(
        self,
        labels: Collection[str] | None,
        apps: Collection[str] | None,
        days: Collection[date] | None = None,
    ) -> list[bool]:
        """Which unknowns lie in these departments, services and days (None: all)."""
        wanted = (labels, apps, days)
        return [
            all(some is None or part in some for some, part in zip(wanted, atom, strict=True))
            for atom in self.atoms
        ]

    def groups(self) -> np.ndarray[Any, Any]:
        """Every set of departments × every set of services, and × every set of days for one service."""
        labels, apps, days = (sorted({atom[place] for atom in self.atoms}) for place in range(3))
        found = [self.indicator(some, others) for some in subsets(labels) for others in subsets(apps)]
        found += [
            self.indicator(some, {app}, others)
            for app in apps for some in subsets(labels) for others in subsets(days)
        ]  # fmt: skip
        alone = [row.nonzero()[0][0] for row in self.sums if row.sum() == 1]
        all_of_them = np.array(found, dtype=float)
        without = all_of_them.copy()
        without[:, alone] = 0  # an unknown that is published itself can be left out of any group
        return np.unique(np.concatenate([all_of_them, without]), axis=0)

    def known(self, groups: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Those of the groups (rows over the unknowns) whose figures follow from what was published."""
        basis = np.linalg.pinv(self.sums) @ self.sums
        follows: np.ndarray[Any, Any] = np.abs(groups @ basis - groups).max(axis=1) < 1e-6
        return np.compress(follows, groups, axis=0)

    def describes_few(self, group: np.ndarray[Any, Any], figures: str) -> bool:
        """Whether giving away this group would describe fewer than k people, or (bytes) mostly one."""
        seen: set[str] = set()
        sent: dict[str, int] = {}
        for atom, inside in zip(self.atoms, group, strict=True):
            for subject, using, up in self.holders.get(atom, ()) if inside else ():
                seen.add(subject)
                if using:
                    sent[subject] = sent.get(subject, 0) + up
        if 0 < len(seen) < K or 0 < len(sent) < K:
            return True
        return figures == "bytes" and max(sent.values(), default=0) > DOMINANCE * sum(sent.values())


def subsets(values: list[Any]) -> list[tuple[Any, ...]]:
    """Every choice of some of the values."""
    return [chosen for size in range(1, len(values) + 1) for chosen in combinations(values, size)]


#: sums: what is counted for everyone seen (lookups); used: what is counted for those who use.
FIGURES = ("sums", "used", "bytes")


def given_away(frame: pl.DataFrame, figures: str) -> list[np.ndarray[Any, Any]]:
    """Groups too small to be shown that follow from what is published."""
    attacker = Attacker(frame, protect(frame, K), figures)
    if not len(attacker.sums):
        return []
    return [group for group in attacker.known(attacker.groups()) if attacker.describes_few(group, figures)]


@pytest.mark.parametrize("figures", FIGURES)
@settings(max_examples=20, deadline=None)
@given(rows=SIZES)
def test_no_combination_of_sums_gives_away_a_small_group(figures: str, rows: list[RandomRow]) -> None:
    assert not given_away(of(rows), figures)


@pytest.mark.parametrize("figures", FIGURES)
@pytest.mark.parametrize("seed", range(16))
def test_nor_where_departments_hold_services_of_their_own(figures: str, seed: int) -> None:
    """Larger groups than Hypothesis makes, and services that one or two departments hold whole."""
    draw = random.Random(seed)
    rows = []
    for app in range(5):
        for department in draw.sample(range(4), draw.choice([1, 1, 2, 3, 4])):
            people = range(draw.choice([0, 3, 8]), draw.choice([9, 12, 15]))
            rows += use(people, f"d{department}", f"app{app}", draw.randrange(3), draw.choice([10, 100, 400]))
            if draw.random() < 0.4:
                rows += use(range(20, 21), f"d{department}", f"app{app}", 0, draw.choice([3000, 20_000]))
    assert not given_away(members(rows), figures)


def draw_members(seed: int) -> pl.DataFrame:
    """Departments of ordinary sizes, and cells of none to a dozen people."""
    draw, rows = random.Random(seed), []
    sizes = [draw.choice([6, 9, 14, 20]) for _ in range(draw.choice([3, 4, 5]))]
    for app in range(draw.choice([3, 4, 5])):
        for department, size in enumerate(sizes):
            for n in draw.sample(range(size), min(size, draw.choice([0, 0, 1, 2, 3, 4, 5, 6, 7, 9, 12]))):
                up = draw.choice([0, 10, 10, 100, 400, 9000 if draw.random() < 0.5 else 10])
                using = draw.random() < 0.85
                (row,) = use(range(n, n + 1), f"d{department}", f"app{app}", 0, up if using else 0)
                rows.append(row | {"using": using})
    return members(rows)


@pytest.mark.parametrize("figures", FIGURES)
@pytest.mark.parametrize("seed", range(12))
def test_no_choice_of_hidden_cells_that_follows_is_of_few(figures: str, seed: int) -> None:
    """Not only departments × services: every set of cells not told that totals may give away is tried.

    Of bytes by somebody who also knows which cells sent none, as where a sensor cannot measure them.
    """
    frame = draw_members(seed)
    cells = protect(frame, K)
    known_to_send = pl.col("bytes_up").sum().over("department", "app") > 0
    attacker = Attacker(frame.filter(known_to_send) if figures == "bytes" else frame, cells, figures)
    known = [row.nonzero()[0][0] for row in attacker.sums if row.sum() == 1]
    unknown = np.setdiff1d(np.arange(len(attacker.atoms)), known)[:13]
    choices = (np.arange(1, 2 ** len(unknown))[:, np.newaxis] >> np.arange(len(unknown))) & 1
    groups = np.zeros((len(choices), len(attacker.atoms)))
    groups[:, unknown] = choices
    assert not [group for group in attacker.known(groups) if attacker.describes_few(group, figures)]


@pytest.mark.parametrize("seed", [28, 35, 44, 92])
def test_the_same_cells_are_hidden_in_whatever_order_members_come(seed: int) -> None:
    """Else a week that is counted anew would show what it hid before, beside what is still known of it."""
    frame = draw_members(seed)
    first, *others = (protect(frame.sample(fraction=1, shuffle=True, seed=order), K) for order in range(3))
    for cells in others:
        for name in ("departments", "pooled", "weekly", "daily"):
            assert_frame_equal(getattr(cells, name), getattr(first, name), check_row_order=False)


@pytest.mark.parametrize("seed", range(10))
def test_the_search_finds_what_trying_all_sets_of_departments_finds(seed: int) -> None:
    frame = draw_members(seed).with_columns(label=pl.col("department"))
    hidden = frame.select("label", "app").unique(maintain_order=True).sample(fraction=0.7, seed=seed)
    names = crossing._Names(sorted(frame["label"].unique()), sorted(frame["app"].unique()))
    none = np.zeros(len(names.apps), np.bool_), np.zeros(len(names.labels), np.bool_)
    state = crossing._State(none[0], names.flags_of_cells(hidden), none[1])
    uses = crossing._Uses.of(frame.filter("using"), names)
    for table in (
        crossing._People(uses, state, K), crossing._Sums(uses, state, K, "sums"),
        crossing._Sums(uses, state, K, "bytes"),
    ):  # fmt: skip
        rows = range(1, len(names.labels) + 1)
        found = []
        for inside in subsets(list(rows)):
            touched, beyond = (
                reduce(or_, (table.columns.get(row, 0) for row in some), 0)
                for some in (inside, set(rows) - set(inside))
            )
            found.append(table.lacking(sum(1 << row for row in inside), touched, touched & beyond))
        assert (table.search() is None) == all(lacking is None for lacking in found)


def test_the_search_is_short_in_a_large_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty departments, eighty services, most used by a few here and there: 2^60 sets of departments."""
    draw, steps = random.Random(1), 0
    sizes = [draw.choice([8, 15, 30, 60, 120]) for _ in range(60)]
    share = [draw.choice([0.3, 0.1, 0.02, 0.01]) for _ in range(80)]
    rows = [
        (f"{d}-{n}", f"d{d:02}", f"app{app:02}", MONDAY, True, draw.choice([10, 100, 1000]))
        for d, size in enumerate(sizes) for app in range(80) for n in range(size)
        if draw.random() < share[app]
    ]  # fmt: skip

    def counted(is_safe: Callable[..., bool]) -> Callable[..., bool]:
        def step(*of: object) -> bool:
            nonlocal steps
            steps += 1
            return is_safe(*of)

        return step

    for table in (crossing._Sums, crossing._People):
        monkeypatch.setattr(table, "is_safe", counted(table.is_safe))
    cells = protect(pl.DataFrame(rows, schema=SCHEMA, orient="row"), K)
    assert 100 < steps < 2 * crossing.MOST_STEPS, steps
    totals = cells.weekly.filter(pl.col("app") == ALL, pl.col("label") != ALL)
    assert totals["people_hidden"].sum() == 0 and totals.height == 60


def test_what_one_department_holds_whole_hides_no_other_service() -> None:
    """The demo's leak: `alone` is hidden beside a great sender, yet its total is that of its department."""
    frame = members(
        use(range(8), "Sales", "alone", bytes_up=90_000),
        use(range(12), "Sales", "chat", bytes_up=20_000),
        use(range(12), "Legal", "chat", bytes_up=20_000),
        use(range(12, 15), "Sales", "rare", bytes_up=15_000),
        use(range(15, 16), "Sales", "rare", bytes_up=1_000_000),
        use(range(9), "Legal", "rare", bytes_up=90_000),
    )
    assert not given_away(frame, "bytes")
    weekly = protect(frame, K).weekly
    assert weekly.filter(label=ALL, app="alone")["sent_hidden"].to_list() == [False]
    assert weekly.filter(label="Sales", app="alone")["sent_hidden"].to_list() == [False]


def assert_not_isolated(total: set[str], parts: list[set[str]]) -> None:
    """Total minus shown parts, whichever of them overlap, names no group of 1 to k-1 for certain."""
    least = len(total) - sum(len(part) for part in parts)
    most = len(total) - max((len(part) for part in parts), default=0)
    left = len(total.difference(*parts))
    assert least <= left <= most
    assert not (least > 0 and left < K)


@settings(max_examples=40, deadline=None)
@given(SIZES)
def test_no_total_minus_its_shown_parts_leaves_fewer_than_k_people(rows: list[RandomRow]) -> None:
    frame = of(rows)
    cells = protect(frame, K)
    people = frame.filter("using").join(cells.departments, on="department")
    weekly = shown(cells)

    def users(label: str, app: str) -> set[str]:
        labels = labels_of(cells, label, app)
        found = people.filter(
            pl.lit(labels is None) | pl.col("label").is_in(list(labels or ())),
            (pl.col("app") == app) | (app == ALL),
        )
        return set(found["subject"])

    for label, app in weekly:
        assert not 0 < len(users(label, app)) < K
    for label in {label for label, app in weekly if app == ALL}:
        # Other departments of a service are more than those of the week, or the same.
        parts = [
            users(label, app)
            for other, app in weekly
            if other == label and app != ALL and labels_of(cells, label, app) == labels_of(cells, label, ALL)
        ]
        assert_not_isolated(users(label, ALL), parts)
    for app in {app for label, app in weekly if label == ALL}:
        parts = [users(label, app) for label, other in weekly if other == app and label != ALL]
        if parts:
            assert_not_isolated(users(ALL, app), parts)
    visible_days = cells.daily.filter(~pl.col("people_hidden"))
    for _, app in {cell for cell in weekly if cell[0] == ALL and cell[1] != ALL}:
        of_app = people.filter(app=app)
        days = visible_days.filter(app=app)["day"].to_list()
        parts = [set(of_app.filter(day=day)["subject"]) for day in days]
        assert all(not 0 < len(part) < K for part in parts)
        assert_not_isolated(users(ALL, app), parts)


@settings(max_examples=20, deadline=None)
@given(SIZES)
def test_counts_at_any_grade_give_no_small_group_away_beside_those_who_use(rows: list[RandomRow]) -> None:
    frame = of(rows)
    weekly = protect(frame, K).weekly.filter(label=ALL)
    counted = set(weekly.filter(~pl.col("people_hidden"))["app"])
    told = set(weekly.filter(~pl.col("any_hidden"))["app"])
    assert told <= counted

    def seen(app: str, *, using: bool = False) -> set[str]:
        of_app = frame.filter((pl.col("app") == app) | (app == ALL))
        return set(of_app.filter("using")["subject"] if using else of_app["subject"])

    for app in told:
        assert len(seen(app)) >= K
        assert len(seen(app) - seen(app, using=True)) not in range(1, K)
    if ALL in told:
        parts = [seen(app, using=app not in told) for app in counted - {ALL}]
        assert_not_isolated(seen(ALL), parts)
        idle = seen(ALL) - seen(ALL, using=True)
        assert_not_isolated(idle, [seen(app) & idle for app in told - {ALL}])
