"""Blocky's query log."""

from __future__ import annotations

from sensor.sources.logs.formats.blocky import BlockyFormat
from tests.sensor.sources.logs.formats.reading import read

LINES = (
    "2026-10-06 10:00:00\t10.1.2.3\tpc7; pc7.lan\t3\tRESOLVED (tcp+udp:192.0.2.53)\twww.example.org.\tA (192.0.2.7)\tNOERROR\t"
    "RESOLVED\tA\tblocky",
    '{"answer":"A (0.0.0.0)","client_ip":"10.1.2.3","client_names":"10.1.2.3","level":"info","msg":"query resolved",'
    '"question_name":"ads.example.org.","question_type":"A","response_code":"NOERROR","response_type":"BLOCKED",'
    '"time":"2026-10-06T10:00:01Z"}',
    "[2026-10-06 10:00:02]  INFO queryLog: query resolved  answer=A (192.0.2.7) client_ip=10.1.2.3 client_names=pc7 "
    "duration_ms=3 question_name=www.example.org. question_type=A response_code=NOERROR response_type=CACHED",
)


def test_csv_json_and_console() -> None:
    found = read(BlockyFormat, "\n".join(LINES))
    assert found["seen_at"].dt.second().to_list() == [0, 1, 2]
    assert found.select("client", "device", "host", "action").rows() == [
        ("10.1.2.3", "pc7", "www.example.org", "allowed"),
        ("10.1.2.3", None, "ads.example.org", "blocked"),
        ("10.1.2.3", "pc7", "www.example.org", "allowed"),
    ]
