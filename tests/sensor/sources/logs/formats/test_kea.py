"""Kea: lease files as journals, log messages, the legal log."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.kea import KeaFormat
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_ADDRESS, NOT_HELD
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

MAC = "02:00:00:00:00:0a"
HEAD4 = (
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,"
    "pool_id\n"
)
HEAD6 = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,"
    "hostname,hwaddr,state,user_context,hwtype,hwaddr_source\n"
)
DUID = f"00:01:00:01:2c:00:00:00:{MAC}"
AT = 1795341600  # 2026-11-22 10:00:00 UTC
LOG = "2026-11-22 10:0{}:00.123 INFO  [kea-dhcp{}.leases/831.140] {}\n"


leases = partial(leases_of, KeaFormat)


def at(hour: int, minute: int = 0, micros: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, 0, micros, tzinfo=UTC)


def test_a_renewal_of_version_6_does_not_say_for_how_long() -> None:
    text = LOG.format(
        0, 6, f"DHCP6_LEASE_RENEW duid=[{DUID}], [no hwaddr info], tid=0x1: lease for address 2001:db8::7 and iaid=1 "
        "has been allocated"
    )  # fmt: skip
    assert leases(text).select("address", "mac", "valid_from", "valid_to", "confidence").rows() == [
        ("2001:db8::7", MAC, at(10, 0, 123_000), at(22, 0, 123_000), 0.7)
    ]


def test_rows_of_version_4() -> None:
    text = HEAD4 + (
        f"10.1.0.7,{MAC},01:{MAC},3600,{AT + 3600},1,0,0,ann-pc.example.com.,0,,0\n"
        f"10.1.0.7,{MAC},01:{MAC},3600,{AT + 5400},1,0,0,ann-pc.example.com.,0,{{ &#x22a&#x22: 1&#x2c 2 }},0\n"
        f"10.1.0.7,{MAC},01:{MAC},0,{AT + 1800},1,0,0,ann-pc.example.com.,0,,0\n"
        f"10.1.0.8,,,3600,{AT + 3600},1,0,0,,1,,0\n"
        f"10.1.0.9,,01:02,3600,{AT + 3600},1,0,0,,0,,0\n"
        f"10.1.0.10,{MAC},,4294967295,{AT + 4294967295},1,0,0,a&#x2cb,0,,0\n"
    )
    assert read(KeaFormat, text)["reason"].to_list() == [
        None,
        None,
        NOT_HELD,
        NOT_HELD,
        LEASE_OF_NOBODY,
        None,
    ]
    assert leases(text).select("address", "mac", "device", "valid_from", "valid_to").rows() == [
        ("10.1.0.7", MAC, "ann-pc.example.com", at(10), at(11)),
        ("10.1.0.7", MAC, "ann-pc.example.com", at(10, 30), at(11, 30)),
        ("10.1.0.10", MAC, "a,b", at(10), None),
    ]


def test_rows_of_version_6() -> None:
    text = HEAD6 + (
        f"2001:db8::7,{DUID},7200,{AT + 7200},1,3600,0,1,128,0,0,ann-pc,,0,,1,0\n"
        f"2001:db8:1::,{DUID},7200,{AT + 7200},1,3600,2,1,56,0,0,,,0,,1,0\n"
    )
    assert leases(text).select("address", "mac", "device", "valid_to", "confidence").rows() == [
        ("2001:db8::7", MAC, "ann-pc", at(12), 0.7)
    ]


def test_log_messages() -> None:
    who = f"[hwtype=1 {MAC}], cid=[01:{MAC}], tid=0x1"
    text = (
        LOG.format(0, 4, f"DHCP4_LEASE_OFFER {who}: lease 10.1.0.7 will be offered")
        + LOG.format(1, 4, f"DHCP4_LEASE_ALLOC {who}: lease 10.1.0.7 has been allocated for 3600 seconds")
        + LOG.format(2, 4, f"DHCP4_LEASE_REUSE {who}: lease 10.1.0.7 has been reused for 3540 seconds")
        + LOG.format(3, 4, f"DHCP4_RELEASE {who}: address 10.1.0.7 was released properly.")
        + LOG.format(
            4, 6, f"DHCP6_LEASE_ALLOC duid=[{DUID}], [no hwaddr info], tid=0x2: lease for address "
            "2001:db8::7 and iaid=1 has been allocated for 60 seconds",
        )
    )  # fmt: skip
    assert read(KeaFormat, text)["reason"].to_list() == [NO_ADDRESS, None, None, None, None]
    assert leases(text).select("address", "mac", "valid_from", "valid_to", "confidence").rows() == [
        ("10.1.0.7", MAC, at(10, 1, 123000), at(10, 3, 123000), 0.9),
        ("10.1.0.7", MAC, at(10, 2, 123000), at(10, 3, 123000), 0.9),
        ("2001:db8::7", MAC, at(10, 4, 123000), at(10, 5, 123000), 0.7),
    ]


def test_legal_log() -> None:
    text = (
        f"2026-11-22 10:00:00 UTC Address: 10.1.0.7 has been assigned for 1 hrs 30 mins 0 secs to a device "
        f"with hardware address: hwtype=1 {MAC}, client-id: 01:{MAC}\n"
        f"2026-11-22 10:30:00 UTC Address: 10.1.0.7 has been released from a device with hardware "
        f"address: hwtype=1 {MAC}\n"
    )
    assert leases(text).select("mac", "valid_from", "valid_to").rows() == [(MAC, at(10), at(10, 30))]


@given(st.integers(0, 400), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=8, deadline=None)
def test_hostile_text_never_raises(place: int, gone: int, stuffing: str) -> None:
    text = HEAD4 + f"10.1.0.7,{MAC},01:{MAC},3600,{AT + 3600},1,0,0,ann-pc,0,,0\n" * 2
    given_out = "lease 10.1.0.7 has been allocated for 9 seconds"
    text += LOG.format(1, 4, f"DHCP4_LEASE_ALLOC [hwtype=1 {MAC}], tid=0x1: {given_out}")
    rows(text[:place] + stuffing + text[place + gone :])


def test_numbers_beyond_all_bounds() -> None:
    text = HEAD4 + f"10.1.0.7,{MAC},,9223372036854775807,-9223372036854775808,1,0,0,x,0,,0\n"
    assert leases(text).is_empty()
