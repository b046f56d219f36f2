"""Records the cases: `python -m tests.lab.selfhosted [CASE …]`, as root on Linux.

    user (10.20.60.11, 203.0.113.77) ── veth ── host (10.20.60.101, .102 …)

Both ends of the cable lie in namespaces made here; the capture is taken at the user's end. Afterwards the
frames are moved to a Friday of the demo's last week, and tshark counts every connection: that is the truth in
expected.jsonl, and never what this project's own sensor says.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

import tests.lab.selfhosted as room
from tests.lab import network
from tests.lab.check import read_flows
from tests.lab.record import wait_for_file
from tests.lab.timeshift import Frame, read_frames, write_frames

ROOT = Path(__file__).parents[3]
USER, HOST = f"{network.PREFIX}-user", f"{network.PREFIX}-host"
USER_ADDRESS, STRANGER = "10.20.60.11", "203.0.113.77"
NOT_CASES = ("__main__", "small")
FIRST = datetime(2026, 11, 13, 12, tzinfo=UTC)
START_S = 90
ORIGIN = (
    "Recorded in this project's own lab (tests/lab/selfhosted): two network namespaces, the program named "
    "below as server, its own client at the other end. Addresses, keys and texts are made up; no other "
    "network is in it."
)


def main() -> int:
    """Record the cases asked for, or all."""
    options = _parse()
    names = sorted(m.name for m in pkgutil.iter_modules(room.__path__) if m.name not in NOT_CASES)
    for name in names:
        if not options.cases or name in options.cases:
            case = importlib.import_module(f"tests.lab.selfhosted.{name}")
            with tempfile.TemporaryDirectory(prefix="shadowlab-") as work, _cable(_address(case)):
                _record(case, name, Path(work), options)
            print(f"lab: {name}", file=sys.stderr, flush=True)
    return 0


def _address(case: ModuleType) -> str:
    """The server's, of this case only, so that all of them can lie in one lake."""
    return f"10.20.60.{case.PLACE}"


