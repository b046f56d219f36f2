"""Names as observed become the catalog's form."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.match.hostname import normal


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("chatgpt.com", "chatgpt.com"),
        ("ChatGPT.COM.", "chatgpt.com"),
        (" api.openai.com:443 ", "api.openai.com"),
        ("api.openai.com.:8443", "api.openai.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("chatgpt。com", "chatgpt.com"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("\udcff".encode("utf-8", "replace").decode() + "x" * 70, "?" + "x" * 70),
        ("ü" * 80 + ".example", "ü" * 80 + ".example"),
        ("", ""),
        (None, None),
    ],
)
def test_normal_form(seen: str | None, expected: str | None) -> None:
    assert normal(pl.Series("host", [seen], dtype=pl.String)).to_list() == [expected]


@given(st.lists(st.one_of(st.none(), st.text(max_size=80)), max_size=30))
def test_any_text_is_survived_and_normal_form_is_final(hosts: list[str | None]) -> None:
    once = normal(pl.Series("host", hosts, dtype=pl.String))
    assert len(once) == len(hosts)
    assert [value is None for value in once] == [value is None for value in hosts]
