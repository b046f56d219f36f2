"""Samba's audit of sign-ins."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sensor.sources.logs.formats.samba import SambaFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, LEASE_OF_NOBODY, NO_ADDRESS, PASSED_ON
from tests.sensor.sources.logs.formats.reading import read

AT = datetime(2026, 10, 6, 10, 0, 0, 500_000, UTC)


def event(kind: str = "Authentication", **said: Any) -> str:
    named = (
        {"becameAccount": "ann", "becameDomain": "CORP"}
        if kind == "Authentication"
        else {"account": "ann", "domain": "CORP"}
    )
    told = {"version": {"major": 1, "minor": 3}, "status": "NT_STATUS_OK", "localAddress": None,
            "remoteAddress": "ipv4:10.1.2.3:45548", "serviceDescription": "Kerberos KDC", "workstation": None} | named  # fmt: skip
    return (
        json.dumps({"timestamp": "2026-10-06T12:00:00.500000+0200", "type": kind, kind: told | said}) + "\n"
    )


def test_sign_ins_as_json() -> None:
    found = read(
        SambaFormat,
        event(authDescription="ENC-TS Pre-authentication")
        + event(
            serviceDescription="SMB2",
            authDescription="NTLMSSP",
            workstation="PC12",
            remoteAddress="ipv6:2001:db8::7:56646",
        )
        + event("KDC Authorization", serviceDescription="cifs/fs1.corp.example@CORP.EXAMPLE")
        + event(becameAccount="PC7$")
        + event(status="NT_STATUS_WRONG_PASSWORD", becameAccount=None, becameDomain=None)
        + event(serviceDescription="LDAP", authDescription="simple bind")
        + event(serviceDescription="SamLogon", authDescription="network")
        + event(
            "Authorization",
            serviceDescription="SMB2",
            authType="NTLMSSP",
            domain="NT AUTHORITY",
            account="ANONYMOUS LOGON",
        )
        + event(
            "Authorization",
            serviceDescription="DCE/RPC",
            authType="ncalrpc",
            remoteAddress="unix:/run/samba/x",
        ),
    )
    assert found["reason"].to_list() == [
        *[None] * 4, FAILED_SIGN_IN, PASSED_ON, PASSED_ON, LEASE_OF_NOBODY, NO_ADDRESS,
    ]  # fmt: skip
    assert found.select("seen_at", "client", "user_name", "device", "confidence").rows()[:4] == [
        (AT, "10.1.2.3", "CORP\\ann", None, 0.8),
        (AT, "2001:db8::7", "CORP\\ann", "PC12", 0.7),
        (AT, "10.1.2.3", "CORP\\ann", None, 0.8),
        (AT, "10.1.2.3", None, "pc7", 0.8),
    ]


def test_sign_ins_as_text() -> None:
    text = (
        "  Auth: [SMB2,NTLMSSP] user [CORP]\\[ann] at [Tue, 06 Oct 2026 10:00:00.500000 UTC] with [NTLMv2] status [NT_STATUS_OK] "
        "workstation [PC12] remote host [ipv4:10.1.2.3:56646] became [CORP]\\[ann] [S-1-5-21-1-2-3-1102]. local host "
        "[ipv4:10.1.2.1:445]\n"
        "  Auth: [Kerberos KDC,ENC-TS Pre-authentication] user [(null)]\\[ann@CORP.EXAMPLE] at [Tue, 06 Oct 2026 10:00:00.500000 "
        "UTC] with [aes256-cts-hmac-sha1-96] status [NT_STATUS_WRONG_PASSWORD] workstation [(null)] remote host "
        "[ipv4:10.1.2.3:39304] mapped to [CORP]\\[ann]. local host [NULL]\n"
        "  Successful AuthZ: [SMB2,krb5] user [CORP]\\[bob] [S-1-5-21-1-2-3-1103] at [Tue, 06 Oct 2026 10:00:00.500000 UTC] "
        "Remote host [ipv4:10.1.2.4:50000] local host [ipv4:10.1.2.1:445]\n"
    )
    found = read(SambaFormat, text)
    assert found["reason"].to_list() == [None, FAILED_SIGN_IN, None]
    assert found.select("seen_at", "client", "user_name", "device").rows()[::2] == [
        (AT, "10.1.2.3", "CORP\\ann", "PC12"),
        (AT, "10.1.2.4", "CORP\\bob", None),
    ]
