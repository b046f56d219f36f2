"""Which indicators fit a name: at label boundaries only, however the name is made."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.match.index import Index
from tests.sensor.match.conftest import indicators

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


def fits(index: Index, host: str) -> list[str]:
    """Signatures of the fitting name indicators, most specific first."""
    rows = index.candidates(pl.Series([host])).sort("specificity", descending=True)["row"].to_list()
    return [str(index.rows["signature"][row]) for row in rows]


def one(kind: str, value: str) -> Index:
    return Index.build(indicators(("a/b", kind, value, "web", "use")))


@given(DOMAIN, st.lists(LABEL, max_size=3))
def test_a_suffix_fits_itself_and_what_is_below(domain: str, labels: list[str]) -> None:
    assert fits(one("suffix", domain), ".".join([*labels, domain]))


@given(DOMAIN, LABEL)
def test_a_suffix_never_fits_in_the_middle_of_a_label(domain: str, more: str) -> None:
    index = one("suffix", domain)
    assert not fits(index, f"{more}{domain}")
    assert not fits(index, f"{domain}{more}")


@given(DOMAIN, LABEL)
def test_a_suffix_fits_at_the_end_only(domain: str, label: str) -> None:
    host = f"{domain}.{label}"
    assert bool(fits(one("suffix", domain), host)) == (host == domain or host.endswith(f".{domain}"))


@given(DOMAIN, DOMAIN)
def test_a_domain_fits_nothing_but_itself(domain: str, host: str) -> None:
    assert bool(fits(one("domain", domain), host)) == (host == domain)


@given(DOMAIN, LABEL, LABEL, LABEL)
def test_a_star_is_one_or_more_characters_of_one_label(domain: str, head: str, a: str, b: str) -> None:
    index = one("pattern", f"{head}.*.{domain}")
    assert fits(index, f"{head}.{a}.{domain}")
    assert not fits(index, f"{head}.{domain}")
    assert not fits(index, f"{head}.{a}.{b}.{domain}")


@given(st.text(max_size=60))
def test_any_text_is_survived(index: Index, host: str) -> None:
    assert isinstance(fits(index, host), list)


@pytest.mark.parametrize(
    ("host", "winner"),
    [
        ("chat.example", "open/chat#suffix:chat.example"),
        ("stats.chat.example", "open/chat#domain:stats.chat.example"),
        ("deep.stats.chat.example", "open/chat#suffix:chat.example"),
        ("eu.api.open.example", "open/api#suffix:api.open.example"),
        ("www.open.example", "open/api#suffix:open.example"),
        ("runtime.eu-1.cloud.example", "cloud/model#pattern:runtime.*.cloud.example"),
        ("us-ai.cloud.example", "cloud/model#pattern:*-ai.cloud.example"),
        ("eu-ai.cloud.example", "cloud/eu#suffix:eu-ai.cloud.example"),
    ],
)
def test_the_most_specific_wins(index: Index, host: str, winner: str) -> None:
    wanting_no_path = [signature for signature in fits(index, host) if "#url:" not in signature]
    assert wanting_no_path[0] == winner


@pytest.mark.parametrize(
    "host", ["notchat.example", "chat.example.net", "-ai.cloud.example", "runtime.cloud.example", "", "."]
)
def test_look_alikes_fit_nothing(index: Index, host: str) -> None:
    assert fits(index, host) == []


@pytest.mark.parametrize(
    ("agent", "signature"),
    [
        ("open-cli/1.2 (linux)", "open/code#user_agent:open-cli/"),
        ("Mozilla/5.0 (X11) open-cli/1.2", "open/code#user_agent:open-cli/"),
        ("reopen-cli/1.2", None),
        ("my-open-cli/1.2", None),
        ("Open-CLI/1.2", None),
    ],
)
def test_a_product_token_begins_where_a_word_does(index: Index, agent: str, signature: str | None) -> None:
    rows = index.by_agent(pl.Series([agent]))["agent_row"].to_list()
    assert [index.rows["signature"][row] for row in rows] == ([signature] if signature else [])


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("192.0.2.1", "192.0.2.0/24"),
        ("192.0.2.200", "192.0.2.128/25"),
        ("192.0.20.1", None),
        ("2001:db8:7::1", "2001:db8:7::/48"),
        ("2001:0db8:0007:0:0:0:0:1", "2001:db8:7::/48"),
        ("2001:db8:8::1", None),
        ("192.0.2.999", None),
        ("192.0.2.", None),
    ],
)
def test_the_smallest_network_wins(index: Index, address: str, value: str | None) -> None:
    rows = index.by_address(pl.Series([address]))["address_row"].to_list()
    assert [index.rows["value"][row] for row in rows] == ([value] if value else [])


def test_an_empty_catalog_fits_nothing() -> None:
    index = Index.build(indicators())
    assert index.candidates(pl.Series(["chat.example"])).is_empty()
    assert index.by_agent(pl.Series(["open-cli/1"])).is_empty()
    assert index.by_address(pl.Series(["192.0.2.1"])).is_empty()
