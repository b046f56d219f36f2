"""JA4 against the examples of its description, and exact to the letter where hellos are odd."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from sensor.decode.tables.labels import from_hellos
from sensor.decode.tls import client_hello as tls
from sensor.decode.tls.client_hello import server_name
from sensor.decode.tls.ja4 import fingerprint
from tests.sensor.decode.craft.tls import KNOWN, hello

CIPHERS = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9"
EXTENSIONS = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"
ALGORITHMS = "0403,0804,0401,0503,0805,0501,0806,0601"


def test_example_hashes() -> None:
    raw = f"t13d1516h2_{CIPHERS}_{EXTENSIONS}_{ALGORITHMS}"
    assert fingerprint(raw) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert fingerprint(raw.rsplit("_", 1)[0]) == "t13d1516h2_8daaf6152771_6d807ffa2a79"


def test_empty_lists() -> None:
    assert fingerprint("t10i000000__") == "t10i000000_000000000000_000000000000"


def ja4(message: bytes) -> str | None:
    data = np.frombuffer(message, np.uint8)
    labels = from_hellos(data, np.zeros(1, np.int64), np.array([data.size]), KNOWN, quic=False)
    answer: str | None = labels["ja4"][0]
    return answer


@pytest.mark.parametrize(
    ("alpn", "characters"),
    [  # the table of the description, and what it says of lists
        ([b"h2", b"http/1.1"], "h2"), ([b"http/1.1"], "h1"), ([b"x"], "xx"), ([b"\xab"], "ab"),
        ([b"\xab\xcd"], "ad"), ([b"\x30\xab"], "3b"), ([b"\x30\x31\xab\xcd"], "3d"),
        ([b"\x30\xab\xcd\x31"], "01"), ([], "00"), ([b"", b"h2"], "00"), ([b"\x0a\x0a", b"h2"], "h2"),
    ],
)  # fmt: skip
def test_first_protocol(alpn: list[bytes], characters: str) -> None:
    listed = b"".join(bytes([len(p)]) + p for p in alpn)
    found = ja4(hello({16: len(listed).to_bytes(2, "big") + listed}))
    assert found is not None and found.split("_")[0] == f"t12i0101{characters}"


@pytest.mark.parametrize(
    ("version", "text"),
    [(0x0304, "13"), (0x0303, "12"), (0x0302, "11"), (0x0301, "10"), (0x0300, "s3"), (0x0002, "s2"),
     (0xFEFF, "d1"), (0xFEFD, "d2"), (0xFEFC, "d3"), (0x0305, "00"), (0x0200, "00"), (0x7F1C, "00")],
)  # fmt: skip
def test_versions(version: int, text: str) -> None:
    assert (ja4(hello({}, version=version)) or "")[1:3] == text
    offered = b"\x04\x0a\x0a" + version.to_bytes(2, "big")
    assert (ja4(hello({43: offered})) or "")[1:3] == text


def test_grease_is_left_out_and_signalling_counts() -> None:
    signalling, grease = 0x00FF, 0x3A3A
    found = ja4(hello({grease: b"", 10: b"\0\0"}, ciphers=[grease, 0x1301, signalling]))
    ciphers = hashlib.sha256(b"00ff,1301").hexdigest()[:12]
    extensions = hashlib.sha256(b"000a").hexdigest()[:12]
    assert found == f"t12i020100_{ciphers}_{extensions}"


def test_long_lists_are_hashed_whole() -> None:
    ciphers = list(range(0x1000, 0x1000 + 250))
    text = ",".join(f"{c:04x}" for c in ciphers)
    found = ja4(hello({}, ciphers=ciphers))
    assert found == f"t12i990000_{hashlib.sha256(text.encode()).hexdigest()[:12]}_000000000000"
    assert ja4(hello({}, ciphers=[*ciphers, *range(10)])) is None  # more than are kept


def test_cut_anywhere_there_is_no_fingerprint() -> None:
    whole = hello({0: b"\0\0", 10: b"\0\0"})
    assert {ja4(whole[:cut]) for cut in range(len(whole))} == {None}
    assert ja4(whole) is not None


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("API.OpenAI.com", "api.openai.com"), ("a.example.", "a.example"), ("localhost", "localhost"),
        ("_x.my_host.example", "_x.my_host.example"), ("192.0.2.1", None), ("1.2.3", None), ("::1", None),
        ("a..example", None), (".example", None), ("a b.example", None), ("", None), ("é.example", None),
        ("x" * 64 + ".example", None), ("1password.com", "1password.com"), ("a." * 130 + "example", None),
        ("x.example\n", None), ("123", None),
    ],
)  # fmt: skip
def test_server_names(text: str, host: str | None) -> None:
    assert server_name(text) == host


def test_no_hellos() -> None:
    none = np.zeros(0, np.int64)
    assert tls.parse(np.zeros(1, np.uint8), none, none, "t")[0].size == 0
    assert from_hellos(np.zeros(1, np.uint8), none, none, KNOWN.head(0), quic=False).height == 0
