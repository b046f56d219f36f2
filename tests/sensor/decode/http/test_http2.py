"""First requests of cleartext HTTP/2 connections, as libraries write them and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.http.http2 import PREFACE, Request, first_request
from tests.sensor.decode.craft.http2 import (
    CONTINUATION,
    END_HEADERS,
    FIELDS,
    HEADERS,
    OPENING,
    PADDED,
    PRIORITY,
    WINDOW_UPDATE,
    block,
    frame,
)

ASKED = Request("POST", "llm.example.com", "/v1/chat/completions", "grpc-go/1.60")


@pytest.mark.parametrize("huffman", [True, False])
def test_a_request(huffman: bool) -> None:
    assert first_request(OPENING + frame(HEADERS, END_HEADERS, block(huffman=huffman))) == ASKED


def test_padding_priority_and_continuation() -> None:
    whole = block()
    padded = b"\x07" + bytes(5) + whole[:9] + bytes(7)
    rest = [frame(CONTINUATION, 0, whole[9:20]), frame(CONTINUATION, END_HEADERS, whole[20:])]
    assert first_request(OPENING + frame(HEADERS, PADDED | PRIORITY, padded) + b"".join(rest)) == ASKED
    # Nothing may come between (RFC 9113 §6.10).
    between = frame(WINDOW_UPDATE, 0, bytes(4), 0)
    assert first_request(OPENING + frame(HEADERS, 0, whole[:9]) + between + rest[1]) is None


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("api.example.com", "api.example.com"),
        ("[2001:db8::1]:8080", "2001:db8::1"),
        ("user@a.example:1", "a.example"),
    ],
)
def test_hosts(authority: str, host: str) -> None:
    request = first_request(OPENING + frame(HEADERS, END_HEADERS, block([(":authority", authority)])))
    assert request == Request(None, host, None, None)


def test_a_host_field_stands_in_for_the_authority() -> None:
    fields = [(":method", "GET"), (":path", "/"), ("host", "a.example")]
    request = first_request(OPENING + frame(HEADERS, END_HEADERS, block(fields)))
    assert request == Request("GET", "a.example", "/", None)


def test_cut_at_every_byte_there_is_no_name_but_no_error_either() -> None:
    whole = OPENING + frame(HEADERS, END_HEADERS, block())
    assert [first_request(whole[:cut]) for cut in range(len(whole))] == [None] * len(whole)


def test_a_header_list_that_inflates_is_given_up() -> None:
    fields = [*FIELDS, ("cookie", "x" * 4000)]
    inflating = block(fields) + b"\xbe" * 8  # the cookie again and again, from the dynamic table
    assert first_request(OPENING + frame(HEADERS, END_HEADERS, block(fields))) == ASKED
    assert first_request(OPENING + frame(HEADERS, END_HEADERS, inflating)) is None


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 255))
def test_any_header_block_is_read(garbage: bytes, flags: int) -> None:
    for data in (garbage, PREFACE + garbage, OPENING + frame(HEADERS, flags | END_HEADERS, garbage)):
        request = first_request(data)
        assert request is None or all(part is None or part for part in request)


@settings(deadline=None)
@given(st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_damage_never_raises(at: int, patch: bytes) -> None:
    whole = OPENING + frame(HEADERS, END_HEADERS, block())
    request = first_request(whole[:at] + patch + whole[at + len(patch) :])
    assert request is None or isinstance(request, Request)
