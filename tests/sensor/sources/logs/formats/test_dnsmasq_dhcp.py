"""dnsmasq as DHCP server: the lease file as a snapshot, log messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.dnsmasq_dhcp import DnsmasqDhcpFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS, SERVERS_OWN
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

MAC = "02:00:00:00:00:0a"
DUID = f"00:01:00:01:2c:00:00:00:{MAC}"
WRITTEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
END = 1795341600 + 3600
LOG = "Nov 22 10:0{}:00 dnsmasq-dhcp[831]: {}\n"


leases = partial(leases_of, DnsmasqDhcpFormat, reference=WRITTEN)


def test_lease_file_is_a_snapshot() -> None:
    text = (
        f"{END} {MAC} 10.1.0.7 ann-pc 01:{MAC}\n0 06-{MAC} 10.1.0.8 * *\n7200 {MAC} 10.1.0.9 * *\n"
        f"{END - 7200} {MAC} 10.1.0.10 old *\nduid {DUID}\n{END} 11259375 2001:db8::7 ann-pc {DUID}\n"
    )
    assert read(DnsmasqDhcpFormat, text)["reason"].to_list() == [None, None, None, None, SERVERS_OWN, None]
    hour = timedelta(hours=1)
    assert leases(text).select("address", "mac", "device", "valid_from", "valid_to").rows() == [
        ("10.1.0.7", MAC, "ann-pc", WRITTEN, WRITTEN + hour),
        ("10.1.0.8", MAC, None, WRITTEN, None),
        ("10.1.0.9", MAC, None, WRITTEN, WRITTEN + 2 * hour),
        ("10.1.0.10", MAC, "old", WRITTEN - 2 * hour, WRITTEN - hour),
        ("2001:db8::7", MAC, "ann-pc", WRITTEN, WRITTEN + hour),
    ]


def test_messages() -> None:
    text = (
        LOG.format(0, f"DHCPREQUEST(br-lan) 10.1.0.7 {MAC}")
        + LOG.format(1, f"DHCPACK(br-lan) 10.1.0.7 {MAC} ann-pc")
        + LOG.format(2, f"2859 DHCPACK(br-lan) 10.1.0.8 {MAC}")
        + LOG.format(3, f"DHCPREPLY(br-lan) 2001:db8::7 {DUID} ann-pc")
        + LOG.format(4, f"DHCPRELEASE(br-lan) 10.1.0.7 {MAC}")
        + LOG.format(5, "DHCP, IP range 10.1.0.100 -- 10.1.0.200, lease time 12h")
    )
    assert read(DnsmasqDhcpFormat, text)["reason"].to_list() == [
        NO_ADDRESS,
        None,
        None,
        None,
        None,
        NO_ADDRESS,
    ]
    at = [WRITTEN + timedelta(minutes=n) for n in range(5)]
    half_day = timedelta(hours=12)
    assert leases(text).select("address", "mac", "device", "valid_from", "valid_to", "confidence").rows() == [
        ("10.1.0.7", MAC, "ann-pc", at[1], at[4], 0.8),
        ("10.1.0.8", MAC, None, at[2], at[2] + half_day, 0.8),
        ("2001:db8::7", MAC, "ann-pc", at[3], at[3] + half_day, 0.7),
    ]


@given(st.integers(0, 300), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=8, deadline=None)
def test_hostile_text_never_raises(place: int, gone: int, stuffing: str) -> None:
    text = f"{END} {MAC} 10.1.0.7 ann-pc 01:{MAC}\n" + LOG.format(1, f"DHCPACK(br-lan) 10.1.0.7 {MAC} ann-pc")
    text += f"{END} 11259375 2001:db8::7 ann-pc {DUID}\n"
    rows(text[:place] + stuffing + text[place + gone :])
