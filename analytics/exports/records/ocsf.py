"""OCSF 1.3 (schema.ocsf.io), one JSON object per line.

Lookups are DNS Activity [4003], requests whose method and status are known HTTP Activity [4002], all else
Network Activity [4001]; findings are Detection Finding [2004]. What was blocked carries the profile
security_control.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from analytics.exports.records import Row
from analytics.exports.records.row import PRODUCT, direction, is_address, lines, span

VERSION = "1.3.0"
_NETWORK, _HTTP, _DNS, _FINDING = 4001, 4002, 4003, 2004
#: Network Activity: traffic, reset, refused
_ACTIVITIES = {"reset": 3, "blocked": 5}
_TRAFFIC = 6
_QUERY = 1
_METHODS = {"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8}
_DIRECTIONS = {"inbound": 1, "outbound": 2, "internal": 3}
#: security_control: denied, and how
_DENIED = 2
_DISPOSITIONS = {"blocked": 2, "reset": 21}
_SEVERITIES = {"low": 2, "medium": 3, "high": 4, "critical": 5}
#: Status of a finding → its id and caption; a decision that stands suppresses. Others keep their own word.
_STATUSES = {
    "open": (1, "New"),
    "accepted": (3, "Suppressed"),
    "restricted": (3, "Suppressed"),
    "resolved": (4, "Resolved"),
}
_OTHER = 99


def write(rows: Iterable[Row], what: str) -> Iterator[str]:
    """One line per row."""
    return lines(map(event if what == "events" else finding, rows))


def event(row: Row) -> dict[str, Any]:
    """A sighting, or a department's week with a service as one event with a count."""
    start, end = span(row)
    if row.get("kind") == "dns":
        made = _common(_DNS, _QUERY, 1, start) | _lookup(row)
    elif row.get("method") and row.get("status"):
        made = _common(_HTTP, _METHODS.get(row["method"], _OTHER), 1, start) | _request(row)
    else:
        made = _common(_NETWORK, _ACTIVITIES.get(row.get("action") or "", _TRAFFIC), 1, start)
    made |= {
        "start_time": _ms(start),
        "end_time": _ms(end),
        "src_endpoint": _client(row),
        "connection_info": {
            "protocol_name": row.get("transport"),
            "direction_id": _DIRECTIONS.get(direction(row) or "", 0),
        },
        "traffic": {"bytes_out": row.get("bytes_up"), "bytes_in": row.get("bytes_down")},
        "unmapped": {name: row.get(name) for name in ("app", "grade", "department", "access", "event_id")},
    }
    if row.get("action") in _DISPOSITIONS:
        made |= {"action_id": _DENIED, "disposition_id": _DISPOSITIONS[row["action"]]}
        made["metadata"]["profiles"] = ["security_control"]
    return {"dst_endpoint": _server(row), "count": row.get("connections") or None} | made


def _lookup(row: Row) -> dict[str, Any]:
    """The fields of a lookup: the name that was looked up, and the resolver as destination."""
    server, port = row.get("server"), row.get("server_port")
    return {
        "query": {"hostname": row["host"]},
        "dst_endpoint": {"ip" if is_address(server) else "uid": server, "port": port} if server else None,
        "count": row.get("lookups") or None,
    }


def _request(row: Row) -> dict[str, Any]:
    method = row["method"]
    return {
        "activity_name": method if method not in _METHODS else None,
        "http_request": {
            "http_method": method,
            "url": {"hostname": row.get("host"), "path": row["path"]} if row.get("path") else None,
            "user_agent": row.get("user_agent"),
        },
        "http_response": {"code": row["status"]},
    }


def _server(row: Row) -> dict[str, Any]:
    server, host = row.get("server"), row.get("host")
    return {
        "hostname": None if is_address(host) else host,
        "svc_name": row.get("service") or row["app"],
        "port": row.get("server_port"),
        "ip": server if is_address(server) else None,
    }


def finding(row: Row) -> dict[str, Any]:
    """A finding with its status; time is the end of the last week it was seen in, or when it
    was exported in that week."""
    start, end = span(row)
    resolved = row["status"] == "resolved"
    status_id, status = _STATUSES.get(row["status"], (_OTHER, row["status"]))
    return {
        **_common(_FINDING, 3 if resolved else 2, _SEVERITIES[row["severity"]], end),
        "status_id": status_id,
        "status": status,
        "finding_info": {
            "uid": row["finding"],
            "title": row["title"],
            "desc": row["question"],
            "first_seen_time": _ms(start),
            "last_seen_time": _ms(end),
            "analytic": {"name": row["rule"], "type_id": 1},
        },
        "remediation": {"desc": row["proposal"]},
        "unmapped": {name: row.get(name) for name in ("app", "scope", "owner", "due", "policy_version")}
        | {"decision": row["status"]},
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
    return {
        "ip" if is_address(client) else "uid": client,
        "port": row.get("client_port"),
        "owner": {"name": row.get("user_name")},
    }


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
