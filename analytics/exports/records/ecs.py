"""Elastic Common Schema 8.11, one JSON object per line (ndjson)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from analytics.exports.records import Row
from analytics.exports.records.row import PRODUCT, direction, is_address, lines, span

VERSION = "8.11.0"
_TYPES = {"allowed": "allowed", "blocked": "denied", "reset": "denied"}
#: Kinds of sightings that are protocols.
_PROTOCOLS = ("dns", "tls", "quic", "http")


def write(rows: Iterable[Row], what: str) -> Iterator[str]:
    """One line per row."""
    return lines(map(event if what == "events" else finding, rows))


def event(row: Row) -> dict[str, Any]:
    """A sighting (kind event), or a department's week with a service (kind metric)."""
    start, end = span(row)
    is_lookup = row.get("kind") == "dns"
    is_request = bool(row.get("method"))
    types = ["connection"]
    types += ["protocol"] if is_lookup or is_request else []
    types += [_TYPES[row["action"]]] if row.get("action") in _TYPES else []
    return {
        **_common(row, start.isoformat()),
        "event": {
            "kind": "event" if "seen_at" in row else "metric",
            "category": ["network", "web"] if is_request else ["network"],
            "type": [*types, "access"] if is_request else types,
            "id": str(row["event_id"]) if row.get("event_id") is not None else None,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "duration": round((end - start).total_seconds() * 1e9),
        },
        "source": _side(row.get("client"), row.get("client_port"), row.get("bytes_up"))
        | {"user": {"name": row.get("user_name")}},
        # of a lookup the destination is the resolver, and the name what was asked for
        "destination": _side(row.get("server"), row.get("server_port"), row.get("bytes_down"))
        | {"domain": None if is_lookup else row.get("host")},
        "dns": {"type": "query", "question": {"name": row.get("host")}} if is_lookup else None,
        "http": {
            "request": {"method": row.get("method")},
            "response": {"status_code": row.get("status")},
        }
        if is_request
        else None,
        "url": {"domain": row.get("host"), "path": row["path"]} if row.get("path") else None,
        "user_agent": {"name": row.get("user_agent")},
        "network": {
            "transport": row.get("transport"),
            "protocol": row["kind"] if row.get("kind") in _PROTOCOLS else None,
            "direction": direction(row),
            "application": row["app"],
        },
    }


def _side(address: str | None, port: int | None, sent: int | None) -> dict[str, Any]:
    """A token is an address and no IP."""
    return {"address": address, "ip": address if is_address(address) else None, "port": port, "bytes": sent}


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
    names = ["app", "grade", "department", "scope", "access", "owner"]
    names += [] if "seen_at" in row else ["status"]  # of a request it is the answer's code
    return {
        "@timestamp": at,
        "ecs": {"version": VERSION},
        "observer": {"product": PRODUCT, "name": row.get("sensor")},
        # labels are keywords: numbers become text
        "labels": {name: str(row[name]) for name in names if row.get(name) is not None},
    }
