"""Kerberos: who asks for tickets, and who gets them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.identity import kerberos
from sensor.decode.identity.statement import Statement
from tests.sensor.decode.identity import speakers
from tests.sensor.decode.identity.speakers import CLIENT, asked


def test_a_request_is_an_attempt_and_an_answer_is_more() -> None:
    attempt = Statement(CLIENT, "directory", 0.4, None, "ann@CORP.EXAMPLE", None, 300.0)
    assert kerberos.read(asked("ann"), CLIENT) == [attempt]
    sure = attempt._replace(confidence=0.8, lease_s=36_000.0)
    for service in (False, True):
        assert kerberos.read(speakers.given("ann", service=service), CLIENT) == [sure]


@pytest.mark.parametrize(
    ("parts", "kind", "name"),
    [
        (("PC-ANN$",), 1, "PC-ANN$@CORP.EXAMPLE"),
        (("host", "pc-ann.corp.example"), 3, "host/pc-ann.corp.example"),
        (("ann@corp.example",), 10, "ann@corp.example"),  # enterprise name
    ],
)
def test_names_of_other_kinds(parts: tuple[str, ...], kind: int, name: str) -> None:
    assert [said.user_name for said in kerberos.read(asked(*parts, kind=kind), CLIENT)] == [name]


def test_anonymous_and_nonsense_are_nobody() -> None:
    assert kerberos.read(asked("WELLKNOWN", "ANONYMOUS", kind=11), CLIENT) == []
    assert kerberos.read(asked("a\nb"), CLIENT) == []
    assert kerberos.read(b"", CLIENT) == []
    assert kerberos.read(b"\x7e" + asked("ann")[1:], CLIENT) == []  # an error


def test_a_ticket_that_was_cut_still_names_its_owner() -> None:
    whole = speakers.given("ann")
    assert kerberos.read(whole[:100], CLIENT) == kerberos.read(whole, CLIENT) != []
    assert kerberos.read(whole[:30], CLIENT) == []


@pytest.mark.parametrize("whole", [asked("annabelle"), speakers.given("annabelle")])
def test_a_name_that_was_cut_is_nobodys(whole: bytes) -> None:
    said = {s.user_name for size in range(len(whole)) for s in kerberos.read(whole[:size], CLIENT)}
    assert said == {"annabelle@CORP.EXAMPLE"}


@given(st.binary(max_size=300), st.integers(0, 160), st.binary(max_size=12))
@settings(deadline=None, max_examples=300)
def test_anything_is_read(noise: bytes, at: int, patch: bytes) -> None:
    for data in (asked("ann"), speakers.given("ann"), b"\x6b" + noise, noise):
        damaged = data[:at] + patch + data[at + len(patch) :]
        for said in kerberos.read(damaged, CLIENT):
            assert said.user_name is not None and said.user_name.isprintable()
            assert b"secret" not in said.user_name.encode()
