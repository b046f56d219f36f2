"""Elastic Common Schema 8.11, one JSON object a line (ndjson)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from analytics.exports.records import Row
from analytics.exports.records.row import PRODUCT, is_address, span, told

VERSION = "8.11.0"
_TYPES = {"allowed": "allowed", "blocked": "denied", "reset": "denied"}


def write(rows: Iterable[Row], what: str) -> Iterator[str]:
    """One line a row."""
    of = event if what == "events" else finding
    for row in rows:
        yield json.dumps(told(of(row)), ensure_ascii=False, default=str) + "\n"


def event(row: Row) -> dict[str, Any]:
    """A sighting (kind event), or a department's week with a service (kind metric)."""
    start, end = span(row)
    types = ["connection", *([_TYPES[row["action"]]] if row.get("action") in _TYPES else [])]
    server = row.get("server")
    client = {"address": row.get("client"), "port": row.get("client_port")}
    return {
        **_common(row, start.isoformat()),
        "event": {
            "kind": "event" if "seen_at" in row else "metric",
            "category": ["network"],
            "type": types,
            "id": str(row["event_id"]) if row.get("event_id") is not None else None,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "duration": round((end - start).total_seconds() * 1e9),
        },
        "source": client | {"bytes": row.get("bytes_up")},
        "destination": {
            "domain": row.get("host"),
            "ip": server if is_address(server) else None,
            "port": row.get("server_port"),
            "bytes": row.get("bytes_down"),
        },
        "network": {"transport": row.get("transport"), "application": row["app"]},
    }


def finding(row: Row) -> dict[str, Any]:
    """A finding as an alert."""
    start, end = span(row)
    return {
        **_common(row, end.isoformat()),
        "event": {
            "kind": "alert",
            "category": ["network"],
            "type": ["info"],
            "id": row["finding"],
            "severity": row["severity_rank"],
            "start": start.isoformat(),
            "end": end.isoformat(),
        },
        "message": row["title"],
        "rule": {"name": row["rule"], "description": row["question"], "version": row["policy_version"]},
    }


def _common(row: Row, at: str) -> dict[str, Any]:
    names = ("app", "grade", "department", "scope", "status", "access", "owner")
    return {
        "@timestamp": at,
        "ecs": {"version": VERSION},
        "observer": {"product": PRODUCT, "name": row.get("sensor")},
        # labels are keywords: numbers become text
        "labels": {name: str(row[name]) for name in names if row.get(name) is not None},
    }
