"""Names that hosts give themselves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSRR

from sensor.decode.identity import hostnames
from sensor.decode.identity.statement import Statement
from tests.sensor.decode.identity.speakers import CLIENT, llmnr, mdns, netbios


def named(device: str, origin: str, address: str = CLIENT) -> list[Statement]:
    return [Statement(address, origin, 0.6, None, None, device, 3_600.0)]


def test_a_host_names_itself() -> None:
    assert hostnames.read(mdns("Ann-Mac.local."), CLIENT, "mdns") == named("ann-mac", "mdns")
    assert hostnames.read(llmnr("PC-ANN"), CLIENT, "llmnr") == named("pc-ann", "llmnr")
    assert hostnames.read_netbios(netbios("PC-ANN"), CLIENT) == named("pc-ann", "netbios")
    six = bytes(DNS(qr=1, qd=[], an=[DNSRR(rrname="ann-mac.local.", type="AAAA", rdata="2001:db8::7")]))
    assert hostnames.read(six, "2001:db8::7", "mdns") == named("ann-mac", "mdns", "2001:db8::7")


def test_nobody_names_another() -> None:
    other = "10.1.0.8"
    assert hostnames.read(mdns("ann-mac.local."), other, "mdns") == []
    assert hostnames.read(llmnr("pc-ann"), other, "llmnr") == []
    assert hostnames.read_netbios(netbios("PC-ANN"), other) == []


def test_services_groups_and_everybodys_names_are_no_devices() -> None:
    assert hostnames.read(mdns("localhost."), CLIENT, "mdns") == []
    pointer = bytes(DNS(qr=1, qd=[], an=[DNSRR(rrname="_ipp._tcp.local.", type="PTR", rdata="x.local.")]))
    assert hostnames.read(pointer, CLIENT, "mdns") == []
    group = bytearray(netbios("CORP"))
    group[-6] |= 0x80
    assert hostnames.read_netbios(bytes(group), CLIENT) == []


@given(st.binary(max_size=200), st.integers(0, 100), st.binary(max_size=20))
@settings(deadline=None, max_examples=300)
def test_anything_is_read(noise: bytes, at: int, patch: bytes) -> None:
    for data in (mdns("ann-mac.local."), netbios("PC-ANN"), bytes(12) + noise, noise):
        damaged = data[:at] + patch + data[at + len(patch) :]
        for said in (*hostnames.read(damaged, CLIENT, "mdns"), *hostnames.read_netbios(damaged, CLIENT)):
            assert said.address == CLIENT
            assert said.device is not None and said.device.isprintable()
