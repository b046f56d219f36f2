"""The formats of a report, all made from the same result and page. The same data gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analytics.render.document import Document
from analytics.render.language import speaking


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how a document becomes bytes, and the suffix of files."""

    suffix: str
    form: Callable[[Document], bytes]

    def write(self, document: Document) -> bytes:
        """`document` as bytes, in the language of its page. Raises ExtraMissing."""
        with speaking(document.page.language):
            return self.form(document)


def _html(document: Document) -> bytes:
    from analytics.render import html

    return html.page(document.template, html.stylesheet(), document.page).encode()


def _pdf(document: Document) -> bytes:
    from analytics.render import pdf

    return pdf.write(_html(document).decode(), document.digest(_json(document)))


def _markdown(document: Document) -> bytes:
    from analytics.render import markdown

    return markdown.write(document.page).encode()


def _json(document: Document) -> bytes:
    from analytics.render import plain

    return plain.as_json(document)


def _xlsx(document: Document) -> bytes:
    from analytics.render import xlsx

    return xlsx.write(document)


def _csv(document: Document) -> bytes:
    from analytics.render import plain

    return plain.as_csv(document)


FORMATS = {
    "html": Format(".html", _html),
    "pdf": Format(".pdf", _pdf),
    "md": Format(".md", _markdown),
    "json": Format(".json", _json),
    "xlsx": Format(".xlsx", _xlsx),
    "csv": Format(".csv.zip", _csv),
}
