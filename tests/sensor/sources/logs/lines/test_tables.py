"""Separated values become objects, and those of spreadsheets get their commas back."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.known_formats import framing_of
from sensor.sources.logs.lines.framing import JOINT
from sensor.sources.logs.lines.json_documents import JSON
from sensor.sources.logs.lines.tables import RESAVED, ROWS, TABLE, Table
from tests.sensor.sources.logs.formats.reading import rows
from tests.sensor.sources.logs.lines.framed import records


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_of_lines_becomes_objects(separator: str) -> None:
    rows = (("_time", "_raw", "x [UTC]"), ("1", '"a ""b""\nc"', ""), ("2", "d", "e"))
    text = "".join(separator.join(row) + "\n" for row in rows)
    assert TABLE.fits(text.encode())
    assert not TABLE.fits(text.replace("_raw", "raw").encode())
    assert TABLE.fits(b"_raw\na\n")
    assert not TABLE.fits(b"a line of text, and more of it\na\n")
    assert [json.loads(record) for record in records(TABLE, text)] == [
        {"_time": "1", "_raw": f'a "b"{JOINT}c'},
        {"_time": "2", "_raw": "d", "x": "e"},
    ]


@pytest.mark.parametrize("table", [TABLE, ROWS])
def test_tables_put_together_have_a_header_each(table: Table) -> None:
    text = "_time,_raw,host [UTC]\n1,a,\n\ufeff_raw,host,_time\nb,_raw,2\n"
    told = [json.loads(record) for record in records(table, text)]
    assert told == [{"_time": "1", "_raw": "a"}, {"_raw": "b", "host": "_raw", "_time": "2"}]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_table_that_a_spreadsheet_saved_again(separator: str) -> None:
    text = (
        "_time,src_ip,dest,user,bytes_out,bytes_in,action\n"
        '2026-10-06T10:00:00.000+00:00,10.1.2.3,claude.ai,"Lovelace; Ada",900,7000,allowed\n'
    )
    saved = text.replace('"Lovelace; Ada"', "ada").replace(",", separator)
    saved = saved.replace("ada", '"Lovelace; Ada"')
    assert rows(saved).drop("offset").equals(rows(text).drop("offset"))
    assert rows(saved)["host"].to_list()[-1] == "claude.ai"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "table",
    [
        "TimeGenerated,SrcIpAddr,SrcUsername,DstHostname,DstIpAddr,DstPortNumber,DvcAction",
        "Timestamp,LocalIP,InitiatingProcessAccountName,RemoteUrl,RemoteIP,RemotePort,DeviceName",
        "TimeGenerated,SourceIP,SourceUserName,DestinationHostName,DestinationIP,DestinationPort,DeviceVendor",
    ],
)
def test_tables_whose_titles_are_known_by_their_words(table: str, separator: str) -> None:
    text = f"{table}\n2026-10-06T10:00:00Z,10.1.2.3,ada,claude.ai,192.0.2.7,443,Allow\n"
    found = rows(text.replace(",", separator))
    assert found.select("client", "user_name", "host").row(-1) == ("10.1.2.3", "ada", "claude.ai")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_saved_as_unicode_text(separator: str, encoding: str) -> None:
    text = "_time,src_ip,dest,user,action\r\n2026-10-06T10:00:00Z,10.1.2.3,claude.ai,ada,allowed\r\n"
    assert framing_of(text.replace(",", separator).encode(encoding)) is (
        RESAVED if separator == "\t" else None
    )
    records = json.dumps([{"_time": 1791280800, "src_ip": "10.1.2.3", "url": "https://claude.ai/"}], indent=1)
    assert framing_of(records.encode(encoding)) is JSON


def test_lines_that_are_known_as_they_are_keep_their_separators() -> None:
    query = "client @0x1 10.1.2.3#53 (claude.ai): query: claude.ai IN A + (10.0.0.53)\n"
    assert framing_of(f"6-Oct-2026;10:00:00;x {query}".encode()) is None


@pytest.mark.parametrize(
    ("column", "value", "hour"),
    [
        ("TimeGenerated [UTC]", "10/6/2026, 2:00:00.123 PM", 14),
        ("TimeGenerated [UTC]", "10/6/2026, 14:00:00", 14),
        ("TimeGenerated [Local Time]", "10/6/2026, 2:00:00.123 PM", 12),  # of Vienna
        ("TimeGenerated", "2026-10-06T14:00:00Z", 14),
    ],
)
def test_a_column_may_name_the_zone_of_its_times(column: str, value: str, hour: int) -> None:
    table = f'"{column}",Protocol,SourceIp,Fqdn,Action,Type\n"{value}",HTTPS,10.1.2.3,claude.ai,Allow,AZFWApplicationRule\n'
    (row,) = rows(table, zone="Europe/Vienna").iter_rows(named=True)
    assert (row["host"], row["seen_at"].hour) == ("claude.ai", hour)
