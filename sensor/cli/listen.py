"""`shadowai listen`: syslog from the network into the lake, until stopped."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.follow import ready
from sensor.cli.interrupt import Ended, stopped_by_signals
from sensor.cli.options import (
    ConfigOption,
    CustomOption,
    LakeOption,
    SensorOption,
    SignaturesOption,
    SiteOption,
    StateOption,
    add_formats,
    check_kinds,
    installation_of,
    say,
    settings_from,
)
from sensor.errors import InputError, UsageError, reason_of

if TYPE_CHECKING:
    from sensor.sources.inputs.receive import Endpoint, Tls

_PORTS = {"udp": 5514, "tcp": 5514, "tls": 6514}
_ENDPOINT = re.compile(r"^(udp|tcp|tls)(?:://(\[[0-9a-fA-F:.]+\]|[^:/\[\]]+)?(?::(\d{1,5}))?)?$")


def command(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ENDPOINT]...", help="udp, tcp or tls, with address and port: udp://0.0.0.0:514.",
            show_default="udp://127.0.0.1:5514 tcp://127.0.0.1:5514",
        ),
    ] = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
    sensor: SensorOption = None,
    site: SiteOption = None,
    custom: CustomOption = None,
    certificate: Annotated[Path | None, typer.Option(metavar="PEM", help="For tls: our certificate.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="PEM", help="Its key, if in a file of its own.")] = None,
    clients: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Only senders with a certificate of these authorities.")
    ] = None,
) -> None:  # fmt: skip
    """Take syslog over UDP, TCP and TLS until stopped.

    Each line is read as its own kind. Listens on this machine alone unless an address is given. TCP
    senders are slowed down when the lake cannot keep up; lost datagrams are reported, and counted in
    `rejects`. A renewed certificate is used within 30 s, or at once on SIGHUP. Does not compact: let a
    timer run `shadowai compact` every hour.
    """
    import asyncio  # it takes a quarter of the import time of all commands

    from sensor.cli.scan_outcome import line
    from sensor.ingest.listen import Listener
    from sensor.sources.inputs.receive import Receiver

    chosen = settings_from(config, lake=lake, state=state, signatures=signatures)
    add_formats(chosen, custom)
    check_kinds(chosen)
    places = [endpoint(text) for text in endpoints or ("udp", "tcp")]
    installation = installation_of(chosen, sensor, site)
    ready(installation.lake, chosen)
    receiver = Receiver(places, _tls(places, certificate, key, clients))
    name = " ".join(["listen", *([sensor] if sensor else []), *map(str, places)])
    listener = Listener(installation, receiver, name, say)
    try:
        with stopped_by_signals(listener.stop, listener.reload) as signals:
            asyncio.run(listener.run())
    except OSError as error:
        reason = reason_of(error)
        closed = isinstance(error, PermissionError)
        hint = "ports below 1024 need a privilege" if closed else "name a free port of this machine"
        raise InputError(reason, place=", ".join(map(str, places)), hint=hint) from None
    if listener.summary is not None:
        typer.echo(f"{receiver.messages:,} messages\n{line(listener.summary)}")
    if signal.SIGINT in signals:
        raise Ended


def endpoint(text: str) -> Endpoint:
    """`udp`, `tcp://10.0.0.1`, `tls://[::1]:6514` as an endpoint. Raises UsageError."""
    from sensor.sources.inputs.receive import Endpoint

    found = _ENDPOINT.match(text)
    port = int(found[3]) if found and found[3] else None
    if found is None or (port is not None and port > 65535):
        raise UsageError("not an endpoint", place=text, hint="try udp://127.0.0.1:5514")
    return Endpoint(
        found[1], (found[2] or "127.0.0.1").strip("[]"), _PORTS[found[1]] if port is None else port
    )


def _tls(
    places: list[Endpoint], certificate: Path | None, key: Path | None, clients: Path | None
) -> Tls | None:
    """The TLS settings for `places`; None if none of them uses TLS. Raises UsageError, also for options that
    would protect nothing."""
    from sensor.sources.inputs.receive import Tls

    if not any(place.transport == "tls" for place in places):
        given = {"--certificate": certificate, "--key": key, "--clients": clients}
        if option := next((name for name, path in given.items() if path is not None), None):
            raise UsageError("no endpoint uses TLS", place=option, hint="listen on tls, or leave it out")
        return None
    if certificate is None:
        raise UsageError("tls needs a certificate", place="--certificate", hint="name a PEM file")
    return Tls(certificate, key, clients)
