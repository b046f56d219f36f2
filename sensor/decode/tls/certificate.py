"""Server names from certificates (RFC 5246 §7.4.2), for connections whose ClientHello has no name.

Since TLS 1.3 certificates are encrypted, so this is for TLS 1.2 and older. A certificate may be valid for
many hosts, so its name is the last resort.
"""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache

from sensor.decode.tls import record_layer
from sensor.decode.tls.client_hello import server_name

_SUPPORTED_VERSIONS = 43
_TLS_1_3 = 0x0304

_MESSAGE_HEADER = 4
#: Maximum bytes of handshake messages examined.
_LONGEST = 16384

#: Warning filters are per process, and several threads decode.
_SILENCE = threading.Lock()


def leaf(messages: bytes) -> bytes | None:
    """The server's own certificate (DER) in its handshake messages (RFC 5246 §7.4.2); None without one.

    `messages` begin with a ServerHello and may end anywhere.
    """
    messages = messages[:_LONGEST]
    at = 0
    while at + _MESSAGE_HEADER <= len(messages):
        kind, size = messages[at], int.from_bytes(messages[at + 1 : at + 4], "big")
        body = messages[at + _MESSAGE_HEADER : at + _MESSAGE_HEADER + size]
        if kind == record_layer.SERVER_HELLO and _chose_tls_1_3(body):
            return None
        if kind == record_layer.CERTIFICATE:
            # Chain and leaf have a length each. If only the end of the chain is truncated, the leaf is
            # complete.
            length = int.from_bytes(body[3:6], "big")
            return body[6 : 6 + length] if 0 < length <= len(body) - 6 else None
        at += _MESSAGE_HEADER + size
    return None


def _chose_tls_1_3(hello: bytes) -> bool:
    """True if a ServerHello's supported_versions says TLS 1.3 (RFC 8446 §4.2.1)."""
    at = 34
    at += 1 + (hello[at] if at < len(hello) else 0) + 2 + 1  # session id, cipher suite, compression
    at += 2
    while at + 4 <= len(hello):
        kind = int.from_bytes(hello[at : at + 2], "big")
        size = int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == _SUPPORTED_VERSIONS:
            return int.from_bytes(hello[at + 4 : at + 6], "big") == _TLS_1_3
        at += 4 + size
    return False


@lru_cache(maxsize=512)  # of up to 16 KB each
def name(der: bytes) -> str | None:
    """The host that represents a certificate (DER): the first exact name, else the first wildcard without
    `*.`.

    None if there is neither.
    """
    names = _names(der)
    whole = (server_name(n) for n in names if not n.startswith("*."))
    wild = (server_name(n.removeprefix("*.")) for n in names if n.startswith("*."))
    return next((n for n in (*whole, *wild) if n is not None), None)


def _names(der: bytes) -> list[str]:
    """The names in a certificate; none if it cannot be parsed."""
    try:
        with _SILENCE, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _alternatives(der)
    except Exception:  # untrusted input to a third-party parser, whose InvalidVersion is not a ValueError
        return []


def _alternatives(der: bytes) -> list[str]:
    """The alternative names of a certificate; its common names only if it has none (RFC 6125 §6.4.4)."""
    # The import takes a tenth of a second, and much traffic has no certificates.
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    common = [str(p.value) for p in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return common
    return alternatives.get_values_for_type(x509.DNSName) or common
