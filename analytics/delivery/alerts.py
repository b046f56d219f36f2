"""Alerts between reports: new findings and silent sensors, once per destination, never a flood.

Everything comes from the open zone: an alert says what the published findings say, with groups smaller than k
hidden, and no token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics.delivery.letter import SEVERITIES, Letter
from analytics.delivery.outbox import Outbox
from analytics.lake import open_views
from analytics.render import words
from analytics.render.language import say

#: a sensor that said nothing for so long was taken away, or its alert was read long ago
_GONE = timedelta(days=14)
#: a timer that runs a little late is no silence
_LEAST_SILENCE = timedelta(minutes=10)

_FINDINGS = """
SELECT finding, rule, title, severity, service, scope, first_seen, last_seen, people_least, people_hidden,
       bytes_up, sessions, question, proposal, owner, due, decided_on
FROM findings
WHERE status = 'open'
ORDER BY severity_rank DESC, first_seen DESC, finding
"""

_SENSORS = """
SELECT s.sensor, s.site, s.cadence_s, MAX(c.minute) AS last_minute
FROM sensors AS s
JOIN coverage AS c ON c.sensor = s.sensor
GROUP BY s.sensor, s.site, s.cadence_s
ORDER BY s.sensor
"""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a destination is told, and how much of it."""

    level: str = "high"  # least severity
    per_hour: int = 10  # letters; what is over goes into one that lists it
    digest: bool = False  # one letter a day instead of one per alert


def alerts(lake: Path, now: datetime, *, sensors: Sequence[str] = ()) -> list[Letter]:
    """A letter per open finding, the most severe first, and per silent one of the declared `sensors`."""
    with open_views(lake) as connection:
        cursor = connection.execute(_FINDINGS)
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        watched = connection.execute(_SENSORS).fetchall() if sensors else []
    silent = [
        _silence(sensor, site, cadence_s, last.astimezone(UTC), now)
        for sensor, site, cadence_s, last in watched
        if sensor in sensors and _is_silent(cadence_s, now - last)
    ]
    return [*silent, *(_finding(row, now) for row in found)]


def _is_silent(cadence_s: int, since: timedelta) -> bool:
    return max(2 * timedelta(seconds=cadence_s), _LEAST_SILENCE) < since <= _GONE


def _silence(sensor: str, site: str, cadence_s: int, last: datetime, now: datetime) -> Letter:
    hours = (now - last) / timedelta(hours=1)
    text = (
        f"{sensor} at {site} has stored nothing since {last:%Y-%m-%d %H:%M} UTC ({hours:.1f} hours), "
        f"though it should every {cadence_s} s.\n"
        f"What happens there meanwhile reads unknown in every report.\n"
        f"See: shadowai doctor on the sensor, and the views sensors and coverage."
    )
    facts = {"rule": "sensor_silent", "sensor": sensor, "site": site, "silent_since": last.isoformat()}
    return Letter(
        key=f"silent {sensor} {last.isoformat()}",
        kind="alert",
        subject=f"Sensor {sensor} is silent",
        text=text,
        written_at=now,
        severity="high",
        facts=facts,
    )


def _finding(row: dict[str, object], now: datetime) -> Letter:
    scope = "" if row["scope"] == "all" else f" ({row['scope']})"
    subject = f"{str(row['severity']).capitalize()}: {row['title']}: {row['service']}{scope}"
    proposal = f"Proposal: {row['proposal']}" if row["proposal"] else ""
    lines = [subject, "", str(row["question"] or ""), proposal]
    seen = f"Seen in the weeks of {row['first_seen']} to {row['last_seen']}"
    lines += [f"{seen}; {_amount(row)}.", f"Due {row['due']}" if row["due"] else ""]
    lines += [f"Owner: {row['owner']}" if row["owner"] else "", "", f"shadowai decide {row['finding']} …"]
    facts = {
        name: row[name]
        for name in ("finding", "rule", "severity", "service", "scope", "bytes_up", "sessions", "owner")
    }
    facts |= {"people": row["people_least"]}
    facts |= {name: str(row[name]) for name in ("first_seen", "last_seen", "due") if row[name]}
    # open again after a decision ran out: that is news once more
    episode = row["decided_on"] or row["first_seen"]
    return Letter(
        key=f"finding {row['finding']} {episode}",
        kind="alert",
        subject=subject,
        text="\n".join(lines).replace("\n\n\n", "\n\n"),
        written_at=now,
        severity=str(row["severity"]),
        facts=facts,
    )


def _amount(row: dict[str, object]) -> str:
    if row["people_hidden"]:
        return "fewer people than may be shown"
    parts = []
    if isinstance(row["people_least"], int):
        parts.append(f"at least {row['people_least']} people")
    if isinstance(row["bytes_up"], int):
        parts.append(f"about {words.size(row['bytes_up'])} sent")
    return ", ".join(parts) or "amounts unknown"


def enqueue(outbox: Outbox, destination: str, wants: Wants, letters: Sequence[Letter], now: datetime) -> int:
    """Put into the outbox what `destination` was not told yet; returns the letters queued.

    Over `per_hour`, the least severe go into one letter that lists them. With `digest` everything does, once
    a day (UTC).
    """
    worth = [letter for letter in letters if SEVERITIES[letter.severity] <= SEVERITIES[wants.level]]
    news = outbox.unknown(destination, worth)
    if not news:
        return 0
    if wants.digest:
        if outbox.count_since(destination, "digest", now.replace(hour=0, minute=0, second=0)):
            return 0
        outbox.put(destination, _list(news, "digest", now), now)
        outbox.settle(destination, news, "in a digest", now)
        return 1
    room = max(wants.per_hour - outbox.count_since(destination, "alert", now - timedelta(hours=1)), 0)
    single, rest = (news, []) if len(news) <= room else (news[: max(room - 1, 0)], news[max(room - 1, 0) :])
    for letter in single:
        outbox.put(destination, letter, now)
    if rest and room:
        outbox.put(destination, _list(rest, "alert", now), now)
        outbox.settle(destination, rest, "in a list", now)
    return len(single) + bool(rest and room)  # without room the rest waits for the next hour


def _list(letters: Sequence[Letter], kind: str, now: datetime) -> Letter:
    """One letter for many."""
    worst = min(letters, key=lambda letter: SEVERITIES[letter.severity])
    keys = hashlib.sha256("\n".join(sorted(letter.key for letter in letters)).encode()).hexdigest()
    return Letter(
        key=f"{kind} {now:%Y-%m-%d} {keys}",
        kind=kind,
        subject=say("letter.alerts", len(letters), severity=worst.severity),
        text="\n\n".join(letter.text for letter in letters),
        written_at=now,
        severity=worst.severity,
        facts={"alerts": len(letters)},
    )
