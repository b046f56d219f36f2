"""Which cells of a week's cubes may be shown, so that no group smaller than k can be told apart.

In: one row per subject × department × app × day of a week. Out: the cells that may be published,
each with what must be hidden in it. Pure.

A group is *safe* when at least k subjects are in it and, of those, none or at least k use the
service (grade 3 or more). Its bytes are *even* when no subject sent more than 80 % of them. What an
attacker can do is subtract: a shown total minus its shown parts is a figure about the hidden parts.
The lines of the cubes (a total and its parts) are

    everyone    = the services         department = its services
    everyone    = the departments      service    = its days

and three kinds of figures are protected along them, each hiding the smallest shown part until the
rest is large enough (complementary suppression):

    sums    connections, requests, lookups add up, so the hidden parts together must be safe
    bytes   likewise, and even
    people  do not add up over services and days (one person uses several). What can be proved is
            that more people are in the total than in all shown parts together; then those in no
            shown part must be at least k

Two rules keep lines from being combined. Departments that are not safe over the whole week are
pooled in `other`, so every department total is shown. And a service is broken down by department
in full or not at all, so that hidden cells always fill whole columns: any combination of lines then
is a union of groups that were checked. An unbroken service still stands with its total: the
service is shown, not the team.

What is not claimed: people who did *not* use a service are no group here (10 of 12 in a department
used it: shown), and nothing is said about what an attacker knows from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

#: No subject may have sent more than this share of a shown sum of bytes.
DOMINANCE = 0.8
ALL = "all"
OTHER = "other"

Figures = Literal["people", "sums", "bytes"]

_ORG = ["org"]


@dataclass(frozen=True)
class Cells:
    """What may be published of one week.

    `departments`: department → label. `weekly`: label, app → people_hidden, sums_hidden,
    bytes_hidden. `daily`: app, day → the same. A cell not listed must not be published at all.
    """

    departments: pl.DataFrame
    weekly: pl.DataFrame
    daily: pl.DataFrame


def protect(members: pl.DataFrame, k: int) -> Cells:
    """Decide for `members`: subject, department (one per subject), app, day, using, bytes_up."""
    departments = pool(members, k)
    members = members.join(departments, on="department").with_columns(org=pl.lit(ALL))
    total = _groups(members, _ORG)
    if total.is_empty() or not total.select(_safe(k)).item():
        return Cells(departments, *_nothing_shown(members))
    people = _too_small(members, k, "people", _nothing_hidden(members))
    sums = _too_small(members, k, "sums", people)
    uneven = _uneven(members, k, sums, total_even=bool(total.select(_even()).item()))
    hidden = {"people_hidden": people, "sums_hidden": sums, "bytes_hidden": uneven}
    return Cells(departments, _weekly(members, hidden), _daily(members, hidden))


@dataclass(frozen=True)
class _Hidden:
    """Keys of hidden cells: the total (`org`), services, their breakdown, departments, days."""

    total: pl.DataFrame
    services: pl.DataFrame
    breakdown: pl.DataFrame
    labels: pl.DataFrame
    days: pl.DataFrame


def _nothing_hidden(members: pl.DataFrame) -> _Hidden:
    none = members.clear()
    return _Hidden(*(none.select(key) for key in (["org"], ["app"], ["app"], ["label"], ["app", "day"])))


def pool(members: pl.DataFrame, k: int) -> pl.DataFrame:
    """department → label: departments too small to name become `other`, with the next smallest if need be."""
    sizes = _groups(members, ["department"]).sort("seen", "using", "department")
    small = sizes.filter(~_safe(k))["department"].to_list()
    rest = [name for name in sizes["department"].to_list() if name not in small]
    while small and rest and not _union_is_safe(members, small, k):
        small.append(rest.pop(0))
    label = pl.when(pl.col("department").is_in(small)).then(pl.lit(OTHER)).otherwise("department")
    return sizes.select("department", label.alias("label"))


def _union_is_safe(members: pl.DataFrame, departments: Sequence[str], k: int) -> bool:
    union = members.filter(pl.col("department").is_in(list(departments))).with_columns(org=pl.lit(ALL))
    return bool(_groups(union, _ORG).select(_safe(k)).item())


def _too_small(members: pl.DataFrame, k: int, figures: Figures, hidden: _Hidden) -> _Hidden:
    """`hidden`, and the cells whose people or sums would describe or give away too small a group."""
    services = _join(hidden.services, _groups(members, ["app"]).filter(~_safe(k)).select("app"))
    services = shield(members, _ORG, ["app"], services, k, figures)
    broken = _groups(members, ["label", "app"]).filter(~_safe(k)).select("app")
    breakdown = _join(hidden.breakdown, _join(services, broken))
    days = _groups(members, ["app", "day"]).filter(~_safe(k)).select("app", "day")
    days = _join(hidden.days, _join(days, _days_of(members, services)))
    return _Hidden(
        total=hidden.total,
        services=services,
        breakdown=shield(members, ["label"], ["app"], breakdown, k, figures),
        labels=hidden.labels,
        days=shield(members, ["app"], ["app", "day"], days, k, figures),
    )


def _uneven(members: pl.DataFrame, k: int, sums: _Hidden, *, total_even: bool) -> _Hidden:
    """Cells whose bytes are hidden: those whose sums are, and those one subject dominates.

    Without a shown total there is nothing to subtract from, so its line needs no shield.
    """
    services = _join(sums.services, _groups(members, ["app"]).filter(~_even()).select("app"))
    labels = _groups(members, ["label"]).filter(~_even()).select("label")
    if total_even:
        services = shield(members, _ORG, ["app"], services, k, "bytes")
        labels = shield(members, _ORG, ["label"], labels, k, "bytes")
    broken = _groups(members, ["label", "app"]).filter(~_even()).select("app")
    breakdown = _join(sums.breakdown, _join(services, broken))
    lines = _byte_lines(members, labels, total_even=total_even)
    days = _groups(members, ["app", "day"]).filter(~_even()).select("app", "day")
    days = _join(_join(sums.days, days), _days_of(members, services))
    return _Hidden(
        total=sums.total if total_even else members.select("org").unique(),
        services=services,
        breakdown=shield(lines, ["line"], ["app"], breakdown, k, "bytes"),
        labels=labels,
        days=shield(members, ["app"], ["app", "day"], days, k, "bytes"),
    )


def _byte_lines(members: pl.DataFrame, hidden: pl.DataFrame, *, total_even: bool) -> pl.DataFrame:
    """Members by the line of department bytes they are in: hidden departments are known by their sum only."""
    shown = members.join(hidden, on="label", how="anti").with_columns(line=pl.lit("=") + pl.col("label"))
    if not total_even:
        return shown
    pooled = members.join(hidden, on="label", how="semi").with_columns(line=pl.lit("hidden"))
    return pl.concat([shown, pooled])


def shield(
    members: pl.DataFrame, line: list[str], part: list[str], hidden: pl.DataFrame, k: int, figures: Figures
) -> pl.DataFrame:
    """`hidden` (keys of `part`) and, for every line, the further parts it takes to be safe."""
    hidden = hidden.unique()
    while True:
        shown = members.join(hidden, on=part, how="anti")
        if figures == "people":
            bad = _provable(members, shown, line, part, k).with_columns(need=pl.lit(0.0))
        else:
            rest = _groups(members.join(hidden, on=part, how="semi"), line)
            rest = rest.filter(~_safe(k) if figures == "sums" else ~_even())
            bad = rest.select(*line, need=pl.col("top") / DOMINANCE - pl.col("bytes"))
        parts = _groups(shown, list(dict.fromkeys([*line, *part]))).join(bad, on=line)
        further = parts.sort(*_cheapest(figures), *part).unique(line, keep="first", maintain_order=True)
        if further.is_empty():
            return hidden
        hidden = _join(hidden, further.select(part))


def _cheapest(figures: Figures) -> list[pl.Expr]:
    """Order in which parts are given up: the smallest that is enough.

    Beside a sender who dominates the hidden parts a small part changes nothing, and hiding the small
    ones one after another would empty the table: then the smallest part that evens them out goes
    first, or the largest if none does alone.
    """
    if figures != "bytes":
        return [pl.col("seen"), pl.col("using"), pl.col("bytes")]
    enough = pl.col("bytes") >= pl.col("need")
    return [~enough, pl.when(enough).then(pl.col("bytes")).otherwise(-pl.col("bytes")), pl.col("seen")]


def _provable(
    members: pl.DataFrame, shown: pl.DataFrame, line: list[str], part: list[str], k: int
) -> pl.DataFrame:
    """Lines whose total provably holds people who are in no shown part, and fewer than k of them."""
    users, visible = members.filter("using"), shown.filter("using")
    total = users.group_by(line).agg(total=pl.col("subject").n_unique())
    parts = visible.group_by(list(dict.fromkeys([*line, *part]))).agg(count=pl.col("subject").n_unique())
    parts = parts.group_by(line).agg(parts=pl.col("count").sum())
    only = users.join(visible, on=[*line, "subject"], how="anti")
    only = only.group_by(line).agg(only=pl.col("subject").n_unique())
    found = total.join(parts, on=line, how="left").join(only, on=line).fill_null(0)
    return found.filter((pl.col("total") > pl.col("parts")) & (pl.col("only") < k)).select(line)


def _groups(members: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Per group: subjects seen, subjects using, bytes, and the bytes of its greatest sender."""
    each = members.group_by(*by, "subject").agg(
        pl.col("using").any(), pl.col("bytes_up").sum().cast(pl.Int64).alias("bytes")
    )
    return each.group_by(by).agg(
        seen=pl.len().cast(pl.Int64),
        using=pl.col("using").sum().cast(pl.Int64),
        bytes=pl.col("bytes").sum(),
        top=pl.col("bytes").max(),
    )


