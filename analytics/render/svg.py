"""Draws inline SVG: bars, sparklines, grids and curves. Colours come from the CSS classes of the page.

Each picture has its figures as text (`aria-label`, or a table beside it) and no style attribute, script or
external reference. Numbers are printed with one decimal, so that output never varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

MOON_RADIUS = 6
_CELL, _GAP, _LABEL = 20, 3, 128
#: Shades of the rhythm grid, from "seen" to "most".
SHADES = 5


def moon_symbols() -> Markup:
    """The five moons as symbols `moon-1` … `moon-5`, defined once and used by reference."""
    r = MOON_RADIUS
    fills = {
        1: "",
        2: f'<path d="M8 8V{8 - r}A{r} {r} 0 0 1 {8 + r} 8Z"/>',
        3: f'<path d="M8 {8 - r}A{r} {r} 0 0 1 8 {8 + r}Z"/>',
        4: f'<path d="M8 8V{8 - r}A{r} {r} 0 1 1 {8 - r} 8Z"/>',
        5: f'<circle cx="8" cy="8" r="{r}"/>',
    }
    ring = f'<circle class="ring" cx="8" cy="8" r="{r}"/>'
    symbols = (
        f'<symbol id="moon-{g}" viewBox="0 0 16 16">{ring}{fill}</symbol>' for g, fill in fills.items()
    )
    return Markup('<svg class="symbols" aria-hidden="true" width="0" height="0">{}</svg>').format(
        _drawn("".join(symbols))
    )


def bar(value: int | None, upper: int | None, most: int, status: str = "") -> Markup:
    """A bar of `value` on a scale from 0 to `most`, paler up to `upper`; the figure is beside it as text.

    `status` is a key of words.STATUSES and gives its colour.
    """
    width = 240.0
    solid = _scaled_width(value, most, width)
    full = _scaled_width(upper if upper is not None else value, most, width)
    pale = f'<rect class="pale" y="3" width="{full:.1f}" height="10" rx="1.5"/>' if full > solid else ""
    body = f'{pale}<rect y="3" width="{solid:.1f}" height="10" rx="1.5"/>' if solid or pale else ""
    return Markup(
        '<svg class="bar{}" viewBox="0 0 240 16" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(f" st-{status}" if status else "", _drawn(body))


def sparkline(values: Sequence[int | None], label: str) -> Markup:
    """Up to twelve weeks as a line, which is interrupted at unknown weeks.

    The area below is filled if the scale starts at zero. If all weeks are similar, the scale is narrower, and
    nothing is filled, as that would suggest zero.
    """
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return Markup("")
    top = max(*known, 1)
    base = 0 if 2 * min(known) < top else min(min(known), top - max(1, top // 8))
    step = 116 / max(len(values) - 1, 1)
    height = 18 / (top - base)
    points = [None if v is None else (2 + i * step, 22 - height * (v - base)) for i, v in enumerate(values)]
    runs = _runs(points)
    areas = "".join(_area(run) for run in runs if len(run) > 1) if base == 0 else ""
    lines = "".join(_line(run) for run in runs)
    last = runs[-1][-1]
    body = f'{areas}{lines}<circle class="dot" cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.4"/>'
    return Markup('<svg class="spark" viewBox="0 0 120 26" role="img" aria-label="{}">{}</svg>').format(
        label, _drawn(body)
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One square of the rhythm grid."""

    state: str  # "shade", "none", "hidden", "blind" (no coverage) or "ahead" (not yet over)
    shade: int = 0  # 1 .. SHADES
    text: str = ""  # for tooltips and screen readers
    value: str = ""  # its figure, where there is one


def rhythm(rows: Sequence[tuple[str, Sequence[Cell]]], columns: Sequence[str], label: str) -> Markup:
    """A grid of services by day. `columns` holds a heading for days that get one, else ''."""
    height = 18 + len(rows) * (_CELL + _GAP)
    # Never narrower than four weeks, so that squares keep their size.
    width = _LABEL + _offsets(max(len(columns), 28))[-1] + _CELL
    parts = [
        Markup('<text class="head" x="{}" y="11">{}</text>').format(f"{_LABEL + x:.0f}", text)
        for x, text in zip(_offsets(len(columns)), columns, strict=True)
        if text
    ]
    for index, (name, cells) in enumerate(rows):
        y = 18 + index * (_CELL + _GAP)
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(y + 14, _short(name)))
        for x, cell in zip(_offsets(len(cells)), cells, strict=True):
            parts.append(_square(_LABEL + x, y, cell))
    return Markup('<svg class="rhythm" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        width, height, label, _HATCH, Markup("").join(parts)
    )


