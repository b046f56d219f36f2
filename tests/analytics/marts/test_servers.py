"""AI servers by day: what several connections said of one server."""

from __future__ import annotations

from pathlib import Path

from analytics.lake import open_views
from analytics.refresh import refresh
from tests.analytics.handmade import ZONE, HandmadeLake, sighting


def test_the_newest_version_of_a_day_is_the_greatest_by_number(tmp_path: Path) -> None:
    """As text 0.9.6 is greater than 0.12.0, and a server that was updated stayed vulnerable."""
    said = [("10:00", "0.9.6"), ("12:00", "0.12.0"), ("13:00", None)]
    rows = [
        sighting(
            f"2026-11-17 {moment}", app="behaviours/ollama", access="api", kind="http", server="s1",
            server_port=11434, server_scope="internal", server_version=version,
        )
        for moment, version in said
    ]  # fmt: skip
    lake = HandmadeLake.furnished(tmp_path, *rows)
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        found = views.execute(
            "SELECT connections, server_version FROM stored.ai_servers_daily ORDER BY ALL"
        ).fetchall()
    assert found == [(3, "0.12.0")]
