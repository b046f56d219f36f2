"""RADIUS accounting."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.identity import radius
from sensor.decode.identity.statement import Statement
from tests.sensor.decode.identity.speakers import CLIENT, MAC, accounting

ADDRESS = bytes([10, 1, 0, 7])
WHO = {"a1": b"ann", "a8": ADDRESS, "a31": b"02-00-00-00-00-0A:wifi"}
START, STOP, ALIVE, ON = 1, 2, 3, 7


def test_a_session_from_start_to_stop() -> None:
    expected = Statement(CLIENT, "radius", 0.9, MAC, "ann", None, 43_200.0)
    assert radius.read(accounting(START, **WHO)) == [expected]
    alive = accounting(ALIVE, **WHO, a46=(600).to_bytes(4, "big"), a85=(300).to_bytes(4, "big"))
    assert radius.read(alive) == [expected._replace(lease_s=600.0 + 900.0, began_s=600.0)]
    stop = accounting(STOP, **WHO, a46=(3600).to_bytes(4, "big"), a41=(5).to_bytes(4, "big"))
    assert radius.read(stop) == [expected._replace(lease_s=3600.0, began_s=3605.0, closes=True)]


@pytest.mark.parametrize("outer", [b"anonymous@corp.example", b"@corp.example", b"02-00-00-00-00-0a"])
def test_an_outer_identity_is_nobody(outer: bytes) -> None:
    assert [said.user_name for said in radius.read(accounting(START, **WHO | {"a1": outer}))] == [None]
    inner = radius.read(accounting(START, **WHO | {"a1": outer}, a89=b"ann"))
    assert [said.user_name for said in inner] == ["ann"]


def test_what_names_no_address_is_nothing() -> None:
    assert radius.read(accounting(START, a1=b"ann")) == []
    assert radius.read(accounting(START, **WHO | {"a8": b"\xff\xff\xff\xfe"})) == []
    assert radius.read(accounting(ON, **WHO)) == []
    six = bytes.fromhex("20010db8000000000000000000000007")
    (said,) = radius.read(accounting(START, a1=b"ann", a168=six))
    assert said.address == "2001:db8::7"
    (phone,) = radius.read(accounting(START, **WHO | {"a31": b"+49 123 4567"}))
    assert phone.mac is None


def test_a_name_that_was_cut_is_nobodys() -> None:
    whole = accounting(START, a40=b"", a8=ADDRESS, a1=b"annabelle", a31=WHO["a31"])
    said = {s.user_name for size in range(len(whole)) for s in radius.read(whole[:size])}
    assert said == {None, "annabelle"}


@given(st.binary(max_size=120), st.integers(0, 80), st.binary(max_size=20))
@settings(deadline=None, max_examples=200)
def test_anything_is_read(noise: bytes, at: int, patch: bytes) -> None:
    for data in (accounting(STOP, **WHO), b"\x04" + noise):
        damaged = data[:at] + patch + data[at + len(patch) :]
        for said in radius.read(damaged):
            assert 0.0 <= said.began_s <= 2 * 366 * 86_400
            assert said.user_name is None or said.user_name.isprintable()
