"""Alerts: each destination hears of a finding once, of no more than it wants, and of silent sensors."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics.delivery.alerts import Wants, _list, alerts, enqueue, trial
from analytics.delivery.letter import Letter
from analytics.delivery.outbox import Outbox
from analytics.delivery.silence import Watcher
from analytics.render.language import speaking
from tests.analytics.delivery.letters import NOW, alert
from tests.analytics.delivery.test_outbox import Way

FINDINGS = """
CREATE TABLE findings AS SELECT * FROM (VALUES
  ('f1', 'never_use', 'Must never be used', 'critical', 4, 'Acme', 'all', 'open', NULL),
  ('f2', 'residency', 'Leaves the region', 'medium', 2, 'Beta', 'department=sales', 'open', NULL),
  ('f3', 'never_use', 'Must never be used', 'high', 3, 'Gamma', 'all', 'accepted', DATE '2026-11-20'),
  ('f4', 'never_use', 'Must never be used', 'high', 3, 'Delta', 'all', 'open', DATE '2026-10-01'),
  ('f5', 'new_server', 'New AI server', 'low', 1, 'Ollama', 'all', 'open', NULL)
) AS t(finding, rule, title, severity, severity_rank, service, scope, status, decided_on);
ALTER TABLE findings ADD COLUMN first_seen DATE DEFAULT DATE '2026-11-09';
ALTER TABLE findings ADD COLUMN last_seen DATE DEFAULT DATE '2026-11-16';
ALTER TABLE findings ADD COLUMN people_at_least BIGINT DEFAULT 10;
ALTER TABLE findings ADD COLUMN people_hidden BOOLEAN DEFAULT FALSE;
ALTER TABLE findings ADD COLUMN bytes_up BIGINT DEFAULT 1200000;
ALTER TABLE findings ADD COLUMN sessions BIGINT DEFAULT 12;
ALTER TABLE findings ADD COLUMN measure BIGINT;
ALTER TABLE findings ADD COLUMN question VARCHAR DEFAULT 'Stop it?';
ALTER TABLE findings ADD COLUMN proposal VARCHAR DEFAULT 'Block.';
ALTER TABLE findings ADD COLUMN owner VARCHAR;
ALTER TABLE findings ADD COLUMN due DATE;
UPDATE findings SET people_hidden = TRUE, people_at_least = NULL, bytes_up = NULL WHERE finding = 'f2';
UPDATE findings SET people_at_least = NULL, bytes_up = NULL, measure = 3 WHERE finding = 'f5';
UPDATE findings SET last_seen = DATE '2026-11-09' WHERE finding = 'f4';
CREATE TABLE attribution_weekly AS SELECT * FROM (VALUES
  (DATE '2026-11-09', 'devices'), (DATE '2026-11-16', 'people')
) AS t(week, counted);
CREATE TABLE coverage AS SELECT *, CASE WHEN packets = 9 THEN 'lab' ELSE 'hq' END AS site FROM (VALUES
  (TIMESTAMPTZ '2026-11-23 03:30:00+00', 'span', 7), (TIMESTAMPTZ '2026-11-23 03:00:00+00', 'span', 7),
  (TIMESTAMPTZ '2026-11-23 06:00:00+00', 'span', 0),  -- it runs, but the mirror brings nothing any more
  (TIMESTAMPTZ '2026-11-23 06:20:00+00', 'span', 9),  -- one of that name at another site
  -- a mirror that never brought anything
  (TIMESTAMPTZ '2026-11-22 08:00:00+00', 'dead', 0), (TIMESTAMPTZ '2026-11-23 06:30:00+00', 'dead', 0),
  (TIMESTAMPTZ '2026-10-01 00:00:00+00', 'old', NULL), (TIMESTAMPTZ '2026-11-23 06:00:00+00', 'fine', NULL)
) AS t(minute, sensor, packets);
"""


def declared(*names: str, at: datetime = NOW) -> list[Watcher]:
    """Sensors of the settings, which should store something every hour."""
    return [Watcher(name, "hq", 3600, at) for name in names]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    with duckdb.connect(folder / "open.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(FINDINGS)
    return folder


def queued(box: Outbox) -> list[str]:
    return [waiting.letter.subject for waiting in box.waiting()]


def test_open_findings_and_silent_sensors(lake: Path) -> None:
    told = alerts(lake, NOW, sensors=declared("span", "old", "fine"))
    assert [letter.subject for letter in told] == [
        "Sensor span is silent",
        "Critical: Must never be used: Acme",
        "High: Must never be used: Delta",
        "Medium: Leaves the region: Beta (department sales)",
        "Low: New AI server: Ollama",
    ]
    assert "since 2026-11-23 03:30 UTC (3 hours), though it should every 60 minutes" in told[0].text
    seen = "Seen since Mon 9 Nov; in the week 16–22 Nov: at least 10 people, about 1.2 MB sent."
    assert seen in told[1].text.replace("\u202f", " ")
    assert "at least 10 devices, about" in told[2].text  # that week, none was tied to a person
    assert told[1].text.splitlines()[-3:] == [
        'shadowai decide f1 accept --until 2027-02-21 --reason "…"',
        'shadowai decide f1 restrict --reason "…"',
        'shadowai decide f1 resolve --reason "…"',
    ]
    assert "how many may not be shown" in told[3].text and told[3].facts["people"] is None
    assert "in the week 16–22 Nov: 3 servers." in told[4].text
    assert [letter.subject for letter in alerts(lake, NOW)] == [letter.subject for letter in told[1:]]


@pytest.mark.parametrize(("cadence", "told"), [(30, "30 seconds"), (60, "60 seconds"), (300, "5 minutes")])
def test_a_cadence_is_told_in_units_of_which_there_are_two(lake: Path, cadence: int, told: str) -> None:
    (letter, *_) = alerts(lake, NOW, sensors=[Watcher("span", "hq", cadence, NOW)])
    assert f"though it should every {told}." in letter.text


def test_a_sensor_to_which_no_packet_ever_came_is_silent(lake: Path) -> None:
    (letter, *_) = alerts(lake, NOW, sensors=declared("dead"))
    assert letter.subject == "Sensor dead is silent"
    assert "has seen nothing since 2026-11-22 08:00 UTC" in letter.text


@pytest.mark.parametrize(("hours", "told"), [(1, 0), (3, 1), (15 * 24, 0)])
def test_a_sensor_of_which_nothing_was_ever_stored_is_silent(lake: Path, hours: int, told: int) -> None:
    watchers = declared("branch", at=NOW - timedelta(hours=hours))
    letters = [letter for letter in alerts(lake, NOW, sensors=watchers) if "branch" in letter.subject]
    assert len(letters) == told
    assert all("Nothing of branch (hq) is stored yet" in letter.text for letter in letters)


def test_alerts_and_lists_are_told_in_the_language_of_the_settings(lake: Path) -> None:
    with speaking("de"):
        told = alerts(lake, NOW, sensors=declared("span"))
        listed = _list(told, "digest", NOW)
        tested = trial(NOW)
    assert told[0].subject == "Sensor span schweigt" and "(3 Stunden)" in told[0].text
    assert told[1].subject == "Kritisch: Must never be used: Acme"  # a rule of one's own has one language
    assert "Gesehen seit Mo, 9. Nov.; in der Woche 16.–22. Nov.: mindestens 10 Personen" in told[1].text
    assert listed.subject == "5 Meldungen, höchste Stufe: kritisch"
    assert tested.subject == "Probemeldung"
    assert told[1].facts["severity"] == "critical"  # what programs read stays


def test_each_destination_hears_of_it_once(lake: Path, box: Outbox) -> None:
    told = alerts(lake, NOW)
    assert enqueue(box, "soc", Wants("high"), told, NOW) == 2
    assert enqueue(box, "soc", Wants("high"), told, NOW) == 0
    box.flush({"soc": Way()}, NOW)
    assert enqueue(box, "soc", Wants("high"), told, NOW) == 0
    assert enqueue(box, "soc", Wants("low"), told, NOW) == 2  # asked for more
    assert enqueue(box, "other", Wants("low"), told, NOW) == 4


def test_a_flood_becomes_a_list(box: Outbox) -> None:
    many = [alert(str(n)) for n in range(30)]
    assert enqueue(box, "soc", Wants(per_hour=5), many, NOW) == 5
    assert queued(box).count("26 alerts, the worst high") == 1 and len(queued(box)) == 5
    more = [*many, alert("new")]
    assert enqueue(box, "soc", Wants(per_hour=5), more, NOW + timedelta(minutes=30)) == 0
    assert enqueue(box, "soc", Wants(per_hour=5), more, NOW + timedelta(minutes=61)) == 1


def test_a_digest_is_one_letter_a_day(box: Outbox) -> None:
    wants = Wants(digest=True)
    assert enqueue(box, "mail", wants, [alert("1"), alert("2")], NOW) == 1
    assert enqueue(box, "mail", wants, [alert("1"), alert("3")], NOW + timedelta(hours=9)) == 0
    assert enqueue(box, "mail", wants, [alert("1"), alert("3")], NOW + timedelta(days=1)) == 1
    way = Way()
    box.flush({"mail": way}, NOW)
    assert [_count(letter) for letter in way.sent] == [2, 1]


def _count(letter: Letter) -> object:
    return letter.facts["alerts"]
