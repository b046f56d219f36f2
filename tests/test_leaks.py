"""What was planted in traffic, logs and files about people is looked for in everything the product writes.

Each level is scanned, compacted, reported, queried, exported and broken on purpose, with HOME and TMPDIR
inside one folder; then every byte written there, Parquet decoded, and every line printed is searched.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor.schema import LEVELS, Level
from tests.product import compiled_once
from tests.sensor.decode.craft import ACK, Frame, dns, ethernet, ip, pcap, tcp, udp

ROOT = Path(__file__).parents[1]
START = datetime(2026, 11, 10, 9, tzinfo=UTC)

#: says something that is stored at no level
SECRETS = (
    "sk-plantedapikey0123456789", "planted-session-cookie", "cGxhbnRlZDpiYXNpYw", "planted-query-value",
    "planted-body-text", "plantedpassword", "planted.mail@planted.example", "planted-referrer-path",
    "/planted/private/path",
)  # fmt: skip
#: says who it was: only at level clear
PEOPLE = [f"plantedperson{n}" for n in range(12)]
ADDRESSES = [f"10.77.3.{n + 10}" for n in range(12)]
DEVICES = [f"planted-laptop-{n}" for n in range(12)]
INSIDE = ("planted-wiki.corp.example", "10.77.9.9", "planted-single-label")
MACS = [f"02:50:4c:41:4e:{n:02x}" for n in range(12)]
WHO = (*PEOPLE, *ADDRESSES, *DEVICES, *INSIDE, *MACS)
TOKEN = re.compile(r"\b[uadmh]\d{3,4}-[a-z2-7]{16}\b")


def _squid(folder: Path) -> None:
    lines = []
    for day in range(2):
        for n, person in enumerate(PEOPLE):
            at = (START + timedelta(days=day, minutes=n)).timestamp()
            url = f"https://{SECRETS[5]}:{SECRETS[5]}@chatgpt.com/planted/private/path?key={SECRETS[0]}&q={SECRETS[3]}"
            lines.append(
                f"{at:.3f}    900 {ADDRESSES[n]} {person} POST {url} 200 TCP_MISS:HIER_DIRECT 90000 4000 "
                f'chatgpt.com "curl/8.5.0 ({SECRETS[6]})"\n'
            )
        lines.append(f"{person} {SECRETS[0]} {ADDRESSES[0]} this line is broken\n")
        lines.append(
            f"{at + 60:.3f}  900 {ADDRESSES[0]} {PEOPLE[0]} GET https://{INSIDE[0]}/planted/private/path "
            f'200 TCP_MISS:HIER_DIRECT 90 40 {INSIDE[0]} "curl/8.5.0"\n'
        )
    (folder / "access.log").write_text("".join(lines))


def _zeek(folder: Path) -> None:
    rows = []
    for n, address in enumerate(ADDRESSES):
        rows.append({
            "ts": (START + timedelta(hours=2, minutes=n)).timestamp(), "uid": f"C{n}", "id.orig_h": address,
            "id.orig_p": 50000 + n, "id.resp_h": INSIDE[1] if n == 3 else "203.0.113.9", "id.resp_p": 80,
            "trans_depth": 1, "method": "POST", "host": "api.openai.com" if n % 2 else INSIDE[0],
            "uri": f"/v1/chat/completions?api_key={SECRETS[0]}&x={SECRETS[3]}", "version": "1.1",
            "referrer": f"http://{INSIDE[0]}/{SECRETS[7]}", "user_agent": f"py ({SECRETS[6]} {DEVICES[n]})",
            "request_body_len": 5000, "response_body_len": 100, "status_code": 200,
            "username": PEOPLE[n], "password": SECRETS[5], "cookie": SECRETS[1],
        })  # fmt: skip
    rows.append({"ts": "planted-query-value", "uid": "x", "id.orig_h": ADDRESSES[1], "host": INSIDE[2]})
    (folder / "http.log").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _capture(folder: Path) -> None:
    frames = []
    for n, address in enumerate(ADDRESSES):
        at = (START + timedelta(hours=4, minutes=n)).timestamp()
        head = (
            f"POST /v1/chat/completions?key={SECRETS[0]}&q={SECRETS[3]} HTTP/1.1\r\nHost: api.openai.com\r\n"
            f"Cookie: sid={SECRETS[1]}\r\nAuthorization: Basic {SECRETS[2]}\r\nReferer: http://{INSIDE[0]}/"
            f"{SECRETS[7]}\r\nUser-Agent: planted/1 ({SECRETS[6]})\r\nContent-Length: 17\r\n\r\n{SECRETS[4]}"
        ).encode()
        port, there = 40000 + n, "203.0.113.9"
        packets = [
            ip(address, "10.77.0.53", 17, udp(port, 53, dns.message(dns.name("api.openai.com")))),
            ip(address, "10.77.0.53", 17, udp(port, 53, dns.message(dns.name(INSIDE[0])))),
            ip(address, "224.0.0.251", 17, udp(5353, 5353, dns.message(dns.name(f"{DEVICES[n]}.local")))),
            ip(address, there, 6, tcp(port, 80, 1, flags=2)),
            ip(there, address, 6, tcp(80, port, 1, 2, flags=18)),
            ip(address, there, 6, tcp(port, 80, 2, 2, ACK, head)),
            ip(
                there,
                address,
                6,
                tcp(80, port, 2, 2 + len(head), ACK, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 90),
            ),
        ]
        frames += [Frame(ethernet(packet), at + i / 1000) for i, packet in enumerate(packets)]
    (folder / "capture.pcap").write_bytes(pcap(frames))


@dataclass
class Written:
    """Everything a level's run left behind: file or stream → text."""

    level: Level
    texts: dict[str, str]
    folder: Path

    def holding(self, words: tuple[str, ...]) -> set[tuple[str, str]]:
        """(where, what) of every planted word found."""
        return {(place, word) for place, text in self.texts.items() for word in words if word in text}


