"""TLS by hand: records, hellos, certificates."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import polars as pl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sensor.decode.craft import field_rows

KEY = ec.generate_private_key(ec.SECP256R1())
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
#: The extension by which a server chooses TLS 1.3.
TLS_1_3 = bytes.fromhex("002b00020304")
#: What is known of a message besides its content.
KNOWN = pl.DataFrame({"serial": [1], "ordinal": [1], "time": [1]})
CORPUS = field_rows("clienthello_corpus.jsonl")
needs_corpus = pytest.mark.skipif(not CORPUS, reason="the field notes' ClientHello corpus is not at hand")


def record(body: bytes) -> bytes:
    """A handshake record."""
    return b"\x16\x03\x01" + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def sni(name: bytes) -> bytes:
    return (len(name) + 3).to_bytes(2, "big") + b"\0" + len(name).to_bytes(2, "big") + name


def hello(
    extensions: Mapping[int, bytes], *, version: int = 0x0303, ciphers: Sequence[int] = (0x1301,)
) -> bytes:
    """A ClientHello message."""
    suites = b"".join(c.to_bytes(2, "big") for c in ciphers)
    listed = b"".join(k.to_bytes(2, "big") + len(v).to_bytes(2, "big") + v for k, v in extensions.items())
    body = (
        version.to_bytes(2, "big") + bytes(32) + b"\0" + len(suites).to_bytes(2, "big") + suites + b"\x01\0"
    )
    body += len(listed).to_bytes(2, "big") + listed
    return message(1, body)


def small_hello(name: bytes = b"api.openai.com", *, padding: int = 0, name_first: bool = False) -> bytes:
    """A minimal TLS 1.3 hello as one record."""
    named, others = {0: sni(name)}, {43: bytes.fromhex("020304"), 21: bytes(padding)}
    return record(hello(named | others if name_first else others | named))


def certificate(common: str | None, alternatives: Sequence[str] = ()) -> bytes:
    """A self-signed certificate (DER)."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    subject = x509.Name([*parts, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEY.public_key())
        .serial_number(7).not_valid_before(START).not_valid_after(START + datetime.timedelta(days=90))
    )  # fmt: skip
    if alternatives:
        names = x509.SubjectAlternativeName([x509.DNSName(n) for n in alternatives])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def server_hello(*, session: bytes = bytes(32), extensions: bytes = b"") -> bytes:
    body = b"\x03\x03" + bytes(32) + bytes([len(session)]) + session + b"\xc0\x2f\0"
    return message(2, body + (len(extensions).to_bytes(2, "big") + extensions if extensions else b""))


def chain(*ders: bytes) -> bytes:
    listed = b"".join(len(der).to_bytes(3, "big") + der for der in ders)
    return message(11, len(listed).to_bytes(3, "big") + listed)


NAMED, NAMELESS = hello({0: sni(b"api.openai.com")}), hello({10: b"\0\0"})
SHOWN, AUTHORITY = certificate("shown.example"), certificate("authority.example")
HELLO, CHAIN, DONE = server_hello(), chain(SHOWN, AUTHORITY), message(14, b"")
#: What a server says first, up to TLS 1.2.
FLIGHT = record(HELLO) + record(CHAIN) + record(DONE)
