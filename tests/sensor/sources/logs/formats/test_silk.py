"""SiLK's records as text."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.silk import SilkFormat
from sensor.sources.logs.text.reasons import NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

TEXT = """\
            sIP|            dIP|sPort|dPort|pro|   packets|     bytes|   flags|                  sTime| duration|sen|
       10.1.2.3|      192.0.2.7|40000|  443|  6|         7|       900| S PA   |2026/10/06T10:00:00.000|    5.000| S0|
       10.1.2.3|      192.0.2.7|    0|    0|  1|         1|        84|        |2026/10/06T10:00:00.000|    0.000| S0|
"""


def test_records_under_their_titles() -> None:
    found = read(SilkFormat, TEXT)
    rows = found.filter(found["client"].is_not_null())
    assert rows.select("client", "server", "server_port", "bytes_up", "duration_s", "one_way").row(0) == (
        "10.1.2.3",
        "192.0.2.7",
        443,
        900,
        5,
        True,
    )
    assert rows["reason"].to_list() == [None, NO_PORTS]
    assert rows["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "sIP,dIP,sPort,dPort,pro,packets,bytes,flags,sTime,duration,eTime,sen\n"
        "10.1.2.3,192.0.2.7,40000,443,6,7,900,S PA,2026/10/06T10:00:00.000,5.000,2026/10/06T10:00:05.000,S0\n",
        "                  sTime|       sIP|       dIP|sPort|dPort|pro|packets|bytes|                  eTime|\n"
        "2026/10/06T10:00:00.000|  10.1.2.3| 192.0.2.7|40000|  443|  6|      7|  900|2026/10/06T10:00:05.000|\n",
        "sTime|sIP|dIP|sPort|dPort|pro|packets|bytes|eTime\n"
        "1791280800.000|10.1.2.3|192.0.2.7|40000|443|6|7|900|1791280805.000\n",
    ],
    ids=["commas", "other fields", "epoch"],
)
def test_titles_name_the_fields_in_any_order_and_with_commas(text: str) -> None:
    found = read(SilkFormat, text)
    (row,) = found.filter(found["client"].is_not_null()).iter_rows(named=True)
    assert (row["client"], row["server"], row["server_port"], row["bytes_up"], row["duration_s"]) == (
        "10.1.2.3", "192.0.2.7", 443, 900, 5,
    )  # fmt: skip
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00+00:00"
