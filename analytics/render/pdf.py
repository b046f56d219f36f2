"""Renders the HTML page as PDF/UA-1 with WeasyPrint; no request, no clock, the same bytes for the same
page."""

from __future__ import annotations

import re

from markupsafe import escape

from analytics.render.document import ExtraMissing
from analytics.render.html import stylesheet
from analytics.render.language import say

_VARIABLE = re.compile(r"var\((--[\w-]+)\)")


def write(html: str, identifier: str) -> bytes:
    """The PDF of a page; `identifier` becomes the id of the document. Raises ExtraMissing without
    WeasyPrint."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError):
        raise ExtraMissing("needs WeasyPrint: pip install 'shadow-ai-sensor[pdf]'") from None
    document = HTML(string=_titled(_inlined(html)), url_fetcher=_refuse)
    content: bytes = document.write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=identifier.encode())
    return content


def _refuse(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a report asks for nothing outside: {url}")


def _titled(html: str) -> str:
    """PDF/UA requires a text for every figure (ISO 14289-1, 7.3). WeasyPrint takes it from an SVG's title.

    A moon has its text next to it on the page, another picture its label. A bar without length is removed.
    """
    html = re.sub(r'<svg class="bar[^>]*></svg>', "", html)
    html = re.sub(
        r'(<span class="moon" title="([^"]*)"><svg[^>]*>)(.*?</svg>)(<span class="vh">.*?</span>)?',
        r"\1<title>\2</title>\3",
        html,
    )
    html = re.sub(r'(<svg [^>]*aria-label="([^"]*)"[^>]*>)', r"\1<title>\2</title>", html)
    html = re.sub(
        r'(<svg class="key"[^>]*>)(?=<style>[^<]*</style><rect class="q(\d))', r"\1<title>\2/5</title>", html
    )
    return re.sub(r'(<svg class="bar[^>]*>)', rf"\1<title>{escape(say('column.bar'))}</title>", html)


def _inlined(html: str) -> str:
    """WeasyPrint draws each SVG in isolation, so its symbols and colours must be inside it."""
    style = stylesheet()
    colours = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", style.split("@media", 1)[0]))
    rules = [
        (selector, f"{selector}{{{_VARIABLE.sub(lambda m: colours.get(m[1], 'inherit'), body)}}}")
        for selector, body in re.findall(r"([^{}@\n]+?)\s*\{([^{}]*)\}", style)
    ]
    moons = dict(re.findall(r'<symbol id="(moon-\d)" viewBox="0 0 16 16">(.*?)</symbol>', html))
    html = re.sub(r'<svg class="symbols".*?</svg>\s*(?=<main)', "", html, flags=re.DOTALL)
    html = re.sub(
        r'<svg aria-hidden="true"><use href="#(moon-\d)"/></svg>',
        lambda m: f'<svg viewBox="0 0 16 16" class="m" aria-hidden="true">{moons[m[1]]}</svg>',
        html,
    )
    accent = colours.get("--accent", "#000")
    own = {"m": f"<style>.m{{fill:{accent}}}.ring{{fill:none;stroke:{accent};stroke-width:1.6}}</style>"}
    for kind in ("bar", "spark", "rhythm", "curve", "key"):  # each parses its style: only what it may need
        needed = re.compile(rf"\.({kind}|[pq]\d|hatch)\b")
        own[kind] = f"<style>{''.join(rule for selector, rule in rules if needed.search(selector))}</style>"
    return re.sub(r'(<svg [^>]*?class="(\w+)[^>]*>)', lambda m: m[1] + own[m[2]], html)
