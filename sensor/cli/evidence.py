"""`shadowai evidence`: writes the packets that `capture --evidence` kept to a pcap, and logs that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, existing_lake, say, settings_from


def command(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The pcap to write.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is read; logged.")] = "",
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the evidence that has not expired to a pcap.

    Evidence is SYN and hello packets of matched connections. The audit log first records who reads it, when
    and why.
    """
    from datetime import UTC, datetime

    from sensor.decode.kernels import jit
    from sensor.errors import InputError
    from sensor.privacy.audit import AuditLog
    from sensor.privacy.keys import Keys
    from sensor.settings import state_path

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    folder = state_path(settings)
    jit.use(folder / "kernels")  # before the first import of a module with kernels
    from sensor.evidence import read

    keys = Keys(folder, settings.zone)
    done = read(place.path, keys, AuditLog(folder), to, now=datetime.now(UTC), reason=reason)
    if not done.packets:
        raise InputError("; ".join(done.problems) or "no evidence here", place=str(place.path))
    typer.echo(f"{to}: {done.packets:,} packets")
    for problem in done.problems:
        say(problem)
    if done.problems:
        raise typer.Exit(3)
