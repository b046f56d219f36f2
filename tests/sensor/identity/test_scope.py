"""Ours or not ours, decided before tokens."""

import ipaddress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.identity.scope import Scopes, parse_address
from sensor.settings import PRIVATE_ZONES, Networks

SCOPES = Scopes(
    Networks(
        guest=("10.99.0.0/16",),
        proxies=("10.0.0.5/32",),
        zones=("example.com", "*.Corp.example."),
        segments={"labs": "10.20.0.0/16", "gpu": "10.20.7.0/24"},
    )
)


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("10.1.2.3", "internal"),
        ("10.99.1.1", "guest"),
        ("10.0.0.5", "proxy"),
        ("::ffff:10.1.2.3", "internal"),
        ("fe80::1%eth0", "internal"),
        ("160.79.104.10", "external"),
        ("2607:6bc0::10", "external"),
        ("not an address", "unknown"),
    ],
)
def test_scope_of_addresses(address: str, scope: str) -> None:
    assert SCOPES.scope(address) == scope


@pytest.mark.parametrize(
    ("host", "internal"),
    [
        ("wiki", True),
        ("wiki.example.com", True),
        ("example.com", True),
        ("notexample.com", False),
        ("printer.local", True),
        ("10.0.0.1", True),
        ("chatgpt.com", False),
        ("home.arpa", True),
        ("160.79.104.10", False),
        ("10.99.0.1", True),
        ("[10.0.0.5]", True),
        ("10.1.2.3%eth0", True),
        ("fe80::1%eth0", True),
        ("2607:6bc0::10", False),
        ("1.2.3", False),
        ("intra.corp.example", True),  # it was everybody's to read
        ("", True),
    ],
)
def test_what_is_internal(host: str, internal: bool) -> None:
    assert SCOPES.is_internal(pl.Series([host, "chatgpt.com"])).to_list() == [internal, False]


@given(st.one_of(st.text(max_size=12), st.from_regex(r"[0-9.:%a-f\[\]]{1,16}", fullmatch=True)))
def test_only_what_could_be_an_address_is_parsed(text: str) -> None:
    if parse_address(text) is not None:
        expected = SCOPES.scope(text) in ("internal", "guest", "proxy")
    else:
        zones = [f".{zone}" for zone in (*PRIVATE_ZONES, "example.com", "corp.example")]
        expected = "." not in text or f".{text}".endswith(tuple(zones))
    assert SCOPES.is_internal(pl.Series([text])).to_list() == [expected]


@pytest.mark.parametrize(
    "network",
    [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "198.51.100.7/32",
        "0.0.0.0/0",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
        "2001:db8::/32",
        "64:ff9b::/96",
    ],
)
@given(st.data())
def test_a_server_inside_is_told_by_the_start_of_its_address(network: str, data: st.DataObject) -> None:
    net = ipaddress.ip_network(network)
    inside = st.integers(0, net.num_addresses - 1).map(lambda number: str(net[number]))
    address = data.draw(inside | st.ip_addresses().map(str))
    scopes = Scopes(Networks(internal=(network,), proxies=("10.0.0.5/32",)))
    expected = scopes.scope(address) == "internal"
    assert scopes.is_server_inside(pl.Series([address, "chatgpt.com"])).to_list() == [expected, False]


def test_columns_are_added_and_unknown_stays_unknown() -> None:
    frame = pl.DataFrame({"client": ["10.20.7.9", None], "server": ["1.1.1.1", "10.0.0.5"]})
    out = SCOPES.add(frame)
    assert out.get_column("client_scope").to_list() == ["internal", "unknown"]
    assert out.get_column("server_scope").to_list() == ["external", "proxy"]
    assert out.get_column("segment").to_list() == ["gpu", None]
    assert out.get_column("server_segment").to_list() == [None, None]
    back = SCOPES.add(frame.rename({"client": "server", "server": "client"}))
    assert back.get_column("server_segment").to_list() == ["gpu", None]


def test_parse_address_unmaps_and_strips() -> None:
    assert str(parse_address("[2001:db8::1]")) == "2001:db8::1"
    assert parse_address("1.2.3") is None
