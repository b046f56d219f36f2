"""Makes alerts between reports, about new findings and silent sensors, and queues each once per destination.

Everything comes from the open zone: an alert says what the published findings say, with groups smaller than k
hidden, and no token. Its text is in the language in force; its facts are for programs, and not translated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from analytics.delivery.letter import SEVERITIES, Letter
from analytics.delivery.outbox import Outbox
from analytics.delivery.silence import Watcher, last_heard
from analytics.lake import open_views
from analytics.render import words
from analytics.render.language import say, translated
from analytics.reports.result import Row

#: so long the command of an alert accepts a risk, unless who decides writes another day
_ACCEPTED = timedelta(days=90)

_FINDINGS = """
SELECT f.finding, f.rule, f.title, f.severity, f.service, f.scope, f.first_seen, f.last_seen,
       f.people_at_least, f.people_hidden, f.bytes_up, f.sessions, f.measure, f.question, f.proposal, f.owner,
       f.due, f.decided_on, a.counted
FROM findings f
LEFT JOIN attribution_weekly a ON a.week = f.last_seen
WHERE f.status = 'open'
ORDER BY f.severity_rank DESC, f.first_seen DESC, f.finding
"""


@dataclass(frozen=True, slots=True)
class Wants:
    """Which alerts a destination receives, and how many at a time."""

    level: str = "high"  # least severity
    per_hour: int = 10  # letters; one more lists the remaining alerts
    digest: bool = False  # one letter a day instead of one per alert


def alerts(lake: Path, now: datetime, *, sensors: Sequence[Watcher] = ()) -> list[Letter]:
    """A letter per silent one of the declared `sensors`, then per open finding, the most severe first."""
    with open_views(lake) as connection:
        cursor = connection.execute(_FINDINGS)
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        heard = last_heard(connection) if sensors else {}
    silent = [
        _silence(sensor, last, now)
        for sensor, last in ((sensor, sensor.last_of(heard)) for sensor in sensors)
        if sensor.is_silent(last, now) and not sensor.is_gone(last, now)
    ]
    return [*silent, *(_finding(row, now) for row in found)]


def trial(now: datetime) -> Letter:
    """A letter that says it is a test, for setting up a destination."""
    subject, text = say("alert.test"), say("alert.test_text")
    return Letter(f"test {now.isoformat()}", "test", subject, text, now, facts={"rule": "test"})


def _silence(sensor: Watcher, last: datetime | None, now: datetime) -> Letter:
    since = last or sensor.declared_at
    told = say(
        "alert.since" if last else "alert.never",
        sensor=sensor.name, site=sensor.site, moment=f"{since:%Y-%m-%d %H:%M} UTC",
        duration=_duration(now - since), cadence=_duration(timedelta(seconds=sensor.cadence_s)),
    )  # fmt: skip
    lines = [told, say("alert.meanwhile"), say("alert.look", command="shadowai doctor")]
    facts = {"rule": "sensor_silent", "sensor": sensor.name, "site": sensor.site}
    return Letter(
        key=f"silent {sensor.name} {last.isoformat() if last else 'always'}",
        kind="alert",
        subject=say("alert.silent", sensor=sensor.name),
        text="\n".join(lines),
        written_at=now,
        severity="high",
        facts=facts | {"silent_since": since.isoformat()},
    )


def _duration(span: timedelta) -> str:
    """In the largest unit of which there are two."""
    for unit in ("days", "hours", "minutes"):
        if span >= 2 * timedelta(**{unit: 1}):
            return say(f"count.{unit}", span // timedelta(**{unit: 1}))
    return say("count.seconds", span // timedelta(seconds=1))


def _finding(row: Row, now: datetime) -> Letter:
    subject = say(
        "alert.finding", severity=translated(row["severity"]).capitalize(), title=translated(row["title"]),
        service=row["service"], scope=words.scope(row["scope"]),
    )  # fmt: skip
    lines = [subject, ""]
    lines += [translated(row["question"])] if row["question"] else []
    lines += [say("due.proposal", proposal=translated(row["proposal"]))] if row["proposal"] else []
    lines += [_seen(row)]
    if row["due"]:
        owner = row["owner"] or say("due.no_owner")
        lines += [say("alert.due", day=f"{words.short_day(row['due'])} {row['due'].year}", owner=owner)]
    until = f"{now + _ACCEPTED:%Y-%m-%d}"
    lines += ["", say("alert.decide")]
    lines += [
        f'shadowai decide {row["finding"]} {decision} --reason "…"'
        for decision in (f"accept --until {until}", "restrict", "resolve")
    ]
    facts = {
        name: row[name]
        for name in ("finding", "rule", "severity", "service", "scope", "bytes_up", "sessions", "owner")
    }
    facts |= {"people": row["people_at_least"]}
    facts |= {name: str(row[name]) for name in ("first_seen", "last_seen", "due") if row[name]}
    # open again after a decision ran out: that is news once more
    episode = row["decided_on"] or row["first_seen"]
    return Letter(
        key=f"finding {row['finding']} {episode}",
        kind="alert",
        subject=subject,
        text="\n".join(lines),
        written_at=now,
        severity=str(row["severity"]),
        facts=facts,
    )


def _seen(row: Row) -> str:
    first, last = row["first_seen"], row["last_seen"]  # Mondays
    week, amount = words.week_days(last, last.year), _amount(row)  # figures are those of the last week
    if first == last:
        return say("alert.seen", week=week, amount=amount)
    return say("alert.seen_since", first=words.short_day(first), week=week, amount=amount)


def _amount(row: Row) -> str:
    if row["people_hidden"]:
        return say("alert.hidden")
    if row["people_at_least"] is None and row["measure"]:  # of servers
        return say("machines.servers", row["measure"])
    parts = []
    if row["people_at_least"] is not None:
        parts.append(say("alert.people", count=words.noun(row["counted"]).count(row["people_at_least"])))
    if row["bytes_up"] is not None:
        parts.append(say("alert.sent", amount=words.size(row["bytes_up"])))
    return ", ".join(parts) or say("alert.unknown")


def enqueue(outbox: Outbox, destination: str, wants: Wants, letters: Sequence[Letter], now: datetime) -> int:
    """Queue the letters that `destination` has not received yet; returns how many were queued.

    Beyond `per_hour`, the least severe ones are listed in a single letter. With `digest` all are, once a day
    (UTC).
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
        subject=say("letter.alerts", len(letters), severity=translated(worst.severity)),
        text="\n\n".join(letter.text for letter in letters),
        written_at=now,
        severity=worst.severity,
        facts={"alerts": len(letters)},
    )
