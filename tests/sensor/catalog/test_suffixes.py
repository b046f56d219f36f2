"""Public suffixes are known without the network."""

import socket
from typing import Any

import pytest

from sensor.catalog import suffixes
from sensor.match.hostname import suffix_list


@pytest.mark.parametrize(
    ("name", "public"),
    [("com", True), ("co.uk", True), ("github.io", True), ("openai.com", False), ("example.co.uk", False)],
)
def test_public_suffixes(name: str, public: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    suffix_list.cache_clear()
    assert suffixes.is_public_suffix(name) == public


def test_platforms_are_shared() -> None:
    assert suffixes.is_shared("googleapis.com") and suffixes.is_shared("docs.google.com")
    assert not suffixes.is_shared("gemini.google.com")
