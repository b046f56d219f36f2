"""`python -m tests.lab --out pcaps`: build the office, play the two weeks, write the cases."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.cases import write_cases
from tests.lab.check import check_cases
from tests.lab.clients import Desk
from tests.lab.network import Network
from tests.lab.people import all_people
from tests.lab.record import capture, play
from tests.lab.servers import Servers
from tests.lab.story import all_sessions

ROOT = Path(__file__).parents[2]
LAB_PYTHON = ROOT / ".venv-lab" / "bin" / "python"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
PROGRAMS_NEEDED = (
    "ip", "tc", "ethtool", "ss", "dnsmasq", "squid", "tcpdump", "tshark", "editcap", "zstd", "certutil",
    "openssl", "chromium", "node", "curl", "git", "getent",
)  # fmt: skip


def main() -> int:
    """Run the lab; 0 when all went well, 1 when a step or a check failed, 2 when it could not run."""
    options = parse()
    if options.lab_python == LAB_PYTHON and not LAB_PYTHON.exists():
        install_lab_programs()
    if missing := missing_parts(options.lab_python):
        print(f"lab: {missing}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    people = all_people()
    chosen = people if options.people is None else [*people[:: len(people) // options.people], *people[-4:]]
    chosen = sorted(set(chosen), key=people.index)
    work = Path(tempfile.mkdtemp(prefix="shadowlab-"))
    work.chmod(0o711)  # Squid drops root and must reach its own folder inside
    try:
        desk = Desk(work, options.lab_python)
        with Network([person.client for person in chosen]), Servers(work, options.lab_python, chosen):
            desk.prepare()
            with capture(work / "span.pcap"):
                played = play(all_sessions(chosen), desk)
        faults = [fault for item in played for fault in item.faults]
        for fault in faults:
            print(f"lab: {fault}", file=sys.stderr)
        write_cases(options.out, work, played, chosen)
        problems = check_cases(options.out)
        for problem in problems:
            print(f"lab: {problem}", file=sys.stderr)
        print(f"lab: {len(played)} sessions, {len(faults)} failed steps, {len(problems)} problems")
        return 1 if problems or faults else 0
    finally:
        if options.keep_work:
            print(f"lab: work folder kept: {work} (holds the private keys)", file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "pcaps", help="folder for the cases")
    parser.add_argument("--people", type=int, help="play about this many people only")
    parser.add_argument(
        "--lab-python", type=Path, default=LAB_PYTHON,
        help="Python with tests/lab/requirements.txt installed",
    )  # fmt: skip
    parser.add_argument("--keep-work", action="store_true", help="keep keys, logs and the raw capture")
    return parser.parse_args()


def install_lab_programs() -> None:
    """Make the lab's own environment: its SDKs and servers must not weigh on the product's lock."""
    print("lab: installing tests/lab/requirements.txt into .venv-lab", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(LAB_PYTHON.parents[1])], check=False)
    subprocess.run([str(LAB_PYTHON), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS)], check=False)


def missing_parts(lab_python: Path) -> str | None:
    """What keeps the lab from running, and what to do about it; None when nothing does."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    missing = [name for name in PROGRAMS_NEEDED if shutil.which(name) is None]
    if missing:
        return f"not installed: {' '.join(missing)}"
    imports = ["-c", "import aioquic, anthropic, hypercorn, openai"]
    if not lab_python.exists() or subprocess.run([str(lab_python), *imports], check=False).returncode:
        return f"{lab_python} lacks its packages; see the first lines of tests/lab/requirements.txt"
    return None


if __name__ == "__main__":
    sys.exit(main())
