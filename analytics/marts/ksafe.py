"""Which cells of a week's cubes may be shown, so that no group smaller than k can be told apart.

In: one row per subject × department × app × day of a week. Out: the cells that may be published,
each with what must be hidden in it. Pure.

A group is *safe* when at least k subjects are in it and, of those, none or at least k use the
service (grade 3 or more). Its bytes are *even* when no subject sent more than 80 % of them. What an
attacker can do is subtract: a shown total minus its shown parts is a figure about the hidden parts.
So for every line of the cubes (a total and its parts) the hidden parts taken together, and those
subjects who are in no shown part, must be safe as well; while they are not, the smallest shown part
is hidden too (complementary suppression). The lines are

    everyone    = the services         department = its services
    everyone    = the departments      service    = its days

Two rules keep the lines from being combined. Departments that are not safe over the whole week are
pooled in `other`, so every department total is shown. And a service is broken down by department
in full or not at all, so that hidden cells always fill whole columns: any combination of lines then
is a union of groups that were checked. An unbroken service still stands with its total: the
service is shown, not the team. Bytes that are uneven are hidden the same way while people stay.

What is not claimed: people who did *not* use a service are no group here (10 of 12 in a department
used it: shown), and nothing is said about what an attacker knows from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

#: No subject may have sent more than this share of a shown sum of bytes.
DOMINANCE = 0.8
ALL = "all"
OTHER = "other"

_ORG = ["org"]


@dataclass(frozen=True)
class Cells:
    """What may be published of one week.

    `departments`: department → label. `weekly`: label, app → people_hidden, bytes_hidden.
    `daily`: app, day → the same. A cell that is not listed must not be published at all.
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
    people = _services(members, k)
    uneven = _uneven(members, k, people, total_even=bool(total.select(_even()).item()))
    return Cells(departments, _weekly(members, people, uneven), _daily(members, people, uneven))


@dataclass(frozen=True)
class _Hidden:
    """Keys of hidden cells: services (`app`), their breakdown (`app`), departments (`label`), days."""

    services: pl.DataFrame
    breakdown: pl.DataFrame
    labels: pl.DataFrame
    days: pl.DataFrame


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


def _services(members: pl.DataFrame, k: int) -> _Hidden:
    """Cells hidden because a group would be too small."""
    services = _groups(members, ["app"]).filter(~_safe(k)).select("app")
    services = shield(members, _ORG, ["app"], services, k)
    broken = _groups(members, ["label", "app"]).filter(~_safe(k)).select("app")
    breakdown = shield(members, ["label"], ["app"], _join(services, broken), k)
    days = _groups(members, ["app", "day"]).filter(~_safe(k)).select("app", "day")
    days = _join(days, _days_of(members, services))
    return _Hidden(
        services=services,
        breakdown=breakdown,
        labels=members.select("label").clear(),
        days=shield(members, ["app"], ["app", "day"], days, k),
    )


def _uneven(members: pl.DataFrame, k: int, people: _Hidden, *, total_even: bool) -> _Hidden:
    """Cells whose bytes are hidden: those of `people`, and those one subject dominates.

    Without a shown total there is nothing to subtract from, so its line needs no shield.
    """
    services = _join(people.services, _groups(members, ["app"]).filter(~_even()).select("app"))
    labels = _groups(members, ["label"]).filter(~_even()).select("label")
    if total_even:
        services = shield(members, _ORG, ["app"], services, k, even=True)
        labels = shield(members, _ORG, ["label"], labels, k, even=True)
    broken = _groups(members, ["label", "app"]).filter(~_even()).select("app")
    breakdown = _join(people.breakdown, _join(services, broken))
    lines = _byte_lines(members, labels, total_even=total_even)
    days = _groups(members, ["app", "day"]).filter(~_even()).select("app", "day")
    days = _join(_join(people.days, days), _days_of(members, services))
    return _Hidden(
        services=services,
        breakdown=shield(lines, ["line"], ["app"], breakdown, k, even=True),
        labels=labels,
        days=shield(members, ["app"], ["app", "day"], days, k, even=True),
    )


