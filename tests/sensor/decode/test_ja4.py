"""JA4 against the example hashes of its description."""

from __future__ import annotations

from sensor.decode.ja4 import fingerprint

CIPHERS = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9"
EXTENSIONS = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"
ALGORITHMS = "0403,0804,0401,0503,0805,0501,0806,0601"


def test_example_hashes() -> None:
    raw = f"t13d1516h2_{CIPHERS}_{EXTENSIONS}_{ALGORITHMS}"
    assert fingerprint(raw) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert fingerprint(raw.rsplit("_", 1)[0]) == "t13d1516h2_8daaf6152771_6d807ffa2a79"


def test_empty_lists() -> None:
    assert fingerprint("t10i000000__") == "t10i000000_000000000000_000000000000"