_HOUR, _DAY, _WIDEST = 22, 17, 132
_HOUR_SQUARE = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>')


def hours(lines: Sequence[tuple[str, bool, Sequence[Cell]]], label: str) -> Markup:
    """A grid of (label, programs apart from people, 24 hours), six hours to a group."""
    lefts = [_WIDEST + hour * _HOUR + hour // 6 * 4 for hour in range(24)]
    parts = [
        Markup('<text class="head" x="{}" y="10">{}</text>').format(lefts[hour], f"{hour:02d}")
        for hour in (0, 6, 12, 18)
    ]
    for nth, (name, program, cells) in enumerate(lines):
        y = 16 + nth * (_DAY + _GAP)
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(y + 12, _short(name, 21)))
        for x, cell in zip(lefts, cells, strict=True):
            kind = f"{cell.state} {'p' if program else 'q'}{cell.shade}" if cell.shade else cell.state
            parts.append(_HOUR_SQUARE.format(kind, x, y, _HOUR - _GAP, _DAY, cell.text))
    height = 16 + len(lines) * (_DAY + _GAP)
    return Markup('<svg class="rhythm" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        lefts[-1] + _HOUR - _GAP, height, label, Markup("").join(parts)
    )


def curve(points: Sequence[tuple[float, float]], label: str, across: str, up: str) -> Markup:
    """Shares against each other, both 0 to 1; the straight line is what equal parts would draw."""
    width, height = 240, 92
    path = _path([(4 + x * width, 4 + (1 - y) * height) for x, y in points])
    left, bottom, right = 4, 4 + height, 4 + width
    shapes = (
        f'<path class="axis" d="M{left} 4 V{bottom} H{right}"/>'
        f'<path class="even" d="M{left} {bottom} L{right} 4"/>'
        f'<path class="area" d="M{path} L{right} {bottom} Z"/><path class="line" d="M{path}"/>'
    )
    return Markup(
        '<svg class="curve" viewBox="0 0 248 116" role="img" aria-label="{}">{}'
        '<text x="8" y="14">{}</text><text x="{}" y="112" text-anchor="end">{}</text></svg>'
    ).format(label, _drawn(shapes), up, right, across)


_HATCH = Markup(
    '<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="hatch" width="1.4" height="5"/></pattern></defs>'
)


def _square(x: float, y: int, cell: Cell) -> Markup:
    shade = f" q{cell.shade}" if cell.state == "shade" else ""
    fill = Markup(' fill="url(#hatch)"') if cell.state == "blind" else Markup("")
    return Markup(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"{}><title>{}</title></rect>'
    ).format(f"{cell.state}{shade}", f"{x:.0f}", y, _CELL, _CELL, fill, cell.text)


def _offsets(count: int) -> list[int]:
    """Left edges of day squares, with a wider gap between weeks."""
    return [day * (_CELL + _GAP) + day // 7 * 9 for day in range(count)]


def _short(name: str, most: int = 18) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _drawn(shapes: str) -> Markup:
    """Markup of shapes that contain numbers only. Text always goes through `Markup.format`, which escapes
    it."""
    return Markup(shapes)  # noqa: S704 - numbers only


def _scaled_width(value: int | None, most: int, width: float) -> float:
    if not value or most <= 0:
        return 0.0
    return max(1.5, width * min(value, most) / most)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(run: Sequence[tuple[float, float]]) -> str:
    if len(run) == 1:
        return f'<circle class="dot" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="1.4"/>'
    return f'<path class="line" d="M{_path(run)}"/>'


def _area(run: Sequence[tuple[float, float]]) -> str:
    return f'<path class="area" d="M{_path(run)} L{run[-1][0]:.1f} 24 L{run[0][0]:.1f} 24 Z"/>'


def _path(run: Sequence[tuple[float, float]]) -> str:
    return " L".join(f"{x:.1f} {y:.1f}" for x, y in run)
