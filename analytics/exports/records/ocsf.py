"""OCSF 1.3 (schema.ocsf.io): Network Activity [4001] and Detection Finding [2004], one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from analytics.exports.records import Row
from analytics.exports.records.row import PRODUCT, is_address, span, told

VERSION = "1.3.0"
#: Network Activity: traffic, reset, refused
_ACTIVITIES = {"reset": 3, "blocked": 5}
_TRAFFIC = 6
_SEVERITIES = {"low": 2, "medium": 3, "high": 4, "critical": 5}
#: Status of a finding: new, suppressed (a decision stands), resolved, other
_STATUSES = {"open": 1, "accepted": 3, "restricted": 3, "resolved": 4}
_OTHER = 99


def write(rows: Iterable[Row], what: str) -> Iterator[str]:
    """One line a row."""
    of = event if what == "events" else finding
    for row in rows:
        yield json.dumps(told(of(row)), ensure_ascii=False, default=str) + "\n"


def event(row: Row) -> dict[str, Any]:
    """A sighting, or a department's week with a service as one event with a count."""
    start, end = span(row)
    service = row.get("service") or row["app"]
    endpoint = {"hostname": row.get("host"), "svc_name": service, "port": row.get("server_port")}
    return {
        **_common(4001, _ACTIVITIES.get(row.get("action") or "", _TRAFFIC), 1, start),
        "start_time": _ms(start),
        "end_time": _ms(end),
        "count": row.get("connections") or None,
        "src_endpoint": _client(row),
        "dst_endpoint": endpoint | ({"ip": row["server"]} if is_address(row.get("server")) else {}),
        "connection_info": {"protocol_name": row.get("transport"), "direction_id": 2},
        "traffic": {"bytes_out": row.get("bytes_up"), "bytes_in": row.get("bytes_down")},
        "unmapped": {name: row.get(name) for name in ("app", "grade", "department", "access", "event_id")},
    }


def finding(row: Row) -> dict[str, Any]:
    """A finding with its status; time is the end of the last week it was seen in."""
    start, end = span(row)
    resolved = row["status"] == "resolved"
    return {
        **_common(2004, 3 if resolved else 2, _SEVERITIES[row["severity"]], end),
        "status_id": _STATUSES.get(row["status"], _OTHER),
        "status": row["status"],
        "finding_info": {
            "uid": row["finding"],
            "title": row["title"],
            "desc": row["question"],
            "first_seen_time": _ms(start),
            "last_seen_time": _ms(end),
            "analytic": {"name": row["rule"], "type_id": 1},
        },
        "remediation": {"desc": row["proposal"]},
        "unmapped": {name: row.get(name) for name in ("app", "scope", "owner", "due", "policy_version")},
    }


def _common(class_uid: int, activity_id: int, severity_id: int, at: datetime) -> dict[str, Any]:
    return {
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "activity_id": activity_id,
        "type_uid": class_uid * 100 + activity_id,
        "severity_id": severity_id,
        "time": _ms(at),
        "metadata": {"version": VERSION, "product": {"name": PRODUCT, "vendor_name": PRODUCT}},
    }


def _client(row: Row) -> dict[str, Any]:
    client = row.get("client")
    return {"ip" if is_address(client) else "uid": client, "port": row.get("client_port")}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
