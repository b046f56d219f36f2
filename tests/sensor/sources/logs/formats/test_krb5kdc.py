"""Tickets of MIT Kerberos."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.krb5kdc import Krb5kdcFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_ADDRESS, SIGN_IN_OF_A_PROGRAM
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct 06 10:00:05 kdc1 krb5kdc[831](info): "
ETYPES = "(2 etypes {aes256-cts-hmac-sha1-96(18), DEPRECATED:arcfour-hmac(23)})"
ISSUED = (
    "ISSUE: authtime 1791280800, etypes {rep=aes256-cts-hmac-sha1-96(18), ses=aes256-cts-hmac-sha1-96(18)},"
)
LINES = (
    f"AS_REQ {ETYPES} 10.1.2.3: {ISSUED} ann@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM",
    f"TGS_REQ {ETYPES} 2001:db8::7: {ISSUED} ann@EXAMPLE.COM for HTTP/proxy.example.com@EXAMPLE.COM",
    f"AS_REQ {ETYPES} 10.1.2.3: {ISSUED} host/pc7.example.com@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM",
    f"AS_REQ {ETYPES} 10.1.2.9: {ISSUED} HTTP/www.example.com@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM",
    f"AS_REQ {ETYPES} 10.1.2.3: NEEDED_PREAUTH: ann@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM, Additional",
    f"AS_REQ {ETYPES} 10.1.2.3: CLIENT_NOT_FOUND: bob@EXAMPLE.COM for krbtgt/EXAMPLE.COM@EXAMPLE.COM, Client not found",
    "commencing operation",
)


def test_issued_tickets_tell_who_is_at_an_address() -> None:
    found = read(Krb5kdcFormat, "\n".join(HEAD + line for line in LINES))
    assert found["reason"].to_list() == [
        None,
        None,
        None,
        SIGN_IN_OF_A_PROGRAM,
        FAILED_SIGN_IN,
        FAILED_SIGN_IN,
        NO_ADDRESS,
    ]
    assert found.select("client", "user_name", "device", "seen_at").rows()[:3] == [
        ("10.1.2.3", "ann@EXAMPLE.COM", None, datetime(2026, 10, 6, 10, tzinfo=UTC)),
        ("2001:db8::7", "ann@EXAMPLE.COM", None, datetime(2026, 10, 6, 10, 0, 5, tzinfo=UTC)),
        ("10.1.2.3", None, "pc7.example.com", datetime(2026, 10, 6, 10, tzinfo=UTC)),
    ]
