"""Every report folder: questions, SQL files, and given rows that must give the expected ones."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import analytics.reports
from analytics.lake import connect
from analytics.reports import run
from analytics.reports.prepare import spec_of
from analytics.reports.result import Facts
from analytics.reports.spec import Figure, Spec, read

from .lakes import DERIVED, VIEWS, WEEK, create

FOLDERS = sorted(p.parent for p in Path(analytics.reports.__file__).parent.glob("*/report.yml"))
REPORTS = [read(folder) for folder in FOLDERS]
FIGURES = [(spec, figure) for spec in REPORTS for figure in spec.figures]
PROVEN = [(spec, figure) for spec, figure in FIGURES if figure.expect]
#: What a report with an argument is asked about in its examples.
ABOUT = {"app": "a/chat", "department": "Sales"}
FACTS = Facts("Europe/Berlin", 5, "pseudonymous", None)


def name(value: object) -> str:
    return value.id if isinstance(value, Figure) else value.name if isinstance(value, Spec) else str(value)


def _told(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what is NULL."""
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@pytest.mark.parametrize(("spec", "figure"), PROVEN, ids=name)
def test_given_rows_give_the_expected_ones(spec: Spec, figure: Figure) -> None:
    with connect() as lake:
        create(lake, figure.given)
        scope = run.scope_of(WEEK, [date(2026, 11, 2)], "Europe/Berlin", about=ABOUT.get(spec.about, ""))
        rows = run.run(lake, spec, FACTS, scope).rows(figure.id)
    assert _told(rows) == _told(figure.expect)


def test_the_main_figures_have_examples() -> None:
    proven = {figure.id for _, figure in PROVEN}
    assert {
        "totals",
        "services",
        "raised",
        "changes",
        "coverage_weekly",
        "silent",
        "source_bytes",
        "blocked",
    } <= proven


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_every_sql_file_is_a_figure(folder: Path) -> None:
    common = {p.stem for p in (folder.parent / "common").glob("*.sql")}
    own = {p.stem for p in folder.glob("*.sql")}
    assert own <= {figure.id for figure in read(folder).figures} <= own | common


@pytest.mark.parametrize(("spec", "figure"), FIGURES, ids=name)
def test_figures_read_only_open_views_and_order_their_rows(spec: Spec, figure: Figure) -> None:
    body = re.sub(r"--.*", "", figure.sql)
    read_names = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", body))
    own = set(re.findall(r"(\w+) AS \(", body))
    earlier = {f.id for f in spec.figures[: spec.figures.index(figure)]}
    assert read_names <= set(VIEWS) | set(DERIVED) | own | earlier | {"scope"}
    assert re.search(r"\nORDER BY [^\n]+(\n +[^\n]+)?$", body), "the last clause orders the rows"


@pytest.mark.parametrize("spec", REPORTS, ids=name)
def test_figure_ids_do_not_hide_a_view(spec: Spec) -> None:
    assert not {figure.id for figure in spec.figures} & set(VIEWS)


def write(folder: Path, figures: list[dict[str, object]]) -> Path:
    report = {"name": "x", "title": "X", "question": "?", "figures": figures}
    (folder / "report.yml").write_text(yaml.safe_dump(report))
    (folder / "one.sql").write_text("SELECT 1 AS a\nORDER BY a\n")
    return folder


ONE = {"id": "one", "question": "?", "row": "a row", "columns": {"a": "a number"}}


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ([ONE | {"colour": "red"}], "unknown fields"),
        ([{"id": "one"}], "missing fields"),
        ([ONE, ONE], "given twice"),
    ],
)
def test_a_wrong_report_file_says_what_is_wrong(
    tmp_path: Path, figures: list[dict[str, object]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(write(tmp_path, figures))


def test_columns_that_differ_from_their_description_fail(tmp_path: Path) -> None:
    spec = read(write(tmp_path, [ONE | {"columns": {"b": "not there"}}]))
    with connect() as lake, pytest.raises(ValueError, match="differ"):
        run.run(lake, spec, FACTS, run.scope_of(WEEK, [], "UTC"))


def test_a_quarter_asks_what_a_month_asks_and_more() -> None:
    month, quarter = spec_of("monthly"), spec_of("quarterly")
    assert quarter.figures[: len(month.figures)] == month.figures
    assert [figure.id for figure in quarter.figures[len(month.figures) :]] == ["controls"]
