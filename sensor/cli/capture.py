"""`shadowai capture`: mirror ports of this machine in, lake out, until stopped.

The lake is not compacted here, so that compaction takes no CPU time from the capture; a timer runs `shadowai
compact` every hour. What a capture loses when it is killed is described in `sensor/sources/packets/live.py`.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.interrupt import Ended, stopped_by_signals
from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    SignaturesOption,
    SiteOption,
    StateOption,
    installation_of,
    say,
    settings_from,
)
from sensor.cli.scan_outcome import many
from sensor.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.ingest.summary import Summary
    from sensor.sources.packets.live import LiveSource
    from sensor.sources.packets.ports.bpf import Program


Interfaces = Annotated[
    list[str], typer.Argument(metavar="IFACE...", help="Interfaces; the legs of a TAP together.")
]
LiveSensorOption = Annotated[
    str,
    typer.Option(
        "--sensor",
        metavar="NAME",
        help="Name of this sensor; if the settings declare it, its site and rank apply.",
    ),
]
SecondsOption = Annotated[
    float | None, typer.Option("--seconds", min=0.1, metavar="SECONDS", help="Stop after this long.")
]
RingOption = Annotated[
    int,
    typer.Option(
        "--ring-mb",
        min=1,
        max=4096,
        metavar="MB",
        help="Memory per interface for packets not yet read, MB.",
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="NET",
        help="Network to leave out (guests), by outermost and innermost addresses; repeatable.",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers", min=1, max=32, metavar="N", help="Decoding threads; keep to one for tunnels (see above)."
    ),
]
FilterOption = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="BPF",
        help="Read only what this program accepts: `tcpdump -ddd` output, or @FILE.",
    ),
]
TruncateOption = Annotated[
    bool, typer.Option("--truncate", help="Overload mode: keep 192 bytes of servers' bulk packets (TCP).")
]
OutgoingOption = Annotated[
    bool,
    typer.Option(
        "--outgoing",
        help="Also read what this machine sends: on a router, gateway or server; not on a mirror port.",
    ),
]
EvidenceOption = Annotated[
    bool, typer.Option("--evidence", help="Keep SYN and hello packets of matched connections, sealed.")
]
EvidenceDaysOption = Annotated[
    int,
    typer.Option(
        "--evidence-days", min=1, max=365, metavar="DAYS", help="Days after which evidence is deleted."
    ),
]
EvidenceMbOption = Annotated[
    int,
    typer.Option(
        "--evidence-mb",
        metavar="MB",
        min=1,
        max=100_000,
        help="Evidence kept at most, MB; the oldest goes first.",
    ),
]


def command(
    interfaces: Interfaces,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
    sensor: LiveSensorOption = "live",
    site: SiteOption = None,
    seconds: SecondsOption = None,
    ring_mb: RingOption = 64,
    exclude: ExcludeOption = None,
    workers: WorkersOption = 1,
    only: FilterOption = None,
    truncate: TruncateOption = False,
    outgoing: OutgoingOption = False,
    evidence: EvidenceOption = False,
    evidence_days: EvidenceDaysOption = 7,
    evidence_mb: EvidenceMbOption = 100,
) -> None:
    """Listen to interfaces until stopped (SIGTERM, Ctrl-C).

    Stopping loses nothing. Rows are stored every 30 s, or every 25,000 rows, but not published: let a
    timer run `shadowai compact` every hour. Needs root or CAP_NET_RAW. A changed catalog is used within
    30 s, or at once on SIGHUP.

    --workers shares out connections by address and port; keep to one where VXLAN or GENEVE arrive.
    --filter sees frames without their outer VLAN tag: write it for untagged frames. --truncate gives up
    certificate names and record sizes, and reports say so. --evidence is logged; `shadowai evidence`
    reads what was kept.
    """
    from sensor.ingest.capture import LiveCapture, evidence_of
    from sensor.sources.packets import live
    from sensor.sources.packets.ports import afpacket
    from sensor.store.evidence import Bounds

    chosen = settings_from(config, lake=lake, state=state, signatures=signatures)
    networks = _networks([*chosen.networks.exclude, *(exclude or [])])
    of_networks = chosen.networks.model_copy(update={"exclude": tuple(networks)})
    chosen = chosen.model_copy(update={"networks": of_networks})  # a broadcast may speak of a guest's address
    program = _program(only, truncate)
    source_input = live.describe_input(interfaces, sensor)
    afpacket.check(interfaces, program)
    installation = installation_of(chosen, sensor, site)
    bounds = Bounds(evidence_mb, evidence_days)
    kept = evidence_of(installation, source_input, bounds) if evidence else None
    source = live.LiveSource(
        chosen.networks.internal, ring_bytes=ring_mb << 20, exclude=networks, program=program,
        truncate=truncate, outgoing=outgoing, workers=workers, seconds=seconds, tell=say,
        keep=kept.hold if kept else None,
    )  # fmt: skip
    capture = LiveCapture(installation, say)

    def reload() -> None:
        capture.reload()
        source.flush()

    with stopped_by_signals(source.stop, reload) as signals:
        try:
            summary = capture.run(source, source_input, kept)
        finally:
            source.stop()  # ends its threads if the lake refused a batch
    typer.echo(_line(interfaces, source, summary))
    if kept is not None:
        missed = f", {kept.missed:,} found no room" if kept.missed else ""
        typer.echo(f"evidence: {kept.packets:,} packets{missed}")
    if signal.SIGINT in signals:
        raise Ended


def _program(given: str | None, truncate: bool) -> Program | None:
    """The program of --filter. Raises UsageError if it is invalid, or used together with --truncate."""
    from sensor.errors import UsageError
    from sensor.sources.packets.ports import bpf

    if given is None:
        return None
    if truncate:
        raise UsageError("cannot be used together", place="--filter and --truncate")
    if not given.startswith("@"):
        return bpf.parse(given)
    try:
        return bpf.parse(Path(given[1:]).read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        reason = reason_of(error)
        raise UsageError(reason, place=f"--filter {given}") from None


def _networks(texts: Sequence[str]) -> list[str]:
    """`texts`, checked. Raises UsageError for one that is not a network."""
    from ipaddress import ip_network

    from sensor.errors import UsageError

    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise UsageError("not a network", place=f"--exclude {text}", hint="try 10.99.0.0/16") from None
    return list(texts)


def _line(interfaces: Sequence[str], source: LiveSource, summary: Summary) -> str:
    """The result of the whole capture, on one line."""
    text = f"{', '.join(interfaces)}: {many(source.packets, 'packet')} in {source.listened_s:.0f} s"
    text += f", {source.drops:,} dropped"
    text += f", {source.excluded:,} excluded" if source.excluded else ""
    text += f", {many(summary.sightings, 'sighting')}"
    return text + (f" of {many(len(summary.apps), 'service')}" if summary.apps else "")
