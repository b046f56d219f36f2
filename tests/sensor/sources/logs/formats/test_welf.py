"""WELF of products that have no format of their own."""

from __future__ import annotations

from sensor.sources.logs.formats.welf import WelfFormat
from tests.sensor.sources.logs.formats.reading import read

WELF = (
    'id=firewall time="2026-10-06 10:00:00" fw=gw pri=6 proto=http duration=2.5 sent=400 rcvd=1426 src=10.1.2.3 '
    'dst=192.0.2.7 dstname=chat.example.com user=ada op=GET arg="{}" result=200 ref="-" agent="curl/8"'
)


def test_sent_is_what_the_client_sent() -> None:
    row = read(WelfFormat, WELF.format("/v1")).row(0, named=True)
    assert (row["client"], row["user_name"], row["host"], row["path"]) == (
        "10.1.2.3",
        "ada",
        "chat.example.com",
        "/v1",
    )
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"], row["action"]) == (
        400,
        1426,
        2.5,
        "allowed",
    )


def test_sent_is_what_traffic_server_sent_to_the_client() -> None:
    """Its `rcvd` is a header's length, not what was uploaded (checked with 9.2)."""
    row = read(WelfFormat, WELF.format("v1/chat") + " cache=TCP_MISS").row(0, named=True)
    assert (row["bytes_up"], row["bytes_down"], row["path"]) == (None, 400, "/v1/chat")
