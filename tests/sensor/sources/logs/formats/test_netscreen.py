"""Juniper NetScreen's traffic log."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.netscreen import NetscreenFormat
from sensor.sources.logs.rows.sessions import Sessions
from tests.sensor.sources.logs.formats.reading import read


def _line(rest: str, action: str = "Permit", port: int = 1732) -> str:
    return (
        "Oct  6 10:02:31 fw1 isg1000: NetScreen device_id=0001 [Root]system-notification-00257(traffic): "
        'start_time="2026-10-06 10:02:10" policy_id=244 service=https proto=6 src zone=Trust dst zone=Untrust '
        f"action={action} src=10.1.2.3 dst=192.0.2.7 src_port={port} dst_port=443 "
        f"src-xlated ip=198.51.100.1 port=22041 dst-xlated ip=192.0.2.7 port=443 {rest}"
    )


def test_beginning_and_end_of_a_session_are_one_connection() -> None:
    rows = read(
        NetscreenFormat,
        "\n".join(
            [
                _line("duration=0 sent=0 rcvd=0 session_id=488451 reason=Creation"),
                _line("duration=20 sent=900 rcvd=7000 session_id=488451 reason=Close - TCP FIN"),
                _line("duration=9 sent=80 rcvd=70 session_id=77 reason=Close - AGE OUT", port=1733),
                _line("duration=0 sent=0 rcvd=0 session_id=0", action="Deny", port=1734),
                _line("duration=0 sent=0 rcvd=0 session_id=0", action="Deny", port=1734),
            ]
        ),
    )
    rows = Sessions().take(rows)
    assert rows["reason"].is_null().all()
    assert rows["client"].unique().to_list() == ["10.1.2.3"]
    opened = rows.filter(pl.col("slice").fill_null(0) == 0)
    assert opened["action"].to_list() == ["allowed", "allowed", "blocked", "blocked"]
    assert rows["bytes_up"].sum() == 980
    assert rows["bytes_down"].sum() == 7070
