# ruff: noqa: E501 — wide rows read better as rows
"""A rich invented quarter: twelve weeks, sixteen services, five departments. For looking at the page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from .lakes import MB, SENSORS, WEEK, days, make, usage, watched

#: app, service, category, people, MB up, grade, growth a week, first week (weeks before the last)
_SERVICES = [
    ("openai/chatgpt", "ChatGPT", "chat", 96, 412, 5, 0.05, 11),
    ("microsoft/github-copilot", "GitHub Copilot", "coding", 41, 188, 4, 0.04, 11),
    ("anthropic/claude-code", "Claude Code", "coding", 9, 173, 4, 0.45, 6),
    ("deepseek/deepseek", "DeepSeek", "chat", 6, 121, 4, 1.4, 3),
    ("google/gemini", "Gemini", "chat", 33, 64, 4, 0.02, 11),
    ("sider/sider", "Sider", "extension", 8, 52, 4, 0, 0),
    ("otter/otter-ai", "Otter.ai", "meeting", None, None, 5, 0, 9),
    ("perplexity/perplexity", "Perplexity", "search", 19, 38, 4, 0.03, 11),
    ("huggingface/hub", "Hugging Face Hub", "model-hub", 5, 29, 4, 0, 2),
    ("openai/api", "OpenAI API", "api", 7, 21, 4, 0.6, 8),
    ("mistral/le-chat", "Le Chat", "chat", 6, 9, 3, 0.1, 5),
    ("grammarly/grammarly", "Grammarly", "writing", 14, 7, 3, 0.01, 11),
    ("poe/poe", "Poe", "chat", None, None, 3, 0, 0),
    ("xai/grok", "Grok", "chat", 12, None, 1, 0, 4),
    ("suno/suno", "Suno", "audio", 5, 0, 2, 0, 1),
]
_VENDORS = {"openai": "OpenAI", "deepseek": "DeepSeek", "huggingface": "Hugging Face", "xai": "xAI"}
_DEPARTMENTS = {"Engineering": 0.42, "Sales": 0.22, "Marketing": 0.17, "Research": 0.13, "Legal": 0.03}


def story() -> dict[str, list[dict[str, Any]]]:
    """Rows of every open view."""
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("usage_weekly", "usage_daily", "first_seen")
    }
    for back in range(11, -1, -1):
        rows["usage_weekly"] += _week(back)
    rows["usage_weekly"].append(
        usage(WEEK - timedelta(days=7), "character/character-ai", 6, 3 * MB, service="Character.AI", grade=3)
    )
    rows["usage_weekly"] += _departments()
    rows["usage_daily"] = _daily()
    rows["first_seen"] = [
        {
            "app": s[0],
            "service": s[1],
            "site": "all",
            "first_week": WEEK - timedelta(weeks=s[7]),
            "grade": s[5],
        }
        for s in _SERVICES
    ]
    return rows | _clock() | _surroundings()


def story_lake(folder: Path) -> Path:
    """The story as a lake."""
    return make(folder, story())


def _week(back: int) -> list[dict[str, Any]]:
    week = WEEK - timedelta(weeks=back)
    rows = []
    for app, service, category, people, megabytes, grade, growth, first in _SERVICES:
        if first < back:
            continue
        factor = 1 / (1 + growth) ** back
        rows.append(
            usage(
                week, app, people and max(5, round(people * factor)),
                None if megabytes is None else round(megabytes * MB * factor), service=service, category=category,
                vendor=_VENDORS.get(app.split("/")[0], app.split("/")[0].title()), grade=grade,
                **({"bytes_up_max": round(megabytes * MB * factor * 1.2)} if service == "DeepSeek" else {}),
            )
        )  # fmt: skip
    total = sum(r["bytes_up"] or 0 for r in rows) + 41 * MB
    people = 138 - 4 * back
    return [*rows, usage(week, "all", people, total, grade=5, bytes_up_max=round(total * 1.04))]


def _departments() -> list[dict[str, Any]]:
    rows = []
    for name, part in _DEPARTMENTS.items():
        for app, service, category, people, megabytes, grade, _, _ in [*_SERVICES[:8], _TOTAL]:
            count = round((people or 3) * part)
            if not count:
                continue
            known = count >= 5
            rows.append(
                usage(WEEK, app, count if known else None, round((megabytes or 0) * MB * part) if known else None,
                      department=name, service=service, category=category, grade=grade)
            )  # fmt: skip
    return [*rows, usage(WEEK, "all", 9, 31 * MB, department="unattributed")]


_TOTAL = ("all", "all", None, 138, 1155, 5, 0, 11)


def _daily() -> list[dict[str, Any]]:
    rows = []
    for back in range(4):
        for number, day in enumerate(days(WEEK - timedelta(weeks=back))):
            for app, service, category, people, megabytes, grade, _, first in _SERVICES:
                busy = (0.9, 1, 1.1, 1, 0.8, 0.04, 0.02)[number]
                if service == "Claude Code" and number in (2, 3, 5):
                    busy = 1.4
                count = round((people or 4) * 9 * busy)
                if first < back or not count or (back == 2 and number == 3) or not megabytes:
                    continue
                rows.append({
                    "day": day, "app": app, "service": service, "category": category, "grade": grade,
                    "people": people, "people_hidden": people is None or count < 20, "bytes_up": None,
                    "connections": None if people is None or count < 20 else count,
                })  # fmt: skip
    return rows


def _clock() -> dict[str, list[dict[str, Any]]]:
    """Busy office hours, programs at work on three nights, and five people who send most."""
    usual = {8: 25, 9: 50, 10: 70, 11: 65, 12: 40, 13: 55, 14: 65, 15: 60, 16: 45, 17: 20, 18: 5}
    parts = {
        **dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), 1.0),
        "sat": 0.15,
        "workdays": 1.6,
        "weekend": 0.15,
    }
    hours = [
        {
            "week": WEEK,
            "kind": "people",
            "days": days,
            "hour_of_day": hour,
            "subjects_least": int(count * part) // 5 * 5,
        }
        for days, part in parts.items()
        for hour, count in usual.items()
        if count * part >= 5
    ]
    hours += [
        {"week": WEEK, "kind": "machines", "days": "workdays", "hour_of_day": hour, "subjects_least": 2}
        for hour in (1, 2, 3)
    ]
    shares = (71, 84, 91, 95, 97, 98, 99, 99, 99, 100)
    bands = [
        {"week": WEEK, "band": nth, "people": 14 * nth - 2 * (nth == 10), "bytes_up_percent": share}
        for nth, share in enumerate(shares, 1)
    ]
    return {"hours_weekly": hours, "concentration_weekly": bands}


def _surroundings() -> dict[str, list[dict[str, Any]]]:
    coverage = []
    for back in range(12):
        for number, day in enumerate(days(WEEK - timedelta(weeks=back))):
            if (back, number) == (2, 3):  # an outage: nobody watched that Thursday
                continue
            named = 94_000 + 300 * back
            coverage.append(watched(day, named_flows=named, kernel_drops=1200 if number == 2 else 0, ech=410))
            coverage.append(
                watched(day, "squid-hq", "squid", minutes_seen=900, packets=None, kernel_drops=None, flows=0,
                        named_flows=0, one_sided_flows=0, records=48_000, rejected=3)
            )  # fmt: skip
    return {
        "coverage_daily": coverage,
        "attribution_weekly": [
            {"week": WEEK - timedelta(weeks=back), "connections": 21_400, "attributed_connections": 20_100,
             "bytes_up": 1155 * MB, "attributed_bytes_up": 1100 * MB}
            for back in range(12)
        ],
        "embedded": [
            {"week": WEEK, "app": f"x/{name.lower()}", "service": name, "connections": count}
            for name, count in (("Notion AI", 4120), ("Slack AI", 3880), ("Zoom AI Companion", 912), ("Canva", 77))
        ],
        "blocked_weekly": [{"week": WEEK, "app": "character/character-ai", "service": "Character.AI", "attempts": 31}],
        "names_weekly": [
            {"week": WEEK, "sensor": "hq-span", "source": "pcap", "connects": True, "bytes_known": True},
            {"week": WEEK, "sensor": "squid-hq", "source": "squid", "connects": True, "bytes_known": False},
        ],
        "sensors": [*SENSORS, {"sensor": "lab-span", "site": "lab", "vantage": "lab", "rank": 3, "kind": "packets"}],
        "catalog": [{"app": s[0], "service": s[1], "catalog_version": "2026.11.08 (1f3c9a)"} for s in _SERVICES],
    }  # fmt: skip