@contextmanager
def _cable(address: str) -> Iterator[None]:
    lock = network.take_lock()
    network.remove_leftovers()
    try:
        for name in (USER, HOST):
            network.run("ip", "netns", "add", name)
            network.ip(name, "link set lo up")
            network.run_in(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        network.connect(USER, "eth0", HOST, "eth0", mac="02:00:0a:14:3c:0b")
        _name_hosts(address)
        network.ip(USER, f"addr add {USER_ADDRESS}/24 dev eth0")
        network.ip(USER, f"addr add {STRANGER}/32 dev eth0")
        network.ip(HOST, f"addr add {address}/24 dev eth0")
        network.ip(HOST, f"route add default via {USER_ADDRESS}")  # to the other end, and no further
        yield
    finally:
        for name in (USER, HOST):
            network.remove_namespace(name)
        lock.close()


def _name_hosts(address: str) -> None:
    """What the two machines find in /etc/hosts."""
    for namespace in (USER, HOST):
        folder = network.NETNS_CONFIG / namespace
        folder.mkdir(parents=True, exist_ok=True)
        lines = ("127.0.0.1 localhost", f"{address} gpu1", f"{USER_ADDRESS} desk1")
        (folder / "hosts").write_text("".join(f"{line}\n" for line in lines))


def _record(case: ModuleType, name: str, work: Path, options: argparse.Namespace) -> None:
    address = _address(case)
    server = subprocess.Popen(_python(HOST, "gpu1", work, options, name, "serve", address))
    try:
        if case.PORT:
            _wait(case.PORT, server)
        raw = work / "raw.pcap"
        listen = ["tcpdump", "-i", "eth0", "-w", str(raw), "-s", "0", "-n", "--immediate-mode",
                  "--time-stamp-precision=nano", "-Z", "root", "tcp or udp"]  # fmt: skip
        tcpdump = subprocess.Popen(network.inside(USER, listen), stderr=subprocess.DEVNULL)
        wait_for_file(raw, tcpdump)
        outside = [STRANGER] if "outside" in case.use.__code__.co_varnames else []
        subprocess.run(
            _python(USER, "desk1", work, options, name, "use", address, *outside), check=True, timeout=120
        )
        time.sleep(1)
        tcpdump.terminate()
        tcpdump.wait()
    finally:
        network.remove_namespace(HOST)
        server.wait()
    _write(
        case,
        options.out / name.replace("_", "-"),
        raw,
        FIRST + timedelta(minutes=10 * (case.PLACE - 100)),
        options,
    )


def _python(
    namespace: str, host_name: str, work: Path, options: argparse.Namespace, *words: str
) -> list[str]:
    """The command that runs one side of a case, as on a machine of another name, without our settings."""
    home = work / host_name
    home.mkdir()
    link = Path("/tmp/shadowlab-python")
    link.unlink(missing_ok=True)
    link.symlink_to(options.lab_python.absolute().parents[1])
    code = "import importlib, sys; n, f, *a = sys.argv[1:]; getattr(importlib.import_module(n), f)(*a)"
    path = f"{link}/bin:{os.environ['PATH']}"
    settings = [f"PATH={path}", f"HOME={home}", f"PYTHONPATH={ROOT}", "LANG=C.UTF-8",
                "GRADIO_ANALYTICS_ENABLED=False", "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=1",
                "USER=lab", "LOGNAME=lab", "PYTHONDONTWRITEBYTECODE=1", "PYTHONSAFEPATH=1"]  # fmt: skip
    words = (f"tests.lab.selfhosted.{words[0]}", *words[1:])
    inner = ["env", "-i", "-C", str(home), *settings, f"{link}/bin/python", "-c", code, *words]
    shell = f'hostname {host_name} && exec "$@"'
    return [
        "nice",
        "-n",
        "10",
        "unshare",
        "--uts",
        "sh",
        "-c",
        shell,
        "sh",
        *network.inside(namespace, inner),
    ]


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server listens; nothing is sent to it."""
    for _ in range(START_S * 4):
        listing = subprocess.run(
            network.inside(HOST, ["ss", "-Hltn", f"sport = :{port}"]), capture_output=True, check=True
        )
        if listing.stdout.strip():
            time.sleep(2)
            return
        if server.poll() is not None:
            break
        time.sleep(0.25)
    raise RuntimeError(f"nothing listens on port {port}")


def _write(case: ModuleType, folder: Path, raw: Path, at: datetime, options: argparse.Namespace) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    frames = list(read_frames(raw))
    shift = int(at.timestamp() * 1e9) - frames[0].at_ns
    plain = folder / "capture.pcap"
    write_frames(plain, [Frame(frame.at_ns + shift, frame.data) for frame in frames], nanoseconds=False)
    rows = [_row(key, flow) for key, flow in read_flows(plain).items()]
    subprocess.run(["zstd", "-q", "-f", "-19", "--rm", str(plain), "-o", f"{plain}.zst"], check=True)
    (folder / "expected.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    description: dict[str, Any] = {
        "story": case.STORY,
        "origin": ORIGIN,
        "recorded_by": "tcpdump at the client's end of the cable",
        "time": "Moved by a constant to its simulated time; all gaps are as recorded.",
        "made": datetime.now(UTC).date().isoformat(),
        "licence": "Apache-2.0",
        "programs": _versions(options.lab_python, case.PACKAGES)
        | {name: _said(how) for name, how in getattr(case, "PROGRAMS", {}).items()},
        "files": ["capture.pcap.zst"],
        "expected": {
            "file": "expected.jsonl",
            "rows": len(rows),
            "from": "tshark: payload bytes and name per connection",
        },
        "recorder": f"tests/lab/selfhosted/{case.__name__.rpartition('.')[2]}.py",
        "tells": [{**row, "server": _address(case)} for row in case.TELLS],
        "findings": case.FINDINGS,
    }
    text = yaml.safe_dump(description, sort_keys=False, width=100, allow_unicode=True)
    (folder / "case.yml").write_text(text)


def _row(key: tuple[Any, ...], flow: Any) -> dict[str, Any]:
    host = min(flow.names, default=None)
    names = ("client", "client_port", "server", "server_port", "transport")
    started = datetime.fromtimestamp(flow.started, UTC).isoformat()
    return dict(zip(names, key, strict=True)) | {
        "host": host.rpartition(":")[0] or host if host else None,
        "bytes_up": flow.up, "bytes_down": flow.down, "started_at": started,
    }  # fmt: skip


def _versions(python: Path, packages: tuple[str, ...]) -> dict[str, str]:
    code = "import json, sys; from importlib.metadata import version as v\n"
    code += "print(json.dumps({p: v(p) for p in sys.argv[1:]}))"
    found = subprocess.run([str(python), "-c", code, *packages], capture_output=True, text=True, check=True)
    versions: dict[str, str] = json.loads(found.stdout)
    return versions


def _said(command: str) -> str:
    """The first version number that a program says it has."""
    said = subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout
    return re.findall(r"\d+(?:\.\d+)+", said)[0]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.selfhosted", description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of modules; none: all")
    parser.add_argument("--out", type=Path, default=ROOT / "pcaps", help="folder for the cases")
    parser.add_argument("--lab-python", type=Path, default=ROOT / ".venv-selfhosted/bin/python",
                        help="Python with tests/lab/selfhosted/requirements.txt installed")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
