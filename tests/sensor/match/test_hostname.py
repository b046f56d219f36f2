"""Names as observed become the catalog's form."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.match.hostname import normal, registrable, suffix_list


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


def _asked(host: str) -> str:
    """The domain of one host, by the suffix list itself."""
    told = suffix_list().extract_str(host, include_psl_private_domains=False)
    return told.top_domain_under_public_suffix or host


def test_domains_are_the_suffix_lists_for_every_rule_of_it() -> None:
    rules = [rule.replace("*", "star").replace("!", "") for rule in suffix_list().tlds]
    rules += [rule.encode("idna").decode() for rule in rules if not rule.isascii()]
    hosts = [f"{before}{rule}" for rule in rules for before in ("", "a.", "b.a.", "x.b.a.", "-.y.x.b.a.")]
    found = registrable(pl.Series(hosts))
    assert found.height == len(set(hosts))
    assert [row for row in found.iter_rows() if row[1] != _asked(row[0])] == []


_LABEL = st.sampled_from(
    ["", "a", "com", "uk", "co", "ck", "www", "jp", "kobe", "city", "xn--p1ai", "github", "io", "1", "A"]
)
_ODD = st.sampled_from([".", "", ":443", "/x", "@", "。", " ", "_dmarc", "[::1]", "*", "é"])


@given(st.lists(_LABEL, min_size=1, max_size=7), _ODD, _ODD)
def test_domains_are_the_suffix_lists_for_whatever_stands_in_a_name(
    labels: list[str], before: str, after: str
) -> None:
    host = before + ".".join(labels) + after
    assert dict(registrable(pl.Series([host])).iter_rows()) == {host: _asked(host)}
