"""The page shell: escaping, one style by its hash, colours that can be read."""

import base64
import hashlib
import re
from itertools import product

import jinja2
import pytest

from analytics.render import html

STYLE = html.stylesheet()
TEXT = ("--ink", "--soft", "--accent")
GROUNDS = ("--paper", "--sunk")


def palettes() -> dict[str, dict[str, str]]:
    """Colour variables of the light theme, the dark theme and paper."""
    blocks = re.findall(r":root\s*{(.*?)}", STYLE, re.S)
    found = [dict(re.findall(r"(--[\w]+):\s*(#[0-9a-f]{3,6})", block)) for block in blocks]
    assert len(found) == 3
    return dict(zip(("light", "dark", "print"), found, strict=True))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast("#000000", "#fff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_reads_well_in_every_theme(theme: str) -> None:
    colours = palettes()[theme]
    for text, ground in product(TEXT, GROUNDS):
        assert contrast(colours[text], colours[ground]) >= 4.5, (theme, text, ground)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_marks_stand_out(theme: str) -> None:
    colours = palettes()[theme]
    assert contrast(colours["--accent"], colours["--paper"]) >= 3
    assert contrast(colours["--q5"], colours["--paper"]) >= 3
    shades = [luminance(colours[f"--q{n}"]) for n in range(1, 6)]
    assert shades in (sorted(shades), sorted(shades, reverse=True))


def test_colours_come_from_the_palette_only() -> None:
    rules = re.sub(r":root\s*{.*?}", "", STYLE, flags=re.S)
    assert not re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(", rules)


def test_values_are_escaped_and_the_style_is_allowed_by_hash() -> None:
    template = '<meta content="{{ csp }}"><style>{{ style }}</style>{{ page.name }}'
    page = html.page(template, "a > b {}", {"name": "<script>alert(1)</script>"})
    digest = base64.b64encode(hashlib.sha256(b"a > b {}").digest()).decode()
    assert "<style>a > b {}</style>&lt;script&gt;" in page
    assert f"sha256-{digest}" in page.replace("&#39;", "'")


def test_a_misspelt_field_is_an_error_not_a_gap() -> None:
    with pytest.raises(jinja2.UndefinedError):
        html.page("{{ page.nothing }}", "", {})
