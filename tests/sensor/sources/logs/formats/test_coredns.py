"""CoreDNS: common and combined layouts, containers, server messages; sizes are no traffic."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.coredns import CorednsFormat
from sensor.sources.logs.text.reasons import NO_LOOKUP
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '[INFO] 10.1.0.7:42114 - 64820 "A IN chat.example.com. udp 57 false 1232" NOERROR qr,aa,rd 66 '
    "0.000150566s"
)
_SIZE = "sizes of the DNS messages are no traffic to the service"
_SINGLE = [("elastic-coredns-log-coredns-json.log", n) for n in range(3)]
_PLAIN = [("elastic-coredns-log-coredns.log", n) for n in range(6)]
ARGUED = [(file, line, side, _SIZE) for file, line in [*_SINGLE, *_PLAIN] for side in ("up", "down")]


def test_lookups_in_container_logs() -> None:
    docker = json.dumps({"log": LINE + "\n", "stream": "stdout", "time": "2026-11-22T10:00:00.5Z"})
    cri = "2026-11-22T10:00:01Z stdout F " + LINE.replace("10.1.0.7", "[2001:db8::7]") + ' "0"'
    found = read(CorednsFormat, f"{docker}\n{cri}\n")
    assert found.select("client", "client_port", "host", "action", "reason").rows() == [
        ("10.1.0.7", 42114, "chat.example.com", "allowed", None),
        ("2001:db8::7", 42114, "chat.example.com", "allowed", None),
    ]
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00.500000+00:00"
    assert found.select("bytes_up", "bytes_down").null_count().row(0) == (2, 2)


def test_old_layout_carries_its_time() -> None:
    line = (
        '10.1.0.7:42114 - [22/Feb/2018:08:13:09 +0100] "AAAA IN api.example.com. tcp 57 true 4096" REFUSED '
        "qr,rd 66 31.2µs"
    )
    (row,) = read(CorednsFormat, line + "\n").rows(named=True)
    assert (row["host"], row["action"], row["transport"]) == ("api.example.com", "blocked", "tcp")
    assert row["seen_at"].isoformat() == "2018-02-22T07:13:09+00:00"


def test_server_messages_are_set_aside() -> None:
    text = (
        "[ERROR] plugin/errors: 2 chat.example.com. A: dial tcp 1.1.1.1:853: i/o timeout\n[INFO] "
        "plugin/reload: Running\n"
    )
    assert read(CorednsFormat, text)["reason"].to_list() == [NO_LOOKUP, NO_LOOKUP]


def test_a_line_without_any_time_was_written_when_its_file_was() -> None:
    old = "2018-09-12T18:42:29.139Z " + LINE
    found = read(CorednsFormat, f"{LINE}\n{old}\n")
    assert [at.isoformat()[:19] for at in found["seen_at"]] == ["2026-11-26T00:00:00", "2018-09-12T18:42:29"]
