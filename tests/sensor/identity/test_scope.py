"""Ours or not ours, decided before tokens."""

import polars as pl
import pytest

from sensor.identity.scope import Scopes, parse_address
from sensor.settings import Networks

SCOPES = Scopes(
    Networks(
        guest=("10.99.0.0/16",),
        proxies=("10.0.0.5/32",),
        zones=("example.com",),
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
    ],
)
def test_internal_names(host: str, internal: bool) -> None:
    assert SCOPES.is_internal_name(host) is internal


def test_columns_are_added_and_unknown_stays_unknown() -> None:
    frame = pl.DataFrame({"client": ["10.20.7.9", None], "server": ["1.1.1.1", "10.0.0.5"]})
    out = SCOPES.add(frame)
    assert out.get_column("client_scope").to_list() == ["internal", "unknown"]
    assert out.get_column("server_scope").to_list() == ["external", "proxy"]
    assert out.get_column("segment").to_list() == ["gpu", None]


def test_parse_address_unmaps_and_strips() -> None:
    assert str(parse_address("[2001:db8::1]")) == "2001:db8::1"
    assert parse_address("1.2.3") is None
