"""Host names and addresses in one spelling."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.sources.logs.text import hosts


def clean(name: str | None) -> str | None:
    return pl.select(hosts.normalise(pl.lit(name, dtype=pl.String))).item()


def as_address(text: str) -> str | None:
    return pl.select(hosts.address(pl.lit(text))).item()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Chat.Example.COM.", "chat.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("_dns.resolver.example", "_dns.resolver.example"),
        ("xn--p1ai.xn--p1ai", "xn--p1ai.xn--p1ai"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("localhost", None),
        ("a..b.example", None),
        ("-", None),
        ("", None),
        ("has space.example", None),
        ("esc\x1b[2J.example", None),
        ("ü" * 300 + ".example", None),
        (".".join(["a" * 60] * 5) + ".example", None),
        (None, None),
    ],
)
def test_normalise(name: str | None, expected: str | None) -> None:
    assert clean(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::FFFF:10.0.0.1", "10.0.0.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:0DB8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("0:0:0:0:0:ffff:a00:1", "10.0.0.1"),
        ("0000:0000:0000:0000:0000:ffff:0a00:0001", "10.0.0.1"),
        ("0:0:0:0:0:0:0:0", None),
        ("1:2:3", None),
        ("12:30:45", None),
        ("0.0.0.0", None),
        ("::", None),
        ("proxy.example", None),
        ("-", None),
    ],
)
def test_address(text: str, expected: str | None) -> None:
    assert as_address(text) == expected


@pytest.mark.parametrize(
    ("authority", "host", "literal", "port"),
    [
        ("Example.com:8443", "example.com", None, 8443),
        ("user:pw@example.com", "example.com", None, None),
        ("[2001:db8::1]:443", None, "2001:db8::1", 443),
        ("2001:db8::1", None, "2001:db8::1", None),
        ("192.0.2.1:80", None, "192.0.2.1", 80),
        ("example.com:99999", "example.com", None, None),
        ("example.com:port", None, None, None),
    ],
)
def test_authorities(authority: str, host: str | None, literal: str | None, port: int | None) -> None:
    assert hosts.authorities(pl.Series([authority, authority, None])).rows() == [
        (authority, host, literal, port)
    ]


@given(st.lists(st.one_of(st.none(), st.sampled_from(["A.example", "b.example", "-"])), max_size=20))
def test_once_is_the_same_as_every_time(names: list[str | None]) -> None:
    frame = pl.DataFrame({"name": names}, schema={"name": pl.String})
    expression = hosts.normalise(pl.col("name"))
    assert hosts.once(frame, "name", expression).equals(frame.with_columns(expression))


@given(st.text(max_size=80))
def test_any_text_becomes_a_name_or_nothing(text: str) -> None:
    name = clean(text)
    assert name is None or (name.isascii() and name == name.lower() and "." in name and " " not in name)
