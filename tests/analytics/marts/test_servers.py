"""AI servers by day: what several connections said of one server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analytics.lake import open_views
from analytics.refresh import refresh
from tests.analytics.handmade import ZONE, HandmadeLake, Row, counted, sighting, tunnel

SERVER: Row = {
    "app": "behaviours/ollama", "access": "api", "kind": "http", "server": "s1", "server_port": 11434,
    "server_scope": "internal",
}  # fmt: skip


def test_the_newest_version_of_a_day_is_the_greatest_by_number(tmp_path: Path) -> None:
    """As text 0.9.6 is greater than 0.12.0, and a server that was updated stayed vulnerable."""
    said = [
        ("10:00", "0.9.6", "2025-06-18"), ("12:00", "0.12.0", "session"), ("13:00", None, None),
    ]  # fmt: skip
    rows = [
        sighting(f"2026-11-17 {moment}", **SERVER, server_version=version, mcp_version=mcp)
        for moment, version, mcp in said
    ]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        found = views.execute(
            "SELECT connections, server_version, mcp_version FROM stored.ai_servers_daily ORDER BY ALL"
        ).fetchall()
    assert found == [(3, "0.12.0", "2025-06-18")]


def test_a_connection_that_several_sensors_saw_is_one(tmp_path: Path) -> None:
    """Their clocks differ, and Zeek does not cut it into slices. Ports that are used again are another."""
    fetched = {"repository": "acme/small", "model_format": "gguf"}

    def seen(start: str, minutes: int, **more: Any) -> list[Row]:
        number = more.pop("connection")
        return [
            row | {"connection": number}
            for row in tunnel(start, minutes, flow=77, **SERVER, **fetched, **more)
        ]

    rows = [
        *seen("2026-11-17 10:00", 3, connection=1),
        *seen("2026-11-17 10:00:01.500", 3, connection=2, sensor="span2"),
        *seen(
            "2026-11-17 10:00:00.500",
            1,
            connection=3,
            sensor="zeek",
            source="zeek",
            bytes_up=3000,
            bytes_down=27_000,
        ),
        *seen("2026-11-17 10:20", 1, connection=4),
    ]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    with counted(lake, "ai_servers_daily", "model_pulls_daily") as marts:
        servers = marts.execute("SELECT connections, bytes_up, bytes_down FROM ai_servers_daily").fetchall()
        models = marts.execute("SELECT requests, bytes_up, bytes_down FROM model_pulls_daily").fetchall()
    assert servers == models == [(2, 4000, 36_000)]


def test_a_proxy_makes_no_group_of_people_large_enough(tmp_path: Path) -> None:
    rows = [sighting("2026-11-17 10:00", user_name=f"u{n}", client=f"a{n}", **SERVER) for n in range(4)]
    proxy = sighting("2026-11-17 10:00", user_name=None, client="proxy", client_scope="proxy", **SERVER)
    lake = HandmadeLake.furnished(tmp_path, *rows, proxy)
    with counted(lake, "ai_assets_weekly", weeks=True) as marts:
        found = marts.execute("SELECT name, assets, people_at_least FROM ai_assets_weekly").fetchall()
    assert found == [("behaviours/ollama", 1, None)]
