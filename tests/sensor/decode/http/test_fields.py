"""What header fields of cleartext requests and answers tell, and what they never do."""

from __future__ import annotations

import hashlib
import random
import uuid

import pytest

from sensor.decode.http import fields
from sensor.decode.text import credentials
from tests.sensor.decode.craft import Talk, one

KEY = "sk-ant-api03-" + "a1B-" * 23 + "_AA"


def exchange(request: str, answer: str) -> dict[str, object]:
    talk = Talk(server_port=11434).shake().send(request.replace("\n", "\r\n").encode())
    return one(talk.reply(answer.replace("\n", "\r\n").encode()).close().frames)


def test_an_answer_says_what_runs_and_that_it_streams() -> None:
    row = exchange(
        "POST /v1/chat/completions HTTP/1.1\nHost: llm.example\n\n",
        "HTTP/1.1 200 OK\nServer: llama.cpp\nX-Request-Id: 5\nContent-Type: text/event-stream\n\ndata: x",
    )
    assert row["software"] == "server: llama.cpp\nx-request-id"
    assert (row["streamed"], row["credential"], row["status"], row["host"]) == (
        True,
        "none",
        200,
        "llm.example",
    )


def test_a_field_that_was_cut_has_no_value() -> None:
    whole, cut = b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\n", b"X-Vllm-Version: 0.1"
    assert fields.of_answer(whole + cut + b"1.2\r\n") == (
        "server: llama.cpp\nx-vllm-version",
        False,
        "0.11.2",
    )
    assert fields.of_answer(whole + cut) == ("server: llama.cpp", False, None)


def test_of_a_key_only_type_and_fingerprint_remain() -> None:
    row = exchange(
        f"POST / HTTP/1.1\nHost: a.example\nAuthorization: Bearer {KEY}\n\n", "HTTP/1.1 401 No\n\n"
    )
    assert (row["credential"], row["key_type"], row["status"]) == ("bearer", "anthropic/api-key", 401)
    assert row["key_print"] == hashlib.sha256(KEY.encode()).hexdigest()[:32]
    assert KEY not in repr(row)


@pytest.mark.parametrize(
    ("lines", "version", "method"),
    [
        ("MCP-Protocol-Version: 2025-06-18\n", "2025-06-18", None),
        ("Mcp-Session-Id: 77\n", "session", None),
        ("MCP-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\n", "2026-07-28", "tools/call"),
        ("Mcp-Protocol-Version: <script>\nMcp-Method: my/secret\n", None, "other"),
        ("", None, None),
    ],
)
def test_mcp_by_its_headers(lines: str, version: str | None, method: str | None) -> None:
    row = exchange(f"POST /mcp HTTP/1.1\nHost: a.example\n{lines}\n", "HTTP/1.1 200 OK\n\n")
    assert (row["mcp_version"], row["mcp_methods"]) == (version, method)


def test_the_answer_to_a_connect_is_the_proxys_not_the_servers() -> None:
    answer = b"HTTP/1.1 200 Connection established\r\nServer: squid\r\n\r\n"
    talk = Talk(server_port=8080).shake().send(b"CONNECT a.example:443 HTTP/1.1\r\n\r\n").reply(answer)
    row = one(talk.close().frames)
    assert (row["method"], row["software"]) == ("CONNECT", None)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GET / HTTP/1.1\r\nCookie: x\r\n\r\n", "cookie"),
        (b"GET / HTTP/1.1\r\nauthorization: Basic eDp5\r\n\r\n", "basic"),
        (b"GET / HTTP/1.1\r\nApi-Key: x\r\n\r\n", "key"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", None),
    ],
)
def test_kinds_of_credentials(head: bytes, kind: str | None) -> None:
    assert fields.of_request(head)[2] == kind


def random_tokens(count: int) -> list[bytes]:
    """Tokens, UUIDs and hashes as they stand in headers and URLs."""
    dice = random.Random(9)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    made = []
    for n in range(count):
        some = dice.randbytes(32)
        made.append(
            (some.hex(), str(uuid.UUID(bytes=some[:16])), hashlib.sha1(some).hexdigest(),
             "".join(dice.choices(alphabet, k=dice.randint(16, 120))),
             "sk-" + "".join(dice.choices(alphabet[:62], k=48)))[n % 5].encode()
        )  # fmt: skip
    return made


def test_random_tokens_are_no_keys() -> None:
    assert [token for token in random_tokens(20_000) if credentials.find(token)] == []


def test_half_a_million_random_tokens_are_no_keys() -> None:
    # As one text: what is a word of its own stays one. The forms and words are those of the test above.
    few = random_tokens(250_000)
    for shift in range(2):
        text = b" ".join(token[shift:] for token in few)
        assert credentials.find(text) is None


def test_every_form_has_its_prefix() -> None:
    forms = [form.decode().replace("\\", "") for form in credentials._FORMS.values()]
    assert [form for form in forms if not form.startswith(credentials.PREFIXES)] == []


def test_a_key_inside_a_longer_word_is_none() -> None:
    assert credentials.find(b"x" + KEY.encode()) is None
    assert credentials.find(KEY.encode() + b"x") is None
    assert credentials.find(b"token:" + KEY.encode() + b"&x") is not None
