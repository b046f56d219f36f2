"""Addresses in halves: their text and their networks are what `ipaddress` says."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.dissection.addresses import Half, Networks, addresses

V4 = st.integers(0, (1 << 32) - 1)
V6 = st.integers(0, (1 << 128) - 1).filter(lambda value: value >> 32 != 0xFFFF)
#: Values near which zeros are shortened, or a mapped IPv4 address could be mistaken.
SHORT = st.sampled_from([0, 1, 0xFFFF, 1 << 48, 0xFFFF << 48, 1 << 64, 0x20010DB8 << 96, 0xFF02 << 112 | 1])
ANY = st.one_of(
    V4.map(ipaddress.IPv4Address), V6.map(ipaddress.IPv6Address), SHORT.map(ipaddress.IPv6Address)
)
NETWORKS = ("10.0.0.0/8", "192.168.4.0/30", "203.0.113.7/32", "2001:db8::/61", "fd00::1/128", "::/97")


def halves(known: list[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> tuple[Half, Half]:
    values = [int(a) | 0xFFFF << 32 if a.version == 4 else int(a) for a in known]
    high, low = [v >> 64 for v in values], [v & (1 << 64) - 1 for v in values]
    return np.array(high, np.uint64), np.array(low, np.uint64)


@given(st.lists(ANY, max_size=8))
def test_the_text_is_the_canonical_one(known: list[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> None:
    assert addresses(*halves(known)).to_list() == [str(address) for address in known]


@given(
    st.lists(ANY, max_size=8),
    st.lists(st.one_of(st.sampled_from(NETWORKS), st.sampled_from(["0.0.0.0/0", "::/0"])), max_size=3),
)
def test_networks_hold_what_lies_inside_them(
    known: list[ipaddress.IPv4Address | ipaddress.IPv6Address], texts: list[str]
) -> None:
    nets = [ipaddress.ip_network(text) for text in texts]
    inside = [any(a.version == net.version and a in net for net in nets) for a in known]
    assert Networks(tuple(texts)).internal(*halves(known)).tolist() == inside


@pytest.mark.parametrize("text", NETWORKS)
def test_a_network_begins_and_ends_where_it_says(text: str) -> None:
    net = ipaddress.ip_network(text)
    outside = [address for address in (net[0] - 1, net[-1] + 1) if int(address) >= 0] if int(net[0]) else []
    known = [net[0], net[-1], *outside]
    assert Networks((text,)).internal(*halves(known)).tolist() == [address in net for address in known]


@given(st.lists(ANY, max_size=8))
def test_groups_are_multicast_and_broadcast(
    known: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
) -> None:
    groups = [address.is_multicast or str(address) == "255.255.255.255" for address in known]
    assert Networks(()).group(*halves(known)).tolist() == groups
    ends = [ipaddress.ip_address(a) for a in ("224.0.0.0", "239.255.255.255", "240.0.0.0", "ff02::fb")]
    assert Networks(()).group(*halves(ends)).tolist() == [True, True, False, True]
