"""Coverage-guided fuzzing of parsers in plain Python: an input that reaches a new line becomes a seed.

Lines are watched with `sys.settrace`, only in the modules under test, so this is slow (some thousand
executions a second) but finds its way past length checks and nested frames.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from sensor.decode.capture import formats
from sensor.decode.http import http2
from sensor.decode.identity import dhcp, hostnames, kerberos, ntlm, radius, statement
from sensor.decode.quic import decryption, handshakes, initials
from sensor.decode.tls import certificate
from tests.fuzz import corpus
from tests.fuzz.mutate import mutants
from tests.fuzz.targets import Broken
from tests.sensor.decode.craft.quic import read

_BATCH = 200
_MOST_SEEDS = 400


def _datagrams(data: bytes) -> None:
    """What attempts make of a datagram that comes from both sides, and of its rest once more."""
    found = read([(0, data), (1, data), (0, data[1:])])
    assert len(found.hellos) + len(found.names) <= 2
    assert all(len(hello) <= initials.MAX_HELLO for hello in found.hellos)


def _file(data: bytes) -> None:
    """What a file is, from its first bytes."""
    when = formats.first_time(data)
    assert when is None or isinstance(when, int)


def _request(data: bytes) -> None:
    """The first request of a cleartext HTTP/2 connection."""
    request = http2.first_request(data)
    assert request is None or all(part is None or part for part in request)


def _flight(data: bytes) -> None:
    """The certificate in a server's handshake messages, and its name."""
    der = certificate.leaf(data)
    assert der is None or (der in data and certificate.name(der) != "")


def _identity(data: bytes) -> None:
    """What any message says about who holds an address, whatever protocol it is taken for."""
    names, address = dhcp.Names(), "10.1.0.7"
    told = dhcp.read(data, names) + dhcp.read6(data, names) + kerberos.read(data, address)
    told += ntlm.read(data, address) + ntlm.read_field(data, address) + radius.read(data)
    told += hostnames.read(data, address, "mdns") + hostnames.read_netbios(data, address)
    for one in told:
        assert all(text is None or text.isprintable() for text in (one.user_name, one.device, one.mac))


#: parser, modules watched, corpus it starts from
PARSERS: dict[str, tuple[Callable[[bytes], None], tuple[Any, ...], str]] = {
    "quic-datagram": (_datagrams, (handshakes, decryption), "datagram"),
    "first-time": (_file, (formats,), "container"),
    "http2": (_request, (http2,), "http2"),
    "identity": (_identity, (dhcp, hostnames, kerberos, ntlm, radius, statement), "identity"),
    "certificate": (_flight, (certificate,), "certificate"),
}


class Watched:
    """Which lines of some modules were reached."""

    def __init__(self, modules: tuple[Any, ...]) -> None:
        self._files = {module.__file__ for module in modules}
        self.lines: set[tuple[str, int]] = set()

    def call(self, function: Callable[[bytes], None], data: bytes) -> bool:
        """Call under watch; True if a new line was reached."""
        before = len(self.lines)
        sys.settrace(self._enter)
        try:
            function(data)
        finally:
            sys.settrace(None)
        return len(self.lines) > before

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def fuzz(name: str, executions: int, seed: int) -> tuple[int, int]:
    """Run a parser on mutants of a growing corpus; (lines reached, seeds kept). Raises Broken."""
    function, modules, start = PARSERS[name]
    seeds, watched = corpus.load(start), Watched(modules)
    chance = np.random.default_rng(seed)
    for data in seeds:
        watched.call(function, data)
    done = 0
    while done < executions:
        for data in mutants(seeds, min(_BATCH, executions - done), chance):
            done += 1
            try:
                new = watched.call(function, data)
            except Exception as error:
                raise Broken(f"{type(error).__name__}: {error}", data) from error
            if new and len(seeds) < _MOST_SEEDS:
                seeds.append(data)
    return len(watched.lines), len(seeds)
