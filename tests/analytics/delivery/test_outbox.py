"""The outbox: once per destination, tried again, given up, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from analytics.delivery.letter import DeliveryFailed, Letter
from analytics.delivery.outbox import GIVE_UP, Outbox, OutboxBusy
from tests.analytics.delivery.letters import NOW, alert, report


class Way:
    """A transport that fails as often as told."""

    def __init__(self, failures: int = 0, *, for_good: bool = False) -> None:
        self.failures, self.for_good = failures, for_good
        self.sent: list[Letter] = []

    def send(self, letter: Letter) -> None:
        if self.failures:
            self.failures -= 1
            raise DeliveryFailed("not now", for_good=self.for_good)
        self.sent.append(letter)


def test_a_letter_is_sent_whole_and_once(box: Outbox) -> None:
    way = Way()
    assert box.put("mail", report(), NOW)
    assert not box.put("mail", report(), NOW)  # waits
    assert [o.result for o in box.flush({"mail": way}, NOW)] == ["sent"]
    assert way.sent == [report()]
    assert not box.put("mail", report(), NOW)  # was sent
    assert box.put("other", report(), NOW)  # another destination
    assert box.put("mail", report(), NOW, again=True)
    assert [o.destination for o in box.flush({"mail": way}, NOW)] == ["mail"]
    assert [w.destination for w in box.waiting()] == ["other"]


def test_failures_are_tried_again_ever_more_rarely(box: Outbox) -> None:
    way, moment, tried = Way(6), NOW, []
    box.put("mail", alert(), NOW)
    while not way.sent:
        for outcome in box.flush({"mail": way}, moment):
            tried.append((round((moment - NOW) / timedelta(minutes=1)), outcome.result))
        moment += timedelta(minutes=1)
    minutes = [0, 1, 6, 21, 81, 321, 561]
    assert tried == [(m, "waiting") for m in minutes[:-1]] + [(minutes[-1], "sent")]


def test_what_cannot_be_sent_is_given_up_and_told(box: Outbox) -> None:
    box.put("mail", alert(), NOW)
    box.put("hook", alert(), NOW)
    ways = {"mail": Way(99), "hook": Way(99, for_good=True)}
    first = {o.destination: o.result for o in box.flush(ways, NOW)}
    assert first == {"mail": "waiting", "hook": "given up"}
    (late,) = box.flush(ways, NOW + GIVE_UP)
    assert (late.destination, late.result, late.reason) == ("mail", "given up", "not now")
    assert box.waiting() == [] and not box.put("mail", alert(), NOW)


def test_a_destination_that_was_removed_gives_its_letters_up(box: Outbox) -> None:
    box.put("gone", alert(), NOW)
    assert box.flush({"mail": Way()}, NOW) == []
    (outcome,) = box.abandon({"mail"}, NOW)
    assert (outcome.destination, outcome.result) == ("gone", "given up")
    assert box.waiting() == []


def test_a_line_cut_short_spoils_no_other(box: Outbox, tmp_path: Path) -> None:
    box.put("mail", alert("1"), NOW)
    box.flush({"mail": Way()}, NOW)
    record = tmp_path / "outbox" / "delivered.jsonl"
    record.write_text(record.read_text() + '{"destination": "ma')
    box.put("mail", alert("2"), NOW)
    box.flush({"mail": Way()}, NOW)
    assert box.unknown("mail", [alert("1"), alert("2"), alert("3")]) == [alert("3")]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_a_subject_with_a_line_separator_is_sent_once(box: Outbox, separator: str) -> None:
    way, letter = Way(), replace(alert(), subject=f"Limit exceeded (department Sales{separator}Europe)")
    for _ in range(2):
        box.put("mail", letter, NOW)
        box.flush({"mail": way}, NOW)
    assert way.sent == [letter]


def test_only_one_process_sends(box: Outbox, tmp_path: Path) -> None:
    with box.locked(), pytest.raises(OutboxBusy), Outbox(tmp_path / "outbox").locked():
        pass
    assert (tmp_path / "outbox").stat().st_mode & 0o077 == 0
