"""What the formats need of a row: its time span, its direction, and what is an address. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

#: Name of what writes the records.
PRODUCT = "Shadow AI Sensor"


def span(row: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """First and last moment (UTC) of a week, a sighting or a finding; weeks and days as if in UTC.

    A running week ends at the time of the export (`exported_at`, if a row has it): a SIEM searches up to now,
    and misplaces what is dated later.
    """
    if "seen_at" in row:
        start = row["seen_at"].astimezone(UTC)
        return start, start + timedelta(seconds=row["duration_s"] or 0)
    first, last = (row["week"], row["week"]) if "week" in row else (row["first_seen"], row["last_seen"])
    start, end = midnight(first), midnight(last) + timedelta(days=7) - timedelta(seconds=1)
    return start, max(start, min(end, row.get("exported_at", end)))


def midnight(day: date) -> datetime:
    """The beginning of a day, as if in UTC."""
    return datetime.combine(day, time(), UTC)


def is_address(text: str | None) -> bool:
    """True for an address, False for a token."""
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True


def direction(row: Mapping[str, Any]) -> str | None:
    """inbound, outbound or internal, as seen from the organisation; None where a side is unknown."""
    inside = {"internal": True, "guest": True, "proxy": True, "external": False}
    client, server = (inside.get(row.get(side) or "") for side in ("client_scope", "server_scope"))
    if client is None or server is None:
        return None
    return {(True, True): "internal", (True, False): "outbound", (False, True): "inbound"}.get(
        (client, server)
    )


def lines(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON object per line (ndjson), without what is empty."""
    for record in records:
        yield json.dumps(without_empty(record), ensure_ascii=False, default=str) + "\n"


def without_empty(value: Any) -> Any:
    """`value` without anything None or empty, at all levels."""
    if isinstance(value, dict):
        return {
            key: kept for key, inner in value.items() if (kept := without_empty(inner)) not in (None, {}, [])
        }
    return value
