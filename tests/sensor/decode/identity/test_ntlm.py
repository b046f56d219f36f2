"""NTLM: who signs in over SMB or HTTP."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.ntlm import NTLM_NEGOTIATE

from sensor.decode.identity import ntlm
from sensor.decode.identity.statement import Statement
from tests.sensor.decode.identity.speakers import CLIENT, smb2
from tests.sensor.decode.identity.speakers import ntlm as message


def test_account_domain_and_workstation() -> None:
    expected = [Statement(CLIENT, "directory", 0.45, None, "CORP\\ann", "pc-ann", 3_600.0)]
    assert ntlm.read(smb2(b"\x60\x48" + message("ann")), CLIENT) == expected
    assert ntlm.read_field(base64.b64encode(message("ann")), CLIENT) == expected
    (upn,) = ntlm.read(message("ann@corp.example"), CLIENT)
    assert upn.user_name == "ann@corp.example"


def test_names_in_a_code_page() -> None:
    header = bytearray(message("", "", "")[:64])
    header[60] = 0
    text = b"CORPann"
    for at, begin, size in ((28, 64, 4), (36, 68, 3)):
        header[at : at + 8] = size.to_bytes(2, "little") * 2 + begin.to_bytes(4, "little")
    (said,) = ntlm.read(bytes(header) + text, CLIENT)
    assert said.user_name == "CORP\\ann"


def test_who_says_no_name_is_nobody() -> None:
    assert ntlm.read(message("", "", ""), CLIENT) == []
    assert ntlm.read(bytes(NTLM_NEGOTIATE()), CLIENT) == []
    assert ntlm.read_field(b"TlRMTVNTUAAD!", CLIENT) == []


def test_a_name_that_was_cut_is_nobodys() -> None:
    whole = message("annabelle")
    said = {(s.user_name, s.device) for size in range(len(whole)) for s in ntlm.read(whole[:size], CLIENT)}
    assert said == {("CORP\\annabelle", None)}


@given(st.binary(max_size=200), st.integers(0, 120), st.binary(max_size=20))
@settings(deadline=None, max_examples=200)
def test_anything_is_read(noise: bytes, at: int, patch: bytes) -> None:
    for data in (message("ann"), ntlm.MARK + noise, noise):
        damaged = data[:at] + patch + data[at + len(patch) :]
        for said in (*ntlm.read(damaged, CLIENT), *ntlm.read_field(damaged, CLIENT)):
            assert said.user_name is not None and said.user_name.isprintable()
