"""Writes the committed cases: captures, proxy logs, Zeek-style logs, each with its truth and story."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.lab import truth, zeeklog
from tests.lab.check import read_rows
from tests.lab.people import Person, write_people_csv
from tests.lab.record import Played
from tests.lab.story import Run
from tests.lab.timeshift import Dealer, Frame, Timeline, read_frames, write_frames
from tests.lab.truth import Row

LICENCE = "Apache-2.0"
ORIGIN = (
    "Recorded in this project's own lab (tests/lab): real client programs in network namespaces talk to "
    "local servers that answer for these names under a private certificate authority. The clients' "
    "packets and handshakes are real; the servers, addresses and account names are ours. No traffic of "
    "any other person or network is in it."
)
SHIFTED = (
    "Played in compressed real time; afterwards every session was moved by a constant to its simulated "
    "time. Inside a session all gaps are as recorded."
)
STORIES = {
    "office-w45": "ISO week 2026-W45 at the head office, seen by a SPAN port on the switch's uplink, one "
    "file per day: three departments use ChatGPT, Claude, Gemini, Copilot, Otter and others among "
    "ordinary pages; editor plug-ins, SDK programs, git, pip and model downloads beside them.",
    "office-w46": "The week after (2026-W46): DeepSeek is new and gets files from Engineering, the Sider "
    "extension is new, Otter is gone, a model is uploaded to a hub, and the build host runs an agent "
    "loop against the Claude API on three nights.",
    "proxy-w45": "The branch office in 2026-W45, seen only by its explicit Squid proxy (basic "
    "authentication, SNI peeked at, nothing decrypted), in Squid's native format and in ours.",
    "proxy-w46": "The branch office in 2026-W46: DeepSeek is asked for and refused by the proxy.",
    "split-hello": "Chromium's ClientHello with a post-quantum key share fills two TCP segments; the "
    "name may lie in either.",
    "quic-two-datagram": "Chromium over HTTP/3: its ClientHello is spread over two QUIC Initial datagrams.",
    "dns-only": "Names looked up and never connected to: attention, not use.",
    "http-plain": "Cleartext HTTP: a page, and an OpenAI-shaped call to a company host.",
    "upload-3mb": "curl sends 3 MB to a chat service.",
    "zeek-hour": "The busiest hour of office-w46 as Zeek-format logs (TSV; conn and ssl also as JSON). "
    "Zeek itself could not be installed where this was made: tshark read the capture and "
    "tests/lab/zeeklog.py wrote the logs in Zeek's format. The same traffic is in office-w46: a reader "
    "that takes both must count it once.",
}
PLAIN_FILES = {"split-hello": "capture.pcap", "quic-two-datagram": "capture.pcapng"}  # not compressed
VERSION_COMMANDS = {
    "chromium": ("/usr/lib/chromium/chromium", "--version"), "curl": ("curl", "--version"),
    "node": ("node", "--version"), "git": ("git", "--version"), "tshark": ("tshark", "--version"),
    "tcpdump": ("tcpdump", "--version"), "squid": ("squid", "-v"), "dnsmasq": ("dnsmasq", "--version"),
    "kernel": ("uname", "-r"),
}  # fmt: skip
PINNED = ("hypercorn", "aioquic", "openai", "anthropic", "httpx")


@dataclass(frozen=True)
class CaseWriter:
    """Everything the cases are made from: where to write, and what one lab run left behind."""

    out: Path
    work: Path
    timeline: Timeline
    people: list[Person]
    versions: dict[str, str]

    def write_captures(self, server_rows: list[Row]) -> None:
        """Captures and their truth, one folder per case."""
        by_mac = {bytes.fromhex(p.client.mac.replace(":", "")): p for p in self.people}
        dealer = Dealer(self.timeline, by_mac)
        cases = dealer.deal(read_frames(self.work / "span.pcap"))
        addresses = truth.person_of_address(self.people)
        expected = truth.connections_by_case(server_rows, self.timeline, addresses)
        for case, frames in sorted(cases.items()):
            folder = self._folder(case)
            files = self._write_case_captures(folder, case, frames)
            rows = expected.get(case, [])
            if case == "dns-only":
                rows = self._lookups(case)
            self._finish(case, rows, files)
        print(f"lab: {dealer.left_out} frames belong to no session")

    def _write_case_captures(self, folder: Path, case: str, frames: list[Frame]) -> list[str]:
        if not case.startswith("office-"):
            plain = folder / "capture.pcap"
            write_frames(plain, frames, nanoseconds=False)
            return [self._pack(plain, PLAIN_FILES.get(case, "capture.pcap.zst"))]
        by_day: dict[date, list[Frame]] = defaultdict(list)
        for frame in frames:
            by_day[datetime.fromtimestamp(frame.at_ns / 1e9, UTC).date()].append(frame)
        files = []
        for day, of_day in sorted(by_day.items()):
            plain = folder / f"span-{day}.pcap"
            # One week in microseconds and one in nanoseconds: readers must take both.
            write_frames(plain, of_day, nanoseconds=case == "office-w46")
            files.append(self._pack(plain, f"{plain.name}.zst"))
        return files

    @staticmethod
    def _pack(plain: Path, name: str) -> str:
        """Turn a plain pcap into the file its case wants, by the ending of the name."""
        target = plain.with_name(name)
        if name.endswith(".zst"):
            subprocess.run(["zstd", "-q", "-f", "-19", "--rm", str(plain), "-o", str(target)], check=True)
        elif name.endswith(".pcapng"):
            subprocess.run(["editcap", "-F", "pcapng", str(plain), str(target)], check=True)
            plain.unlink()
        return name

    def _lookups(self, case: str) -> list[Row]:
        """What the resolver logged of the names that the case's clients were told to look up."""
        sessions = self.timeline.of_case(case)
        clients = {session.person.client.address for session in sessions}
        names = {step.arguments[-1] for s in sessions for step in s.steps if isinstance(step, Run)}
        rows = truth.lookups(self.work / "resolver.log", clients)
        return [row for row in rows if row["host"] in names]

    def write_proxy_logs(self, server_rows: list[Row]) -> None:
        """Squid's two logs at simulated time, split by week, and the origin servers' counts."""
        folder = self.work / "proxy"
        people = truth.person_of_address(self.people)
        rows = truth.proxy_rows(folder, server_rows)
        texts = {n: (folder / n).read_text().splitlines() for n in ("access.log", "shadowai.log")}
        lines: dict[str, list[tuple[float, str, str, Row]]] = defaultdict(list)
        for (started, row), native, own in zip(rows, texts["access.log"], texts["shadowai.log"], strict=True):
            person = people.get(row["client"])
            played = self.timeline.session_at(person, started) if person else None
            if played is not None:
                native, own = (shift_line(line, played.shift_s) for line in (native, own))
                lines[played.session.case].append((float(native.split()[0]), native, own, row))
        for case, found in sorted(lines.items()):
            found.sort(key=lambda item: item[0])
            target = self._folder(case)
            (target / "access.log").write_text("".join(f"{item[1]}\n" for item in found))
            (target / "shadowai.log").write_text("".join(f"{item[2]}\n" for item in found))
            self._finish(case, [item[3] for item in found], ["access.log", "shadowai.log"])

    def write_zeek_hour(self) -> None:
        """The busiest hour of the second week as Zeek-format logs."""
        expected = read_rows(self.out / "office-w46" / "expected.jsonl")
        hour = busiest_hour(expected)
        folder = self._folder("zeek-hour")
        source = self.out / "office-w46" / f"span-{hour.date()}.pcap.zst"
        files = zeeklog.write_hour(source, hour, folder, self.work)
        end = hour + timedelta(hours=1)
        rows = [row for row in expected if hour <= datetime.fromisoformat(row["started_at"]) < end]
        self._finish("zeek-hour", rows, files)

    def _folder(self, case: str) -> Path:
        folder = self.out / case
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _finish(self, case: str, rows: list[Row], files: list[str]) -> None:
        folder = self.out / case
        (folder / "expected.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        recorded_by = "Squid's own logs" if case.startswith("proxy-") else "tcpdump at a tc-mirred SPAN port"
        if case == "zeek-hour":
            recorded_by = "tshark 4 and tests/lab/zeeklog.py, from office-w46; not written by Zeek"
        description: dict[str, Any] = {
            "story": STORIES[case],
            "origin": ORIGIN,
            "recorded_by": recorded_by,
            "time": SHIFTED,
            "made": datetime.now(UTC).date().isoformat(),
            "licence": LICENCE,
            "programs": self.versions,
            "files": files,
            "expected": {"file": "expected.jsonl", "rows": len(rows), "from": EXPECTED_FROM[kind_of(case)]},
        }
        text = yaml.safe_dump(description, sort_keys=False, width=100, allow_unicode=True)
        (folder / "case.yml").write_text(text)


EXPECTED_FROM = {
    "capture": "counting relay before the servers: payload bytes per connection (QUIC: UDP payload), "
    "the name by the server's address",
    "lookups": "the resolver's query log: all record types together",
    "proxy": "one row per log line in the same order; bytes as the origin server counted them on the "
    "proxy's connection, null where the line has none (refused, or the first of Squid's two lines "
    "for an inspected CONNECT); action is unknown where the proxy only asked for a password (407) or failed",
}


def kind_of(case: str) -> str:
    """Which kind of truth a case has."""
    if case == "dns-only":
        return "lookups"
    return "proxy" if case.startswith("proxy-") else "capture"


def write_cases(out: Path, work: Path, played: list[Played], people: list[Person]) -> None:
    """Write all cases and the list of people from what a run left in the work folder."""
    out.mkdir(parents=True, exist_ok=True)
    writer = CaseWriter(out, work, Timeline(played), people, program_versions())
    server_rows = truth.read_server_log(work / "server-access.jsonl")
    writer.write_captures(server_rows)
    writer.write_proxy_logs(server_rows)
    writer.write_zeek_hour()
    write_people_csv(people, out / "people.csv")


def shift_line(line: str, shift_s: float) -> str:
    """A Squid log line with its first field, seconds and milliseconds, moved."""
    moment, rest = line.split(" ", 1)
    return f"{float(moment) + shift_s:.3f} {rest}"


def busiest_hour(rows: list[Row]) -> datetime:
    """The clock hour with TLS, QUIC and cleartext HTTP in it in which most connections began."""
    counts: dict[str, int] = defaultdict(int)
    kinds: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for row in rows:
        counts[row["started_at"][:13]] += 1
        kinds[row["started_at"][:13]].add((row["transport"], row["server_port"]))
    fullest = max(sorted(counts), key=lambda hour: (len(kinds[hour]), counts[hour]))
    return datetime.fromisoformat(f"{fullest}:00:00+00:00")


def program_versions() -> dict[str, str]:
    """What took part, from each program's own answer and the pinned list."""
    versions = {}
    for name, command in VERSION_COMMANDS.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        first = (done.stdout or done.stderr).strip().splitlines()[0]
        match = re.search(r"\d+(\.\d+)+", first)
        versions[name] = match.group() if match else first
    for line in (Path(__file__).parent / "requirements.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name.lower() in PINNED:
            versions[name.lower()] = version
    return versions