def _safe(k: int) -> pl.Expr:
    return (pl.col("seen") >= k) & ((pl.col("using") == 0) | (pl.col("using") >= k))


def _even() -> pl.Expr:
    return pl.col("top") <= DOMINANCE * pl.col("bytes")


def _join(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([left, right]).unique()


def _days_of(members: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    return members.join(services, on="app", how="semi").select("app", "day").unique()


def _weekly(members: pl.DataFrame, hidden: dict[str, _Hidden]) -> pl.DataFrame:
    """label, app and the flags of the weekly cells that may be published."""
    total = pl.DataFrame({"label": [ALL], "app": [ALL]})
    services = members.select("app").unique().with_columns(label=pl.lit(ALL))
    labels = members.select("label").unique().with_columns(app=pl.lit(ALL))
    unbroken = hidden["people_hidden"].breakdown
    detail = members.join(unbroken, on="app", how="anti").select("label", "app").unique()
    flagged = [
        total.with_columns(_flags(hidden, lambda cells: pl.lit(cells.total.height > 0))),
        services.with_columns(_flags(hidden, lambda cells: _within("app", cells.services))),
        labels.with_columns(_flags(hidden, lambda cells: _within("label", cells.labels))),
        detail.with_columns(_flags(hidden, lambda cells: _within("app", cells.breakdown))),
    ]
    return pl.concat([frame.select("label", "app", *hidden) for frame in flagged])


def _daily(members: pl.DataFrame, hidden: dict[str, _Hidden]) -> pl.DataFrame:
    """app, day and the flags of the daily cells."""
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
    """Fewer than k in all: services and days are named, every figure is hidden."""
    hidden = dict.fromkeys(("people_hidden", "sums_hidden", "bytes_hidden"), pl.lit(True))
    services = members.select("app").unique().with_columns(label=pl.lit(ALL))
    total = services.head(1).with_columns(app=pl.lit(ALL))
    weekly = pl.concat([services.select("label", "app"), total.select("label", "app")])
    return weekly.with_columns(**hidden), members.select("app", "day").unique().with_columns(**hidden)
