"""One loud line for each trouble of a port, when it begins, not while it lasts."""

import polars as pl

from sensor.sources.packets.ports.watch import PortWatch, SidesWatch, about_offloads


def said(watch: PortWatch, *readings: tuple[float, int, int, str]) -> list[str]:
    """Lines about readings of (time, packets, drops, link)."""
    return [
        line
        for now, packets, drops, link in readings
        for line in watch.notice(now, packets, drops, drops and 1, link)
    ]


def test_silence_is_told_once_and_its_end() -> None:
    watch = PortWatch("eth1", heard_at=100.0)
    assert said(watch, (101, 5, 0, "up"), (160, 0, 0, "up"), (160.9, 0, 0, "up")) == []
    (silent,) = said(watch, (161, 0, 0, "up"), (162, 0, 0, "up"), (300, 0, 0, "up"))
    assert silent.startswith("eth1: SILENT, no packet for 60 s")
    assert said(watch, (301, 1, 0, "up"), (302, 1, 0, "up")) == ["eth1: packets again after 200 s of silence"]
    assert len(said(watch, (361, 0, 0, "up"), (362, 0, 0, "up"))) == 1


def test_a_port_that_never_said_anything_is_silent() -> None:
    watch = PortWatch("eth1", heard_at=0.0)
    assert len(said(watch, *((float(t), 0, 0, "up") for t in range(120)))) == 1


def test_drops_are_told_at_once_then_summed_up() -> None:
    watch = PortWatch("eth1", heard_at=0.0)
    (first,) = said(watch, (1, 9, 1000, "up"))
    assert "dropped 1,000 packets (ring full 1 times)" in first
    assert said(watch, (2, 9, 10, "up"), (30, 9, 20, "up")) == []
    (later,) = said(watch, (61, 9, 3, "up"), (62, 9, 0, "up"))
    assert "dropped 33 packets (ring full 3 times)" in later


def test_the_link_is_told_when_it_changes() -> None:
    watch = PortWatch("eth1", heard_at=0.0)
    lines = said(watch, (1, 1, 0, "up"), (2, 1, 0, "down"), (3, 1, 0, "down"), (4, 1, 0, "up"))
    assert lines == ["eth1: the link is down", "eth1: the link is up"]


def rows(one_sided: int, both: int, kind: str = "tls") -> pl.DataFrame:
    down = [0] * one_sided + [3] * both
    return pl.DataFrame(
        {"transport": "tcp", "kind": kind, "packets_up": 5, "packets_down": pl.Series(down, dtype=pl.Int64)}
    )


def test_one_sided_traffic_is_told_when_it_begins() -> None:
    sides = SidesWatch()
    assert sides.notice(rows(3, 97)) == []
    (line,) = sides.notice(rows(90, 10))
    assert line.startswith("ONE-SIDED, 90 of 100 connections") and "--outgoing" in line
    assert sides.notice(rows(100, 0)) == []
    assert sides.notice(rows(0, 100)) == []
    assert len(sides.notice(rows(100, 0))) == 1


def test_few_connections_and_lookups_tell_nothing() -> None:
    sides = SidesWatch()
    assert sides.notice(rows(19, 0)) == []
    assert sides.notice(rows(100, 0, kind="dns")) == []


def test_offloads() -> None:
    assert about_offloads("eth1", "") == []
    assert "unknown" in about_offloads("eth1", None)[0]
    assert "ethtool -K eth1 gro off lro off" in about_offloads("eth1", "GRO and LRO")[0]
