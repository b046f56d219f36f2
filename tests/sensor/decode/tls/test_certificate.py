"""Names of TLS 1.2 servers from certificates made here, whole, cut and damaged."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.tls.certificate import leaf, name
from tests.sensor.decode.craft.tls import TLS_1_3, certificate, chain, message, server_hello

OTHER = bytes.fromhex("ff01000100000b00020100")


@pytest.mark.parametrize(
    ("common", "alternatives", "expected"),
    [
        ("api.example.com", (), "api.example.com"),
        ("ignored.example.com", ("API.openai.com", "b.example"), "api.openai.com"),
        (None, ("*.example.com", "example.com"), "example.com"),
        (None, ("*.example.com", "*.b.example"), "example.com"),
        ("*.example.com", (), "example.com"),
        ("Example Web Server", (), None),
        ("192.0.2.1", (), None),
        (None, (), None),
    ],
)
def test_names(common: str | None, alternatives: Sequence[str], expected: str | None) -> None:
    assert name(certificate(common, alternatives)) == expected


def test_the_leaf_comes_first() -> None:
    own, other = certificate("a.example"), certificate("b.example")
    for hello in (server_hello(), server_hello(session=b""), server_hello(extensions=OTHER)):
        assert leaf(hello + chain(own, other) + message(14, b"")) == own
    status = message(22, bytes(100))
    assert leaf(server_hello() + status + chain(own)) == own


def test_tls_1_3_shows_no_certificate() -> None:
    assert leaf(server_hello(extensions=OTHER + TLS_1_3) + chain(certificate("a.example"))) is None


def test_cut_at_every_byte() -> None:
    own, other = certificate("a.example"), certificate("b.example")
    messages = server_hello(extensions=OTHER) + chain(own, other)
    whole_from = len(server_hello(extensions=OTHER)) + 4 + 3 + 3 + len(own)
    for cut in range(len(messages) + 1):
        assert leaf(messages[:cut]) == (own if cut >= whole_from else None)


def test_cut_certificates_have_no_name() -> None:
    own = certificate("a.example", ("a.example",))
    assert {name(own[:cut]) for cut in range(len(own))} == {None}


@settings(deadline=None)
@given(st.binary(max_size=100), st.integers(0, 1000), st.binary(min_size=1, max_size=3))
def test_damage_never_raises(garbage: bytes, at: int, patch: bytes) -> None:
    own = certificate("a.example", ("b.example",))
    damaged = own[:at] + patch + own[at + len(patch) :]
    for der in (garbage, damaged):
        found = name(der)
        assert found is None or found == found.lower()
        assert leaf(server_hello() + chain(der)) in (der, None)
    assert leaf(garbage) is None or leaf(garbage) in garbage


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=3))
def test_no_change_of_a_few_bytes_raises_or_warns(changes: list[tuple[int, int]]) -> None:
    der = bytearray(certificate("a.example", ("b.example",)))
    for at, value in changes:
        der[at % len(der)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = name(bytes(der))
    assert found is None or found == found.lower()


@pytest.mark.parametrize("version", [1, 3, 5])
def test_a_version_the_parser_refuses_is_no_name(version: int) -> None:
    der = certificate("a.example")
    field = bytes.fromhex("a003020102")
    assert der.count(field) == 1
    refused = der.replace(field, field[:-1] + bytes([version]))
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_certificate(refused)
    assert name(refused) is None
