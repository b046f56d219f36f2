"""The thread that works behind the reading one: in turn, one at a time, and no error is lost."""

from __future__ import annotations

from threading import Event

import pytest

from sensor.ingest.behind import Behind


def test_work_is_done_in_turn_while_the_caller_goes_on() -> None:
    may_end, done = Event(), list[str]()

    def first() -> None:
        may_end.wait(10)
        done.append("first")

    with Behind() as behind:
        assert behind.is_idle()
        behind.hand(first)
        assert not behind.is_idle() and done == []
        may_end.set()
        behind.hand(lambda: done.append("second"))
        assert done[0] == "first"
        behind.settle()
        assert behind.is_idle() and done == ["first", "second"]
        behind.hand(lambda: done.append("third"))
    assert done == ["first", "second", "third"]


def fails() -> None:
    raise OSError("disk failed")


def test_the_next_call_raises_what_the_work_raised() -> None:
    with Behind() as behind:
        for next_call in (behind.settle, lambda: behind.hand(fails)):
            behind.hand(fails)
            with pytest.raises(OSError, match="disk failed"):
                next_call()
            assert behind.is_idle()
    with pytest.raises(OSError, match="disk failed"), Behind() as behind:
        behind.hand(fails)


def test_the_work_begun_is_finished_whatever_ends_the_caller() -> None:
    may_end, done = Event(), list[str]()

    def work() -> None:
        may_end.wait(10)
        done.append("work")

    with pytest.raises(KeyboardInterrupt), Behind() as behind:
        behind.hand(work)
        may_end.set()
        raise KeyboardInterrupt
    assert done == ["work"]
