"""sing-box: connections told in several lines."""

from __future__ import annotations

from sensor.sources.logs.formats.sing_box import SingBoxFormat
from tests.sensor.sources.logs.formats.reading import read

AT = "+0200 2026-10-06 12:00:00 INFO"


def test_the_lines_of_a_number_are_one_connection() -> None:
    lines = (
        "[7 0ms] inbound/socks[in]: inbound connection from 10.1.2.3:50000",
        "[8 0ms] inbound/mixed[in]: inbound packet connection from [2001:db8::5]:50001",
        "[7 1ms] inbound/socks[in]: [jane] inbound connection to chat.example.com:443",
        "[8 1.5s] inbound/mixed[in]: inbound packet connection to ads.example.org:443",
        "[7 1ms] outbound/direct[direct]: outbound connection to chat.example.com:443",
        "[8 2.0s] outbound/block[block]: outbound packet connection to ads.example.org:443",
    )
    found = read(SingBoxFormat, "\n".join(f"{AT} {line}" for line in lines))
    used = found.filter(found["reason"].is_null())
    shown = ("client", "client_port", "user_name", "host", "server_port", "transport", "action")
    assert used.select(shown).rows() == [
        ("10.1.2.3", 50000, "jane", "chat.example.com", 443, "tcp", "allowed"),
        ("2001:db8::5", 50001, None, "ads.example.org", 443, "udp", "blocked"),
    ]
    assert used["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"
    assert found["reason"].drop_nulls().unique().to_list() == ["set aside: names no destination"]


def test_colours_of_a_terminal_are_no_part_of_a_line() -> None:
    lines = (
        "+0200 2026-10-06 12:00:00 \x1b[36mINFO\x1b[0m [\x1b[38;5;77m7\x1b[0m 0ms] inbound/mixed[in]: inbound "
        "connection from 10.1.2.3:50000",
        "+0200 2026-10-06 12:00:00 \x1b[36mINFO\x1b[0m [\x1b[38;5;77m7\x1b[0m 1ms] inbound/mixed[in]: inbound "
        "connection to chat.example.com:443",
    )
    found = read(SingBoxFormat, "\n".join(lines))
    assert found.filter(found["reason"].is_null()).select("client", "host").rows() == [
        ("10.1.2.3", "chat.example.com")
    ]
