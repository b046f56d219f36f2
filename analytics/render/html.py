"""Renders a page as one self-contained HTML file, without scripts or requests."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from analytics.render import svg, words
from analytics.render.language import say_markup, translated


def page(template: str, style: str, content: object) -> str:
    """Fill `template` (Jinja2 source) with `content` as `page`; `style` becomes its one style sheet.

    The content security policy allows the style by its hash only, so that nothing in a name can inject one.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .from_string(template)
        .render(
            page=content,
            style=Markup(style),  # noqa: S704 our own file, never data
            csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            svg=svg,
            grades=words.grades(),
            words=words,
            say=say_markup,
            translated=translated,
            code=lambda text: Markup("<code>{}</code>").format(text),
        )
    )


def stylesheet() -> str:
    """The style sheet shared by all reports."""
    return files("analytics.render").joinpath("report.css").read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
