"""Letters for tests."""

from datetime import UTC, datetime
from typing import Any

from analytics.delivery.letter import Attachment, Letter

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def alert(key: str = "a", **more: Any) -> Letter:
    facts = {"rule": "never_use", "service": "Acme | Chat = x", "people": 5, "bytes_up": 1200, "owner": None}
    subject, text = f"Alert {key}", f"Alert {key}\n\nWhat now?"
    values: dict[str, Any] = {"severity": "high", "facts": facts} | more
    return Letter(key, "alert", subject, text, NOW, **values)


def report() -> Letter:
    page = Attachment("shadow-ai-2026-W47.html", "text/html", "<p>Wöchentlich ◕</p>".encode())
    return Letter("weekly 1", "report", "Shadow AI, week 47", "Sent: 8 MB ◕\n", NOW, attachments=(page,))
