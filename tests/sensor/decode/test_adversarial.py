"""Every name is found however its stream was cut, mixed up, repeated, lost or wrapped: 100 %."""

from __future__ import annotations

import pytest

from sensor.decode.quic.protection import V1, V2
from tests.sensor.decode.adversarial import (
    DELIVERIES,
    QUIC_DELIVERIES,
    Truth,
    quic_streams,
    tcp_streams,
)
from tests.sensor.decode.craft import Frame, conserves, decode, pcap
from tests.sensor.decode.craft.traffic import flows_of


def wrong(frames: list[Frame], truth: Truth) -> list[str]:
    """What is not as it must be, one line a flow."""
    tables = decode(pcap(frames))
    conserves(tables["coverage"], len(frames))
    seen, lines = flows_of(tables["observations"]), []
    for ends, expected in truth.items():
        row = seen.pop(ends, None)
        if row is None:
            lines.append(f"{ends}: no row, must be {expected}")
        elif row["host"] != [expected.name] or row["started_at"] != 1:
            lines.append(f"{ends}: {row}, must be {expected}")
        elif row["bytes_up"] != expected.bytes_up:
            lines.append(f"{ends}: {row['bytes_up']} bytes, must be {expected}")
    return lines + [f"{ends}: unexpected" for ends in seen]


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_every_tcp_stream_gives_its_name_and_bytes(delivery: str) -> None:
    frames, truth = tcp_streams(delivery)
    assert len(truth) > 3000
    lines = wrong(frames, truth)
    assert not lines, f"{len(lines)} of {len(truth)}:\n" + "\n".join(lines[:20])


@pytest.mark.parametrize("delivery", QUIC_DELIVERIES)
def test_every_quic_stream_gives_its_name_and_bytes(delivery: str) -> None:
    frames, truth = quic_streams(delivery, (V1, V2))
    lines = wrong(frames, truth)
    assert not lines, f"{len(lines)} of {len(truth)}:\n" + "\n".join(lines[:20])
