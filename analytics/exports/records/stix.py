"""STIX 2.1 (OASIS): a bundle with a `tool` per service and a `sighting` per row (section 5.2)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.exports.records import Row
from analytics.exports.records.row import midnight, span, without_empty

#: Namespace of our identifiers: the same rows give the same ones.
_NAMESPACE = uuid.UUID("2f5e0f4a-6b1c-5a53-8a4e-0d1f0c6a7e55")
_MOST = 999_999_999  # sighting.count
#: A service is one object in all bundles, whenever it was first seen.
_TOOL_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def write(rows: Iterable[Row], what: str) -> Iterator[str]:
    """One bundle; the tool of a service comes before its first sighting."""
    known: set[str] = set()
    yield f'{{"type": "bundle", "id": "{_id("bundle", what)}"'
    between = ', "objects": [\n'
    for row in rows:
        for made in _objects(row, known):
            yield between + json.dumps(without_empty(made), ensure_ascii=False)
            between = ",\n"
    # a list must not be empty (section 2.10)
    yield "\n]}\n" if known else "}\n"


def _objects(row: Row, known: set[str]) -> Iterator[dict[str, Any]]:
    start, end = span(row)
    tool = _id("tool", row["app"])
    if tool not in known:
        known.add(tool)
        yield _common("tool", tool, _TOOL_SINCE, _TOOL_SINCE) | {"name": row.get("service") or row["app"]}
    key = row.get("event_id") or row.get("finding") or f"{row['week']} {row.get('department')} {row['app']}"
    count = row.get("connections", row.get("sessions"))
    changed = max([end, *_decided(row)])
    yield _common("sighting", _id("sighting", str(key)), start, changed) | {
        "sighting_of_ref": tool,
        "first_seen": _stamp(start),
        "last_seen": _stamp(end),
        "count": min(int(count), _MOST) if count else None,
        "description": _words(row),
    }


def _decided(row: Row) -> Iterator[datetime]:
    """When a finding was decided, and when it was open again because what was decided had run out."""
    if row.get("decided_at"):
        yield row["decided_at"].astimezone(UTC)
    if row.get("valid_until") and row["status"] in ("open", "not evaluable"):
        yield midnight(row["valid_until"] + timedelta(days=1))


def _common(kind: str, id_: str, created: datetime, modified: datetime) -> dict[str, Any]:
    """`created` stays the same for an identifier; what is seen again or decided is a later version (section
    3.6.2)."""
    stamps = {"created": _stamp(created), "modified": _stamp(modified)}
    return {"type": kind, "spec_version": "2.1", "id": id_, **stamps}


def _words(row: Row) -> str:
    names = ("title", "severity", "status", "scope", "department", "host", "action", "evidence")
    return "; ".join(f"{name}: {row[name]}" for name in names if row.get(name) is not None)


def _id(kind: str, key: str) -> str:
    return f"{kind}--{uuid.uuid5(_NAMESPACE, f'{kind} {key}')}"


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
