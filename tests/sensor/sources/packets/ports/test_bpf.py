"""BPF programs as a small machine of our own runs them: what is let in, and listings that are none."""

import struct

import pytest

from sensor.errors import UsageError
from sensor.sources.packets.ports import bpf
from tests.sensor.decode.craft import ethernet, ip, tcp, udp

WHOLE = 0x7FFFFFFF


def run(program: bpf.Program, frame: bytes) -> int:
    """What `program` returns for a frame (the instructions of ours; a load beyond the end returns 0)."""
    steps = list(struct.iter_unpack("<HBBI", program.packed))
    at, value = 0, 0
    while True:
        code, yes, no, k = steps[at]
        if code == 0x06:
            return int(k)
        if code in (0x28, 0x30):
            size = 2 if code == 0x28 else 1
            if k + size > len(frame):
                return 0
            value = int.from_bytes(frame[k : k + size], "big")
            at += 1
            continue
        is_true = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
        at += 1 + (yes if is_true else no)


def segment(source: int, target: int, version: int = 4) -> bytes:
    """An Ethernet frame with 1,000 bytes of payload."""
    ends = ("10.0.0.1", "10.0.0.2") if version == 4 else ("2001:db8::1", "2001:db8::2")
    packet = ip(*ends, 6, tcp(source, target, 1, payload=bytes(1000)))
    return ethernet(packet, kind=0x0800 if version == 4 else 0x86DD)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [(443, 50000, 192), (1023, 1024, 192), (80, 1024, 192), (50000, 443, WHOLE), (443, 443, WHOLE),
     (8443, 50000, WHOLE), (1024, 50000, WHOLE), (53, 50000, WHOLE)],
)  # fmt: skip
def test_truncate_cuts_only_packets_of_servers(source: int, target: int, kept: int, version: int) -> None:
    assert run(bpf.TRUNCATE, segment(source, target, version)) == kept


def test_truncate_leaves_unparsed_packets_whole() -> None:
    plain = segment(443, 50000)
    fragment = bytearray(plain)
    fragment[20] |= 0x20
    options = bytearray(plain)
    options[14] = 0x46
    inner_tag = plain[:12] + b"\x81\x00\x00\x07" + plain[12:]
    datagram = ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(443, 50000, bytes(1000))))
    arp = ethernet(bytes(100), kind=0x0806)
    for frame in (bytes(fragment), bytes(options), inner_tag, datagram, arp):
        assert run(bpf.TRUNCATE, frame) == WHOLE
    assert run(bpf.REJECT_ALL, plain) == 0


LISTING = "4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n"


def test_a_tcpdump_listing_becomes_its_program() -> None:
    program = bpf.parse(LISTING)
    assert list(struct.iter_unpack("<HBBI", program.packed))[1] == (21, 0, 1, 2048)
    assert run(program, segment(443, 50000)) == 262144
    assert run(program, segment(443, 50000, 6)) == 0
    assert bpf.parse(f"\n  {LISTING}  \n") == program


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not the decimal listing"),
        ("tcp port 443", "not the decimal listing"),
        ("1", "0 instructions"),
        ("0", "0 instructions"),
        ("2\n6 0 0 0", "announces 2 instructions and has 1"),
        ("1\n6 0 0", "not the decimal listing"),
        ("1\n6 0 0 -1", "not the decimal listing"),
        ("1\n0x6 0 0 0", "not the decimal listing"),
        ("1\n65536 0 0 0", "line 2: a number is too large"),
        ("2\n6 0 0 0\n6 256 0 0", "line 3: a number is too large"),
        ("1\n6 0 0 4294967296", "line 2: a number is too large"),
        ("4097\n" + "6 0 0 0\n" * 4097, "4,097 instructions"),
        ("²\n6 0 0 0", "not the decimal listing"),
        ("(000) ldh [12]\n(001) ret #0", "not the decimal listing"),
    ],
)
def test_an_invalid_listing_is_refused_with_the_reason(text: str, what: str) -> None:
    with pytest.raises(UsageError) as raised:
        bpf.parse(text)
    assert str(raised.value).startswith(f"--filter: {what}")