def _byte_lines(members: pl.DataFrame, hidden: pl.DataFrame, *, total_even: bool) -> pl.DataFrame:
    """Members by the line of department bytes they are in: hidden departments are known by their sum only."""
    shown = members.join(hidden, on="label", how="anti").with_columns(line=pl.lit("=") + pl.col("label"))
    if not total_even:
        return shown
    pooled = members.join(hidden, on="label", how="semi").with_columns(line=pl.lit("hidden"))
    return pl.concat([shown, pooled])


def shield(
    members: pl.DataFrame,
    line: list[str],
    part: list[str],
    hidden: pl.DataFrame,
    k: int,
    *,
    even: bool = False,
) -> pl.DataFrame:
    """`hidden` (keys of `part`) and, for every line, the smallest further parts it takes to be safe."""
    hidden = hidden.unique()
    while True:
        inside = members.join(hidden, on=part, how="semi")
        shown = members.join(hidden, on=part, how="anti")
        bad = [_groups(inside, line).filter(~(_even() if even else _safe(k))).select(line)]
        if not even:
            only = members.join(shown.select(*line, "subject").unique(), on=[*line, "subject"], how="anti")
            bad.append(_groups(only, line).filter(pl.col("using").is_between(1, k - 1)).select(line))
        smallest = (
            _groups(shown, list(dict.fromkeys([*line, *part])))
            .join(pl.concat(bad).unique(), on=line, how="semi")
            .sort("seen", "using", "bytes", *part)
            .unique(line, keep="first", maintain_order=True)
        )
        if smallest.is_empty():
            return hidden
        hidden = _join(hidden, smallest.select(part))


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


def _weekly(members: pl.DataFrame, people: _Hidden, uneven: _Hidden) -> pl.DataFrame:
    total_even = bool(_groups(members, _ORG).select(_even()).item())
    total = pl.DataFrame({"label": [ALL], "app": [ALL]}).with_columns(
        people_hidden=pl.lit(False), bytes_hidden=pl.lit(not total_even)
    )
    services = members.select("app").unique().with_columns(
        label=pl.lit(ALL),
        people_hidden=_within("app", people.services),
        bytes_hidden=_within("app", uneven.services),
    )  # fmt: skip
    labels = members.select("label").unique().with_columns(
        app=pl.lit(ALL), people_hidden=pl.lit(False), bytes_hidden=_within("label", uneven.labels)
    )  # fmt: skip
    detail = members.join(people.breakdown, on="app", how="anti").select("label", "app").unique()
    detail = detail.with_columns(people_hidden=pl.lit(False), bytes_hidden=_within("app", uneven.breakdown))
    columns = ["label", "app", "people_hidden", "bytes_hidden"]
    return pl.concat([frame.select(columns) for frame in (total, services, labels, detail)])


def _daily(members: pl.DataFrame, people: _Hidden, uneven: _Hidden) -> pl.DataFrame:
    days = members.select("app", "day").unique()
    return days.join(
        people.days.with_columns(people_hidden=pl.lit(True)), on=["app", "day"], how="left"
    ).join(
        uneven.days.with_columns(bytes_hidden=pl.lit(True)), on=["app", "day"], how="left"
    ).with_columns(pl.col("people_hidden", "bytes_hidden").fill_null(False))  # fmt: skip


def _within(column: str, keys: pl.DataFrame) -> pl.Expr:
    return pl.col(column).is_in(keys[column].to_list())


def _nothing_shown(members: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fewer than k in all: services and days are named, every figure is hidden."""
    hidden = {"people_hidden": pl.lit(True), "bytes_hidden": pl.lit(True)}
    services = members.select("app").unique().with_columns(label=pl.lit(ALL))
    total = members.select(app=pl.lit(ALL), label=pl.lit(ALL)).unique()
    weekly = pl.concat([services.select("label", "app"), total.select("label", "app")])
    return weekly.with_columns(**hidden), members.select("app", "day").unique().with_columns(**hidden)
