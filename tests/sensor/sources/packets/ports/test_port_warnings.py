"""One loud line for each trouble of a port, when it begins, not while it lasts."""

import polars as pl

from sensor.sources.packets.ports.port_warnings import DirectionWarnings, PortWarnings, offload_warnings


def warned(warnings: PortWarnings, *readings: tuple[float, int, int, str]) -> list[str]:
    """Lines about readings of (time, packets, drops, link)."""
    return [
        line
        for now, packets, drops, link in readings
        for line in warnings.notice(now, packets, drops, drops and 1, link)
    ]


def test_silence_is_reported_once_and_its_end_too() -> None:
    warnings = PortWarnings("eth1", last_packet_at=100.0)
    assert warned(warnings, (101, 5, 0, "up"), (160, 0, 0, "up"), (160.9, 0, 0, "up")) == []
    (silent,) = warned(warnings, (161, 0, 0, "up"), (162, 0, 0, "up"), (300, 0, 0, "up"))
    assert silent.startswith("eth1: SILENT, no packet for 60 s")
    assert warned(warnings, (301, 1, 0, "up"), (302, 1, 0, "up")) == [
        "eth1: packets again after 200 s of silence"
    ]
    assert len(warned(warnings, (361, 0, 0, "up"), (362, 0, 0, "up"))) == 1


def test_a_port_without_any_packet_is_silent() -> None:
    warnings = PortWarnings("eth1", last_packet_at=0.0)
    assert len(warned(warnings, *((float(t), 0, 0, "up") for t in range(120)))) == 1


def test_drops_are_reported_at_once_then_summed_for_a_minute() -> None:
    warnings = PortWarnings("eth1", last_packet_at=0.0)
    (first,) = warned(warnings, (1, 9, 1000, "up"))
    assert "dropped 1,000 packets (ring full 1 times)" in first
    assert warned(warnings, (2, 9, 10, "up"), (30, 9, 20, "up")) == []
    (later,) = warned(warnings, (61, 9, 3, "up"), (62, 9, 0, "up"))
    assert "dropped 33 packets (ring full 3 times)" in later


def test_a_change_of_the_link_is_reported() -> None:
    warnings = PortWarnings("eth1", last_packet_at=0.0)
    lines = warned(warnings, (1, 1, 0, "up"), (2, 1, 0, "down"), (3, 1, 0, "down"), (4, 1, 0, "up"))
    assert lines == ["eth1: the link is down", "eth1: the link is up"]


def rows(one_sided: int, both: int, kind: str = "tls") -> pl.DataFrame:
    down = [0] * one_sided + [3] * both
    return pl.DataFrame(
        {"transport": "tcp", "kind": kind, "packets_up": 5, "packets_down": pl.Series(down, dtype=pl.Int64)}
    )


def test_one_sided_traffic_is_reported_once_when_it_begins() -> None:
    warnings = DirectionWarnings()
    assert warnings.notice(rows(3, 97)) == []
    (line,) = warnings.notice(rows(90, 10))
    assert line.startswith("ONE-SIDED, 90 of 100 connections") and "--outgoing" in line
    assert warnings.notice(rows(100, 0)) == []
    assert warnings.notice(rows(0, 100)) == []
    assert len(warnings.notice(rows(100, 0))) == 1


def test_few_connections_and_lookups_give_no_warning() -> None:
    warnings = DirectionWarnings()
    assert warnings.notice(rows(19, 0)) == []
    assert warnings.notice(rows(100, 0, kind="dns")) == []


def test_joined_frames_and_an_unknown_driver_are_warned_of() -> None:
    assert offload_warnings("eth1", "") == []
    assert "unknown" in offload_warnings("eth1", None)[0]
    assert "ethtool -K eth1 gro off lro off" in offload_warnings("eth1", "GRO and LRO")[0]
