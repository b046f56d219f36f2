"""`shadowai capture`: mirror ports of this machine in, lake out, until stopped.

The lake is not compacted here, so that the port has the machine to itself: `shadowai compact` does it,
from a timer every hour. What capture cannot do yet is listed in `sensor/sources/live.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, SignaturesOption, StateOption, settings_from

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from sensor.pipeline import Verdict
    from sensor.sources.live import LiveSource


def command(
    interfaces: Annotated[
        list[str], typer.Argument(metavar="IFACE...", help="Interfaces; the legs of a TAP together.")
    ],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
    sensor: Annotated[
        str, typer.Option(help="Name of this sensor; one of the settings file brings its site and rank.")
    ] = "live",
    site: Annotated[str | None, typer.Option(help="Site of this sensor.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after this long.")] = None,
    ring_mb: Annotated[
        int, typer.Option(min=1, max=4096, help="Memory per interface for packets not yet read, MB.")
    ] = 64,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NET", help="Not to be looked at (guests), by the outermost IP header; repeatable."
        ),
    ] = None,
) -> None:
    """Listen to interfaces until stopped (SIGTERM, Ctrl-C); nothing seen is lost by that.

    Stores every 30 s or 100,000 rows. Does not compact: let a timer run `shadowai compact` every hour.
    Needs the capability CAP_NET_RAW, not root.
    """
    from sensor.scan import Declared, Scan
    from sensor.sources import afpacket, live

    chosen = settings_from(
        config, lake=lake, state=state, signatures=tuple(signatures) if signatures else None
    )
    networks = _networks(exclude or [])
    source_input = live.describe_input(interfaces, sensor)
    afpacket.check(interfaces)
    scan = Scan(chosen, Declared(sensor, site))
    source = live.LiveSource(
        chosen.networks.internal, ring_bytes=ring_mb << 20, exclude=networks, seconds=seconds, tell=_say
    )
    with _stopping(source) as signals:
        verdict = scan.capture(source, source_input, _say)
    typer.echo(_line(interfaces, source, verdict))
    if signal.SIGINT in signals:
        raise typer.Exit(130)


def _networks(texts: Sequence[str]) -> list[str]:
    """The excluded networks. Raises UsageError for one that is none."""
    from ipaddress import ip_network

    from sensor.errors import UsageError

    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise UsageError("not a network", place=f"--exclude {text}", hint="try 10.99.0.0/16") from None
    return list(texts)


@contextmanager
def _stopping(source: LiveSource) -> Iterator[list[int]]:
    """SIGTERM, SIGHUP and Ctrl-C end the capture in order; yields which came. A second one does at once."""
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.signal(number, before[number])
        source.stop()

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {int(number): signal.signal(number, stop) for number in numbers}
    try:
        yield came
    finally:
        source.stop()  # also when the lake refused a batch
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    typer.echo(f"shadowai: {line}", err=True)


def _line(interfaces: Sequence[str], source: LiveSource, verdict: Verdict) -> str:
    """What the whole capture gave, on one line."""
    text = f"{', '.join(interfaces)}: {source.packets:,} packets in {source.listened_s:.0f} s"
    text += f", {source.drops:,} dropped"
    text += f", {source.excluded:,} excluded" if source.excluded else ""
    text += f", {verdict.sightings:,} sightings"
    return text + (f" of {len(verdict.apps)} services" if verdict.apps else "")
