"""A workbook: what the report says on the first sheet, then one sheet per figure with typed columns."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from analytics.render.document import Document, ExtraMissing
from analytics.render.language import say, translated

#: Written into every workbook, so that the same data gives the same bytes.
_CREATED = datetime(2000, 1, 1)
_NAME = 31  # most characters of a sheet's name
#: Widths of a column in characters; a date takes ten.
_LEAST_WIDTH, _MOST_WIDTH = 11, 60


def write(document: Document) -> bytes:
    """Raises ExtraMissing without XlsxWriter."""
    try:
        import xlsxwriter
    except ImportError:
        raise ExtraMissing("needs XlsxWriter: pip install 'shadow-ai-sensor[xlsx]'") from None
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"title": document.page.title, "created": _CREATED})
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    forms = {
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        int: book.add_format({"num_format": "#,##0"}),
    }
    front = book.add_worksheet(say("xlsx.sheet"))
    front.set_column(0, 0, 24, bold)
    front.set_column(1, 1, 100, wrap)
    lines = [
        (document.page.title, document.page.span),
        (say("xlsx.facts"), " · ".join(document.page.facts)),
        (say("xlsx.verdict"), document.page.sentence),
        (say("xlsx.reading"), say("xlsx.how")),
    ]
    for line, (label, text) in enumerate(lines):
        front.write_string(line, 0, label, bold)
        front.write_string(line, 1, text, wrap)
    for nth, table in enumerate(document.result.tables.values()):
        front.write_url(
            len(lines) + 1 + nth, 0, f"internal:'{table.figure.id[:_NAME]}'!A1", None, table.figure.id
        )
        front.write_string(
            len(lines) + 1 + nth, 1, f"{translated(table.figure.question)} ({table.digest[:12]})", wrap
        )
        sheet = book.add_worksheet(table.figure.id[:_NAME])
        columns = list(table.figure.columns)
        sheet.write_row(0, 0, columns, bold)
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            sheet.set_column(column, column, _width(name, (row[name] for row in table.rows)))
        if table.rows:
            sheet.autofilter(0, 0, len(table.rows), len(columns) - 1)
        for line, row in enumerate(table.rows, 1):
            for column, name in enumerate(columns):
                _put(sheet, line, column, row[name], forms)
    book.close()
    return buffer.getvalue()


def _width(name: str, values: Iterable[Any]) -> int:
    """Characters that show a column: its name with the filter's arrow, and its values up to a limit."""
    longest = max((len(str(value)) for value in values if value is not None), default=0)
    return min(max(len(name) + 3, longest + 2, _LEAST_WIDTH), _MOST_WIDTH)


def _put(sheet: Any, line: int, column: int, value: Any, forms: dict[type, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, datetime):
        sheet.write_datetime(line, column, value.astimezone(UTC).replace(tzinfo=None), forms[datetime])
    elif isinstance(value, date):
        sheet.write_datetime(line, column, value, forms[date])
    elif isinstance(value, (int, float)):
        sheet.write_number(line, column, value, forms[int] if isinstance(value, int) else None)
    else:
        sheet.write_string(line, column, str(value))
