"""A question of any kind gets the winner, the evidence and the losers."""

import pytest

from sensor.match.explain import event_of, explain
from sensor.match.index import Index


@pytest.mark.parametrize(
    ("question", "event"),
    [
        ("api.openai.com", {"host": "api.openai.com"}),
        ("www.bing.com/chat", {"host": "www.bing.com", "path": "/chat"}),
        ("https://www.bing.com/chat?q=secret", {"host": "www.bing.com", "path": "/chat", "server_port": 443}),
        ("https://www.bing.com", {"host": "www.bing.com", "path": "/", "server_port": 443}),
        ("http://192.0.2.7:9931/api/tags", {"host": "192.0.2.7", "path": "/api/tags", "server_port": 9931}),
        ("http://a.example:99999/", {"host": "http://a.example:99999/"}),
        ("t13d1516h2_8daaf6152771_b0da82dd1658", {"ja4": "t13d1516h2_8daaf6152771_b0da82dd1658"}),
        ("192.0.2.1", {"server": "192.0.2.1"}),
        ("[2001:db8::1]", {"server": "2001:db8::1"}),
        ("::ffff:192.0.2.1", {"server": "192.0.2.1"}),
        ("192.0.2.1:443", {"host": "192.0.2.1", "path": "/", "server_port": 443}),
        ("[2001:db8::1]:443", {"host": "2001:db8::1", "path": "/", "server_port": 443}),
        ("localhost:9931/api/tags", {"host": "localhost", "path": "/api/tags", "server_port": 9931}),
        ("claude-cli/2.0.1 (external, cli)", {"user_agent": "claude-cli/2.0.1 (external, cli)"}),
        ("OpenAI/Python", {"user_agent": "OpenAI/Python"}),
    ],
)
def test_a_question_is_understood(question: str, event: dict[str, str | int]) -> None:
    assert event_of(question) == event


def test_winner_evidence_and_losers(index: Index) -> None:
    told = explain(index, "stats.chat.example")
    assert (told.app, told.role) == ("open/chat", "support")
    assert told.winner and told.winner.signature == "open/chat#domain:stats.chat.example"
    assert told.winner.reference == "https://example.com"
    assert [candidate.signature for candidate in told.lost] == ["open/chat#suffix:chat.example"]


def test_a_side_door_is_explained_by_its_label(index: Index) -> None:
    told = explain(index, "docs.chat.example")
    assert (told.access, told.role) == ("site", "support")
    assert "side door" in told.why


def test_a_url_beats_its_host(index: Index) -> None:
    told = explain(index, "https://chat.example/backend/code/7")
    assert told.signature == "open/code#url:chat.example/backend/code"
    assert [candidate.signature for candidate in told.lost] == ["open/chat#suffix:chat.example"]


def test_no_hit_says_why(index: Index) -> None:
    assert explain(index, "notchat.example").why == "no indicator fits"
    asked = explain(index, "https://portal.example.com/mail")
    assert asked.app is None and "another path" in asked.why


@pytest.mark.parametrize("question", ["open-cli/2 (x)", "192.0.2.200", "[2001:db8:7::1]"])
def test_agents_and_addresses_have_a_winner(index: Index, question: str) -> None:
    told = explain(index, question)
    assert told.app and told.winner and told.lost == ()


@pytest.mark.parametrize("question", ["", " ", "://", "https://", "https://[", "\x00", "a" * 5000])
def test_odd_questions_get_an_answer(index: Index, question: str) -> None:
    assert explain(index, question).app is None
