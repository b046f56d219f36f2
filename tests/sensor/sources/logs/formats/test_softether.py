"""SoftEther VPN Server's security log."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.softether import SoftEtherFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import leases_of, read

STAMP = "2026-10-06 10:00:00.519"
GIVEN = (
    'Session "SID-SECURENAT-1": The DHCP server of host "5E-00-00-00-00-01" (10.9.0.1) on this session allocated, '
    'for host "{}" on another session "{}", the new IP address 10.9.0.7.'
)
LAPTOP = "5E-00-00-00-00-02"
ENTRY = (
    f"SecureNAT: The DHCP entry 7 has been created. MAC address: {LAPTOP}, IP address: 10.9.0.7, "
    "host name: ada-pc, expiration span: 7200 seconds"
)


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} {GIVEN.format('SID-ADA-19', LAPTOP)}",
        f'{STAMP} [HUB "OFFICE"] {GIVEN.format(LAPTOP, "SID-ADA-[L2TP]-19")}',
        f"[vpn1/VPN/OFFICE] ({STAMP}) <SECURITY_LOG>: {GIVEN.format('SID-ADA-19', LAPTOP)}",
        f"Oct  6 12:00:01 10.0.0.9 [vpn1/VPN/OFFICE] (2026-10-06T12:00:00.519+02:00) <SECURITY_LOG>: "
        f"{GIVEN.format('SID-ADA-19', LAPTOP)}",
    ],
    ids=["security log", "server log", "syslog", "syslog with offset"],
)
def test_an_address_is_the_session_s_whose_name_holds_the_account(line: str) -> None:
    (row,) = read(SoftEtherFormat, line + "\n").iter_rows(named=True)
    assert (row["client"], row["user_name"], row["client_mac"], row["reason"]) == (
        "10.9.0.7", "ADA", "5e:00:00:00:00:02", None,
    )  # fmt: skip
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00.519000+00:00"


def test_of_a_session_of_the_server_itself_only_the_device_is_known() -> None:
    (row,) = read(SoftEtherFormat, f"{STAMP} {GIVEN.format('SID-LOCALBRIDGE-2', LAPTOP)}\n").iter_rows(
        named=True
    )
    assert (row["user_name"], row["client_mac"]) == (None, "5e:00:00:00:00:02")


def test_account_and_device_are_told_apart() -> None:
    connected = f'{STAMP} Connection "CID-7": Successfully authenticated as user "ada".'
    text = "\n".join([connected, f"{STAMP} {ENTRY}", f"{STAMP} {GIVEN.format('SID-ADA-19', LAPTOP)}"])
    assert read(SoftEtherFormat, text)["reason"].to_list() == [NO_ADDRESS, None, None]
    leases = leases_of(SoftEtherFormat, text)
    held = (leases["valid_to"] - leases["valid_from"]).dt.total_seconds()
    assert list(zip(leases["origin"], leases["user_name"], leases["device"], held, strict=True)) == [
        ("dhcp", None, "ada-pc", 7200),
        ("vpn", "ADA", None, 36_000),
    ]


def test_a_client_s_host_name_gives_no_address_to_somebody_else() -> None:
    named = ENTRY.replace("ada-pc", GIVEN.format("SID-BOSS-1", LAPTOP).replace("10.9.0.7", "10.9.0.99"))
    (row,) = read(SoftEtherFormat, f"{STAMP} {named}\n").iter_rows(named=True)
    assert (row["client"], row["user_name"]) in {("10.9.0.7", None), (None, None)}