def _run(folder: Path, level: Level, *words: object) -> str:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": str(ROOT), "SHADOWAI_PRIVACY": level,
    }  # fmt: skip
    command = [sys.executable, "-c", "from sensor.cli.main import run; run()", *map(str, words)]
    places = ["--lake", str(folder / "lake"), "--config", str(folder / "input" / "shadowai.toml")]
    done = subprocess.run(
        [*command, *places], env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stdout + done.stderr


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if name.startswith(("input/", "state/kernels", "state/catalog")):
            continue
        yield name, path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            yield f"{name} (rows)", str(pl.read_parquet(path, hive_partitioning=False).rows())


@pytest.fixture(scope="module", params=LEVELS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A whole life at one level."""
    level: Level = request.param
    folder = tmp_path_factory.mktemp(level)
    source = folder / "input"
    for name in ("input", "home", "tmp", "out", "state"):
        (folder / name).mkdir()
    (compiled_once(folder / "state") / "views").unlink()  # what is kept of views is searched, too
    for make in (_squid, _zeek, _capture):
        make(source)
    people = ["address,user_name,device,department,site,mac"]
    people += [
        f"{a},{p},{d},Sales,main,{m}" for a, p, d, m in zip(ADDRESSES, PEOPLE, DEVICES, MACS, strict=True)
    ]
    (source / "people.csv").write_text("\n".join(people) + "\n")
    (source / "shadowai.toml").write_text(
        'state = "../state"\nnames_by_client = true\n'
        '[identity]\npeople = "people.csv"\n[networks]\nzones = ["corp.example"]\n'
    )
    said = {
        "scan": _run(folder, level, "scan", *(source / n for n in ("access.log", "http.log", "capture.pcap")))
    }
    said["report"] = _run(folder, level, "report", "-o", folder / "out" / "weekly.html")
    # What other views show stands in the files of the lake, all of which are searched.
    said["usage_weekly"] = _run(folder, level, "sql", "--format", "csv", "FROM usage_weekly")
    out = folder / "out" / "sightings.parquet"
    _run(folder, level, "sql", "--restricted", "--format", "parquet", "-o", out, "FROM sightings")
    said["sheet"] = _run(folder, level, "privacy-sheet", "--format", "html")
    said["crash"] = _crash(folder)
    return Written(level, dict(_texts(folder)) | {f"output of {k}": v for k, v in said.items()}, folder)


def _crash(folder: Path) -> str:
    """A bug whose message quotes data; the data is no part of the program, which a traceback may quote."""
    code = (
        "import sys\nfrom sensor.cli import main\ndata = sys.argv.pop()\n"
        "def broken(): raise RuntimeError(f'no row for {data}')\n"
        "main.app = broken\nmain.run()\n"
    )
    data = f"{PEOPLE[0]} {ADDRESSES[0]} {SECRETS[0]}"
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, data], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "bug in shadowai (RuntimeError)" in done.stderr
    assert list((folder / "tmp").glob("shadowai-*.txt"))
    return done.stderr


def test_all_inputs_of_the_leak_test_were_read(written: Written) -> None:
    """Without sightings of all three inputs nothing would be proven."""
    assert re.search(r"access\.log: squid, 28 records, 24 sightings", written.texts["output of scan"])
    assert re.search(r"http\.log: zeek, 13 records, 12 sightings", written.texts["output of scan"])
    assert re.search(r"capture\.pcap: pcap, 84 packets, 24 sightings", written.texts["output of scan"])
    usage = written.texts["output of usage_weekly"]
    assert "openai/chatgpt" in usage and ",12,False," in usage


def test_secrets_are_written_at_no_level(written: Written) -> None:
    assert written.holding(SECRETS) == set()


def test_who_it_was_is_written_at_level_clear_only(written: Written) -> None:
    found = written.holding(WHO)
    if written.level == "clear":
        assert {word for _, word in found} >= {*PEOPLE, *ADDRESSES, *DEVICES, INSIDE[0]}
        assert "names stored in clear" in written.texts["out/weekly.html"]
        assert 'privacy = "clear"' in written.texts["output of scan"]
        return
    assert found == set()


def test_published_files_and_reports_name_nobody_at_any_level(written: Written) -> None:
    public = {place for place, _ in written.holding((*PEOPLE, *ADDRESSES, *DEVICES, *MACS))}
    allowed = ("lake/restricted/", "lake/restricted.duckdb", "out/", "state/")
    assert {p for p in public if not p.startswith(allowed)} == set()
    assert "out/weekly.html" not in public


def test_aggregate_stores_no_row_about_a_person_and_no_token(written: Written) -> None:
    """Elsewhere rows and tokens are there, so the test can find them."""
    tables = ("sightings", "leases", "directory", "names")
    heights = [
        pl.read_parquet(path, hive_partitioning=False).height
        for table in tables
        for path in (written.folder / "lake" / "restricted" / table).rglob("*.parquet")
    ]
    marts = list((written.folder / "lake" / "restricted" / "marts").rglob("*.parquet"))
    tokens = {place for place, text in written.texts.items() if TOKEN.search(text)}
    if written.level == "aggregate":
        assert sum(heights) == 0 and not marts and tokens == set()
        assert list((written.folder / "state" / "sealed").rglob("*.sealed"))
    else:
        assert sum(heights) > 0 and marts
        assert bool(tokens) == (written.level == "pseudonymous")


def test_community_id_is_written_at_level_clear_only(written: Written) -> None:
    found = [place for place, text in written.texts.items() if re.search(r"'1:[A-Za-z0-9+/]{27}='", text)]
    assert bool(found) == (written.level == "clear")


def test_levels_publish_the_same_figures(written: Written, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Aggregate counts what pseudonymous counts."""
    kept = tmp_path_factory.getbasetemp() / "usage_weekly.csv"
    usage = written.texts["output of usage_weekly"]
    if kept.exists():
        assert usage == kept.read_text()
    kept.write_text(usage)
