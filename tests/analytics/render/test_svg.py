"""Pictures: well-formed, escaped, and never with a style, script or outside reference."""

import re
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from analytics.render import svg
from analytics.render.svg import Cell


def parse(picture: Markup) -> ElementTree.Element:
    assert not re.search(r"style=|<script|https?:|\bon\w+=", str(picture))
    return ElementTree.fromstring(str(picture))


def widths(picture: Markup) -> list[float]:
    return [float(rect.attrib["width"]) for rect in parse(picture).iter("rect")]


def test_bar_is_in_proportion_and_paler_up_to_the_maximum() -> None:
    assert widths(svg.bar(50, 50, 100)) == [120.0]
    assert widths(svg.bar(50, 75, 100)) == [180.0, 120.0]


def test_nothing_has_no_bar_and_little_has_a_visible_one() -> None:
    assert widths(svg.bar(0, 0, 100)) == []
    assert widths(svg.bar(None, None, 100)) == []
    assert widths(svg.bar(1, 1, 10**12)) == [1.5]
    assert widths(svg.bar(5, 5, 0)) == []


def test_sparkline_breaks_where_a_week_is_unknown() -> None:
    picture = parse(svg.sparkline([1, 2, None, 4, 0], "weeks"))
    lines = [p for p in picture.iter("path") if p.attrib["class"] == "line"]
    assert len(lines) == 2
    assert picture.attrib["aria-label"] == "weeks"


def test_sparkline_fills_only_from_zero() -> None:
    def areas(values: list[int | None]) -> int:
        return sum(p.attrib["class"] == "area" for p in parse(svg.sparkline(values, "")).iter("path"))

    assert areas([0, 5, 10]) == 1
    assert areas([95, 94, 96]) == 0


def test_sparkline_stays_inside_its_box_and_one_week_is_no_trend() -> None:
    numbers = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", str(svg.sparkline([3, 900, 3, 0], "")))
    assert numbers
    assert all(0 <= float(x) <= 120 and 0 <= float(y) <= 26 for x, y in numbers)
    assert svg.sparkline([7], "") == ""
    assert svg.sparkline([None, None], "") == ""


def test_rhythm_escapes_names_and_places_every_day() -> None:
    cells = [Cell("shade", 3, "Monday: 5", "5"), Cell("blind", text="<b>"), Cell("hidden", text="few")]
    picture = svg.rhythm([("<script>x</script>", cells)], ["9 November", "", ""], 'say "hi"')
    root = parse(picture)
    squares = [r for r in root.iter("rect") if r.attrib.get("class") != "hatch"]
    assert [r.attrib["class"] for r in squares] == ["shade q3", "blind", "hidden"]
    assert root.attrib["aria-label"] == 'say "hi"'
    assert "<script>" not in str(picture)


@pytest.mark.parametrize("grade", range(1, 6))
def test_every_grade_has_a_moon(grade: int) -> None:
    ids = {symbol.attrib["id"] for symbol in parse(svg.moon_symbols()).iter("symbol")}
    assert f"moon-{grade}" in ids
