"""Accounting of Microsoft's RADIUS server."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.nps import NpsFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

XML = (
    '<Event><Timestamp data_type="4">10/06/2026 10:00:0{}.100</Timestamp>'
    '<User-Name data_type="1">CORP\\ada</User-Name>'
    '<Calling-Station-Id data_type="1">02-00-00-00-00-07</Calling-Station-Id>'
    '<Framed-IP-Address data_type="3">10.1.2.3</Framed-IP-Address>'
    '<Acct-Status-Type data_type="0">{}</Acct-Status-Type><Packet-Type data_type="0">{}</Packet-Type></Event>'
)


def test_accounting_gives_and_ends_an_address() -> None:
    found = read(NpsFormat, "\n".join(XML.format(*one) for one in ((0, 1, 4), (5, 2, 4), (6, 1, 1))))
    assert found.select("reason", "kind", "client", "user_name", "lease_s").rows() == [
        (None, "lease", "10.1.2.3", "CORP\\ada", 36_000),
        (None, "lease", "10.1.2.3", "CORP\\ada", 0),
        (NO_ADDRESS, "lease", "10.1.2.3", "CORP\\ada", 36_000),
    ]
    assert found["client_mac"][0] == "02:00:00:00:00:07"
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00.100000+00:00"


@pytest.mark.parametrize("name", ["", '"CORP\\ada"', '"corp.example/Users/Ada Lovelace"'])
def test_database_rows_by_position(name: str) -> None:
    empty = "," * 17
    one = f'"NPS1","IAS",10/06/2026,10:00:00,4,"CORP\\ada",{name},"ap1","02-00-00-00-00-07",,"10.1.2.3"{empty}600,,,,1,,'
    (row,) = read(NpsFormat, one).rows(named=True)
    assert (row["client"], row["user_name"], row["lease_s"], row["seen_at"].day) == (
        "10.1.2.3",
        "CORP\\ada",
        600,
        6,
    )
