"""Writes figures as JSON, and as CSV tables in a ZIP file; JSON is also the form of the archive."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from typing import Any

from analytics.render.document import Document

#: A zip's first day: entries carry no clock.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
#: What begins so is run as a formula by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(document: Document) -> bytes:
    """Facts, the texts of the page, and every figure with its SQL, rows and hash; keys in a fixed order."""
    result, page = document.result, document.page
    facts, scope = result.facts, result.scope
    words = {f.name: getattr(page, f.name) for f in fields(page) if f.name not in ("tables", "coverage")}
    content = {
        "report": document.name,
        "period": document.period,
        "about": document.about,
        "first_day": scope.first_day,
        "last_day": scope.last_day,
        "zone": facts.zone,
        "k": facts.k,
        "privacy": facts.privacy,
        "names_by_client": facts.names_by_client,
        "as_of": facts.as_of,
        "page": {name: _plain(value) for name, value in words.items()},
        "figures": [
            {
                "id": table.figure.id,
                "question": table.figure.question,
                "row": table.figure.row,
                "columns": dict(table.figure.columns),
                "sql": table.figure.sql,
                "sha256": table.digest,
                "rows": [{name: row[name] for name in table.figure.columns} for row in table.rows],
            }
            for table in result.tables.values()
        ],
    }
    return (json.dumps(content, ensure_ascii=False, indent=1, default=_canonical) + "\n").encode()


def as_csv(document: Document) -> bytes:
    """A ZIP file with a CSV file per figure; the same bytes for the same rows."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in document.result.tables.values():
            text = io.StringIO(newline="")
            writer = csv.writer(text)
            columns = list(table.figure.columns)
            writer.writerow(columns)
            writer.writerows([_cell(row[name]) for name in columns] for row in table.rows)
            entry = zipfile.ZipInfo(f"{table.figure.id}.csv", _NO_TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime, date)):
        return _canonical(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _canonical(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")
