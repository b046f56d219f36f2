"""Decides which cells of a week's cubes may be shown, so that no group smaller than k can be singled out.

In: one row per subject × department × app × day of a week. Out: the cells that may be published, each with
the figures that must be hidden in it. Pure.

A group is *safe* when it has at least k subjects, of which none or at least k use the service (grade 3 or
more). Its bytes are *even* when no subject sent (or received) more than 80 % of them. An attacker can
subtract: a shown total minus its shown parts is a figure about the hidden parts. The lines of the cubes (a
total and its parts) are

    everyone    = the services         department = its services
    everyone    = the departments      service    = its departments
                                       service    = its days

Three kinds of figures are protected along these lines. Each hides the smallest shown part until the remainder
is large enough (complementary suppression):

    sums    connections, requests and lookups add up, so the hidden parts together must be safe
    bytes   the same, and the hidden parts together must be even; received bytes have cells of their own, and
            are hidden where sent ones are, so that readers know what was not measured
    people  do not add up over services and days, because one person uses several. An attacker can only prove
            that the total has more people than all shown parts together; then at least k people must be in no
            shown part

**Pools.** Departments that are not safe over the whole week are pooled in `other`, together with the next
smallest if needed. That pool has one total. Each service has a pool of its own: the departments with too few
users of it, those in the pool of the week, and the smallest others that it takes to make its users none or at
least k. So `other` always means: all departments without a row of their own beside it.

The pool of a service adds no information. A subject has one department a week, so the people and sums of the
pool are those of the service minus the rows shown, which anyone can compute. What must be proved is that each
column of hidden cells is safe, and that these columns and the totals of departments reveal no small group
where they cross (crossing.py). The members of a pool may change every week, so figures of two weeks are about
different groups, and no published figure sums a department over weeks. A pool by headcount would be steadier
but of little use: it would be shown only if every department outside of it had k users, which is rare.

**Any grade.** The number of people seen at any grade, lookups and bare connections included, is shown for
services and for everyone, never for departments or days. Together with the number of users it reveals the
number of others, which must be none or at least k. For everyone it is shown only if it proves that nobody, or
at least k people, are in what is hidden.

Days of a service are shown for everyone only. No published figure says on which days a department used a
service, so days and departments together reveal no more than each alone.

Not claimed: that non-users are a protected group (10 of 12 in a department used a service: the 10 are shown;
the 12 are not, see weeks.py, so only those who know the department can tell). Nor is anything claimed about
what an attacker knows from elsewhere or assumes, for example that everybody did this week what they did last
week.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from analytics.counting.crossing import Crossing, shield_crossing
from analytics.counting.groups import Figures, cheapest, even, groups, measuring, need, over_days, safe

ALL = "all"
OTHER = "other"

_ORG = ["org"]
CELL = ["label", "app"]


@dataclass(frozen=True)
class Cells:
    """The cells of one week that may be published.

    `departments`: department → label. `pooled`: label, app in the pool of the app. `weekly`: label, app →
    people_hidden, sums_hidden, sent_hidden, received_hidden, any_hidden. `daily`: app, day → the first four.
    A cell not listed must not be published at all.
    """

    departments: pl.DataFrame
    pooled: pl.DataFrame
    weekly: pl.DataFrame
    daily: pl.DataFrame


def protect(members: pl.DataFrame, k: int) -> Cells:
    """The cells for `members`: subject, department (one per subject), app, day, using, and its bytes."""
    whole = over_days(members)
    departments = pool(whole, k)
    members, whole = (
        frame.join(departments, on="department").with_columns(org=pl.lit(ALL)) for frame in (members, whole)
    )
    total = groups(whole, _ORG)
    if total.is_empty() or not total.select(safe(k)).item():
        return Cells(departments, members.select(CELL).clear(), *_nothing_shown(members))
    both = _Members(members, whole)
    people = _too_small(both, k, "people", _nothing_hidden(members))
    sums = _too_small(both, k, "sums", people)
    sent = _sent(both, k, sums)
    received = sent if _same(members, "bytes_down") else _uneven(both.measuring("bytes_down"), k, sent)
    hidden = {"people_hidden": people, "sums_hidden": sums, "sent_hidden": sent, "received_hidden": received}
    weekly = _weekly(whole, hidden, k)
    return Cells(departments, people.cells, _any_grade(whole, weekly, k), _daily(members, hidden))


@dataclass(frozen=True)
class _Members:
    """The members by day, and of the whole week (far fewer rows, for figures without days)."""

    daily: pl.DataFrame
    whole: pl.DataFrame

    def measuring(self, measure: str) -> _Members:
        return _Members(measuring(self.daily, measure), measuring(self.whole, measure))


@dataclass(frozen=True)
class _Hidden:
    """Keys of hidden cells: the total (`org`), services, departments within them, departments, days."""

    total: pl.DataFrame
    services: pl.DataFrame
    cells: pl.DataFrame
    labels: pl.DataFrame
    days: pl.DataFrame

    @property
    def count(self) -> int:
        return sum(keys.height for keys in (self.total, self.services, self.cells, self.labels, self.days))


def _nothing_hidden(members: pl.DataFrame) -> _Hidden:
    none = members.clear()
    return _Hidden(*(none.select(key) for key in (["org"], ["app"], CELL, ["label"], ["app", "day"])))


def pool(members: pl.DataFrame, k: int) -> pl.DataFrame:
    """department → label: departments too small to show become `other`, with the next smallest if needed."""
    sizes = groups(members, ["department"]).sort("seen", "using", "department")
    small = sizes.filter(~safe(k))["department"].to_list()
    # The directory may already contain a pool of small departments (sensor/privacy/departments.py), and a
    # department with the name of the total could not be distinguished from it.
    small += [name for name in (OTHER, ALL) if name in sizes["department"] and name not in small]
    rest = [name for name in sizes["department"].to_list() if name not in small]
    while small and rest and not _union_is_safe(members, small, k):
        small.append(rest.pop(0))
    label = pl.when(pl.col("department").is_in(small)).then(pl.lit(OTHER)).otherwise("department")
    return sizes.select("department", label.alias("label"))


def _union_is_safe(members: pl.DataFrame, departments: Sequence[str], k: int) -> bool:
    union = members.filter(pl.col("department").is_in(list(departments))).with_columns(org=pl.lit(ALL))
    return bool(groups(union, _ORG).select(safe(k)).item())


def _too_small(of: _Members, k: int, figures: Figures, hidden: _Hidden) -> _Hidden:
    """`hidden`, and the cells whose people or sums describe or reveal too small a group."""
    members = of.whole
    services = _join(hidden.services, groups(members, ["app"]).filter(~safe(k)).select("app"))
    services = shield(members, _ORG, ["app"], services, k, figures)
    cells = _join(hidden.cells, groups(members, CELL).filter(~safe(k)).select(CELL))
    days = groups(of.daily, ["app", "day"]).filter(~safe(k)).select("app", "day")
    days = _join(hidden.days, _join(days, _days_of(of.daily, services)))
    crossing = _shield_cells(members, Crossing(services, cells, hidden.labels), k, figures)
    return _Hidden(
        total=hidden.total,
        services=services,
        cells=crossing.cells,
        labels=crossing.labels,
        days=shield(of.daily, ["app"], ["app", "day"], days, k, figures),
    )


def _sent(of: _Members, k: int, sums: _Hidden) -> _Hidden:
    """Cells whose sent bytes are hidden, which are shown counted once and summed over all sensors."""
    hidden = _uneven(of, k, sums)
    if _same(of.daily, "bytes_up_max"):
        return hidden
    summed = of.measuring("bytes_up_max")
    while (further := _uneven(of, k, _uneven(summed, k, hidden))).count > hidden.count:
        hidden = further
    return hidden


def _same(members: pl.DataFrame, measure: str) -> bool:
    """True if everybody has as many of these bytes as sent ones."""
    return members["bytes_up"].equals(members[measure])


def _uneven(of: _Members, k: int, hidden: _Hidden) -> _Hidden:
    """`hidden`, and the cells whose bytes one subject dominates, or would give such a cell away.

    If the total is hidden, services cannot be subtracted from it and its line needs no shield. No department
    is shown then, because departments could still be compared with services.
    """
    uneven = ~(safe(k) & even())
    total_even = hidden.total.is_empty() and bool(groups(of.whole, _ORG).select(even()).item())
    members, daily = _sending(of.whole, CELL), _sending(of.daily, ["app", "day"])
    services = _join(hidden.services, groups(members, ["app"]).filter(uneven).select("app"))
    labels = groups(members, ["label"]).filter(uneven | pl.lit(not total_even)).select("label")
    labels = _join(hidden.labels, labels)
    if total_even:
        services = shield(members, _ORG, ["app"], services, k, "bytes")
        labels = shield(members, _ORG, ["label"], labels, k, "bytes")
    cells = _join(hidden.cells, groups(members, CELL).filter(uneven).select(CELL))
    crossing = _shield_cells(of.whole, Crossing(services, cells, labels), k, "bytes")
    days = groups(daily, ["app", "day"]).filter(uneven).select("app", "day")
    days = _join(_join(hidden.days, days), _days_of(of.daily, services))
    return _Hidden(
        total=hidden.total if total_even else of.whole.select("org").unique(),
        services=services,
        cells=crossing.cells,
        labels=crossing.labels,
        days=shield(daily, ["app"], ["app", "day"], days, k, "bytes"),
    )


def _sending(members: pl.DataFrame, cell: list[str]) -> pl.DataFrame:
    """Members of cells that sent something; an attacker is assumed to know which cells sent nothing."""
    return members.filter(pl.col("bytes_up").sum().over(cell) > 0)


def _shield_cells(members: pl.DataFrame, hidden: Crossing, k: int, figures: Figures) -> Crossing:
    """`hidden`, and the cells and departments to hide along every service and where lines cross."""
    along = _sending(members, CELL) if figures == "bytes" else members
    of_services = members.join(hidden.services, on="app", how="semi").select(CELL)
    others = members.filter(label=OTHER).select(CELL).unique()
    hidden = replace(hidden, cells=_join(hidden.cells, of_services))
    while True:
        cells = hidden.cells
        if figures == "people":
            cells = _join(cells, others.join(cells, on="app", how="semi"))
        cells = shield(along, ["app"], CELL, cells, k, figures)
        found = shield_crossing(members, replace(hidden, cells=cells), k, figures)
        if found.cells.height == hidden.cells.height:
            return found
        hidden = found


def shield(
    members: pl.DataFrame, line: list[str], part: list[str], hidden: pl.DataFrame, k: int, figures: Figures
) -> pl.DataFrame:
    """`hidden` (keys of `part`), extended for every line until its hidden parts together are safe."""
    hidden = hidden.unique()
    while True:
        shown = members.join(hidden, on=part, how="anti")
        if figures == "people":
            bad = _provable(members, shown, line, part, k).with_columns(need=pl.lit(0.0))
        else:
            rest = groups(members.join(hidden, on=part, how="semi"), line)
            rest = rest.filter(~safe(k) if figures == "sums" else ~(safe(k) & even()))
            bad = rest.select(*line, need=need())
        parts = groups(shown, list(dict.fromkeys([*line, *part]))).join(bad, on=line)
        further = parts.sort(*cheapest(figures), *part).unique(line, keep="first", maintain_order=True)
        if further.is_empty():
            return hidden
        hidden = _join(hidden, further.select(part))


def _provable(
    members: pl.DataFrame, shown: pl.DataFrame, line: list[str], part: list[str], k: int
) -> pl.DataFrame:
    """Lines whose total provably has people who are in no shown part, if those are fewer than k."""
    users, visible = members.filter("using"), shown.filter("using")
    total = users.group_by(line).agg(total=pl.col("subject").n_unique())
    parts = visible.group_by(list(dict.fromkeys([*line, *part]))).agg(count=pl.col("subject").n_unique())
    parts = parts.group_by(line).agg(parts=pl.col("count").sum())
    only = users.join(visible, on=[*line, "subject"], how="anti")
    only = only.group_by(line).agg(only=pl.col("subject").n_unique())
    found = total.join(parts, on=line, how="left").join(only, on=line).fill_null(0)
    return found.filter((pl.col("total") > pl.col("parts")) & (pl.col("only") < k)).select(line)


def _join(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([left, right]).unique()


def _days_of(members: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    return members.join(services, on="app", how="semi").select("app", "day").unique()


def _weekly(members: pl.DataFrame, hidden: dict[str, _Hidden], k: int) -> pl.DataFrame:
    """label, app and the `*_hidden` flags of the weekly cells that may be published."""
    total = pl.DataFrame({"label": [ALL], "app": [ALL]})
    services = members.select("app").unique().with_columns(label=pl.lit(ALL))
    labels = members.select("label").unique().with_columns(app=pl.lit(ALL))
    pooled = hidden["people_hidden"].cells
    detail = members.select(CELL).unique().join(pooled, on=CELL, how="anti")
    # A pool that is not safe has no row. Nor has one without a department beside it: it would equal the
    # service.
    others = groups(members.join(pooled, on=CELL, how="semi"), ["app"]).filter(safe(k))
    others = others.join(detail, on="app", how="semi").select("app", label=pl.lit(OTHER))
    further = {name: cells.cells.join(pooled, on=CELL, how="anti") for name, cells in hidden.items()}
    flagged = [
        total.with_columns(_flags(hidden, lambda cells: pl.lit(cells.total.height > 0))),
        services.with_columns(_flags(hidden, lambda cells: _within("app", cells.services))),
        labels.with_columns(_flags(hidden, lambda cells: _within("label", cells.labels))),
        detail.with_columns(_flags(hidden, lambda cells: _cell_in(cells.cells))),
        # If a service has more hidden cells than the pool, the pool could be subtracted from them: hide it
        # too.
        others.with_columns(_within("app", cells).alias(name) for name, cells in further.items()),
    ]
    return pl.concat([frame.select("label", "app", *hidden) for frame in flagged])


def _any_grade(members: pl.DataFrame, weekly: pl.DataFrame, k: int) -> pl.DataFrame:
    """`weekly` with `any_hidden`: whether the number of people seen at any grade is hidden."""
    idle = pl.col("seen") - pl.col("using")
    shown_apps = groups(members, ["app"]).filter((idle == 0) | (idle >= k)).select("app")
    of_everyone = weekly.filter(~pl.col("people_hidden"), label=ALL).select("app")
    shown_apps = shown_apps.join(of_everyone, on="app", how="semi")
    total = groups(members, _ORG).filter((idle == 0) | (idle >= k))
    apps = shown_apps["app"].to_list()
    if not total.is_empty() and _is_safe_total(members, shown_apps, of_everyone, k):
        apps.append(ALL)
    shown = (pl.col("label") == ALL) & ~pl.col("people_hidden") & pl.col("app").is_in(apps)
    return weekly.with_columns(any_hidden=~shown)


def _is_safe_total(
    members: pl.DataFrame, shown_apps: pl.DataFrame, of_everyone: pl.DataFrame, k: int
) -> bool:
    """True if the number of all people seen, minus those shown by service, proves no group smaller than k.

    For a service in `of_everyone` but not in `shown_apps`, the number of users is known. People who use
    nothing are a group as well, and their number is known for each service in `shown_apps`.
    """
    in_shown = members.join(shown_apps, on="app", how="semi")
    known = members.filter("using").join(of_everyone, on="app", how="semi")
    known = known.join(shown_apps, on="app", how="anti")
    idle = members.join(members.filter("using"), on="subject", how="anti")
    return all(
        _provable(
            all_of.with_columns(using=True), parts.with_columns(using=True), _ORG, ["app"], k
        ).is_empty()
        for all_of, parts in (
            (members, pl.concat([in_shown, known])),
            (idle, idle.join(shown_apps, on="app", how="semi")),
        )
    )


def _daily(members: pl.DataFrame, hidden: dict[str, _Hidden]) -> pl.DataFrame:
    """app, day and the `*_hidden` flags of the daily cells."""
    days = members.select("app", "day").unique()
    for name, cells in hidden.items():
        flag = cells.days.unique().with_columns(pl.lit(True).alias(name))
        days = days.join(flag, on=["app", "day"], how="left").with_columns(pl.col(name).fill_null(False))
    return days


def _flags(hidden: dict[str, _Hidden], test: Callable[[_Hidden], pl.Expr]) -> list[pl.Expr]:
    return [test(cells).alias(name) for name, cells in hidden.items()]


def _within(column: str, keys: pl.DataFrame) -> pl.Expr:
    return pl.col(column).is_in(keys[column].to_list())


def _nothing_shown(members: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cells if there are fewer than k subjects in all: services and days are named, all figures
    hidden."""
    hidden = dict.fromkeys(("people_hidden", "sums_hidden", "sent_hidden", "received_hidden"), pl.lit(True))
    services = members.select("app").unique().with_columns(label=pl.lit(ALL))
    total = services.head(1).with_columns(app=pl.lit(ALL))
    weekly = pl.concat([services.select("label", "app"), total.select("label", "app")])
    return weekly.with_columns(**hidden, any_hidden=pl.lit(True)), members.select(
        "app", "day"
    ).unique().with_columns(**hidden)


def _cell_in(cells: pl.DataFrame) -> pl.Expr:
    return pl.struct(CELL).is_in(cells.select(pl.struct(CELL).alias("cell"))["cell"].implode())
