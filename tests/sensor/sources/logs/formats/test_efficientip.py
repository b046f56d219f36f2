"""EfficientIP: list matches of DNS Guardian; the dialect of its query log is BIND's."""

from __future__ import annotations

from sensor.sources.logs.formats.bind import BindFormat
from sensor.sources.logs.formats.efficientip import EfficientipFormat
from tests.sensor.sources.logs.formats.reading import read

HEAD = "<30>Nov 22 10:00:00 solid "


def test_list_matches() -> None:
    text = (
        HEAD + "ipmdns: List Matched 10.1.0.7#32622: query: chat.example.com IN A (10.1.0.53) {AI} [genai]\n"
    )
    (row,) = read(EfficientipFormat, text).rows(named=True)
    assert (row["client"], row["client_port"], row["host"], row["action"]) == (
        "10.1.0.7",
        32622,
        "chat.example.com",
        "unknown",
    )


def test_queries_and_answers_are_binds() -> None:
    text = (
        HEAD + "named[1]: client 10.1.0.7#46671: query: chat.example.com IN TYPE65 (10.1.0.53)\n"
        + HEAD + "named[1]: client 10.1.0.7#34229 (api.example.com): answer: api.example.com IN A "
                 "(10.1.0.53) -> NOERROR 474 "
        "CNAME e.example.net. 174 A 203.0.113.5\n"
    )  # fmt: skip
    found = read(BindFormat, text)
    assert found.select("client", "host", "action").rows() == [
        ("10.1.0.7", "chat.example.com", "unknown"), ("10.1.0.7", "api.example.com", "allowed"),
    ]  # fmt: skip
    assert found["answers"][1].to_list() == ["203.0.113.5"]
