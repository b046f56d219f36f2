"""Fixtures of the tests that listen to a cable between two network namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.network import connect, inside, remove_namespace, run, run_in
from tests.product import compiled_once
from tests.sensor.sources.packets.cable import (
    PROGRAM,
    SPLIT_HELLO,
    Cable,
    Running,
    Start,
    environment,
    scan,
    wait_for_listening,
)
from tests.sensor.sources.packets.plain import write_capture


@pytest.fixture(scope="module")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    state = tmp_path_factory.mktemp("state")
    compiled_once(state)
    names = [f"shadowlive{os.getpid()}{end}" for end in "ab"]
    try:
        for name in names:
            run("ip", "netns", "add", name)
            # No address, no neighbour discovery: nothing is on the cable but what a test sends.
            run_in(name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        for n in (0, 1):
            connect(names[0], f"tx{n}", names[1], f"rx{n}")
        yield Cable(names[0], names[1], state)
    finally:
        for name in names:
            remove_namespace(name)


@pytest.fixture
def capture(cable: Cable, tmp_path: Path) -> Iterator[Start]:
    """Starts `shadowai capture` in the sensor's namespace; ends what a failed test left running."""
    running: list[Running] = []

    def start(*words: str, before: tuple[str, ...] = (), program: str = PROGRAM) -> Running:
        lake, stderr = tmp_path / f"lake{len(running)}", tmp_path / f"stderr{len(running)}"
        words = (*before, sys.executable, "-c", program, "capture", *words, "--lake", str(lake))
        with stderr.open("w") as file:
            process = subprocess.Popen(
                inside(cable.sensor, [*words, "--state", str(cable.state)]),
                stdout=subprocess.PIPE, stderr=file, text=True, env=environment(tmp_path),
                cwd=tmp_path,
            )  # fmt: skip
        running.append(Running(process, lake, stderr))
        wait_for_listening(process, stderr)
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A capture of 6 MB, and how many packets it has."""
    path = tmp_path_factory.mktemp("traffic") / "office.pcap"
    return path, write_capture(path, 6_000_000)


@pytest.fixture(scope="module")
def scanned(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that `shadowai scan` makes of the recording."""
    return scan(SPLIT_HELLO, tmp_path_factory.mktemp("scanned"), cable.state)
