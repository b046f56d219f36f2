"""The script keeps the promises its docstring and `pcaps/README.md` make."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from tests.lab.hosts import all_hosts, name_of_address
from tests.lab.people import all_people
from tests.lab.story import APART, Browse, Session, all_sessions

SESSIONS = all_sessions(all_people())


def hosts_of(session: Session) -> set[str]:
    """The hosts a session names, in its pages, its extensions' calls or its programs' arguments."""
    hosts = set()
    for step in session.steps:
        if isinstance(step, Browse):
            hosts |= {visit.host for visit in step.visits}
            calls = [argument for visit in step.visits for _, argument in visit.calls]
            hosts |= {argument["base"].removeprefix("https://") for argument in calls if "base" in argument}
        else:
            words = " ".join(step.arguments).replace('"', " ").split()
            hosts |= {word.split("/")[2] for word in words if "://" in word}
    return hosts


def users(host: str, case: str, department: str | None = None) -> set[str]:
    """Who uses the host in a case."""
    return {
        session.person.user_name
        for session in SESSIONS
        if session.case == case
        and host in hosts_of(session)
        and department in (None, session.person.department)
    }


def test_the_script_is_the_same_every_time() -> None:
    assert all_sessions(all_people()) == SESSIONS


def test_chatgpt_is_steady_in_three_departments() -> None:
    for department in ("Engineering", "Marketing", "Legal"):
        before, after = (users("chatgpt.com", f"office-{week}", department) for week in ("w45", "w46"))
        assert len(before) >= 5
        assert before == after


@pytest.mark.parametrize("host", ["chat.deepseek.com", "api2.sider.ai", "api.anthropic.com", "gamma.app"])
def test_new_in_the_second_week(host: str) -> None:
    assert not users(host, "office-w45")
    assert users(host, "office-w46")


def test_who_came_and_who_left() -> None:
    assert len(users("chat.deepseek.com", "office-w46", "Engineering")) >= 6
    assert len(users("api2.sider.ai", "office-w46")) == 8
    assert len(users("otter.ai", "office-w45")) >= 5
    assert not users("otter.ai", "office-w46")
    assert users("api.anthropic.com", "office-w46") == {"build-1"}


@pytest.mark.parametrize("host", ["www.midjourney.com", "gamma.app", "chat.mistral.ai", "huggingface.co"])
def test_small_groups_stay_small(host: str) -> None:
    assert 0 < len(users(host, "office-w46")) < 5


def test_nobody_is_in_two_sessions_at_once() -> None:
    starts = defaultdict(list)
    for session in SESSIONS:
        starts[session.person.user_name].append(session.starts_at)
    for moments in starts.values():
        assert all(later - earlier >= APART for earlier, later in pairwise(moments))


def test_every_name_has_an_address_of_its_own() -> None:
    addresses = [address for host in all_hosts() for address in host.addresses]
    assert len(addresses) == len(set(addresses)) == len(name_of_address())


def test_all_hosts_of_the_script_exist() -> None:
    known = {host.name for host in all_hosts()}
    assert {host for session in SESSIONS for host in hosts_of(session)} <= known
