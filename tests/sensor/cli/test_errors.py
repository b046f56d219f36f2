"""Bad input: one clear line, the right exit code, nothing half-written."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
import typer

from sensor.cli import main
from sensor.cli.options import analysing
from sensor.errors import LakeError
from sensor.store.lake import Lake
from tests.product import compiled_once, run_here

ROOT = Path(__file__).parents[3]
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb004300") + bytes(range(256)) * 8
LOG = ROOT / "pcaps" / "proxy-w46" / "shadowai.log"
FEW_LINES = "".join(LOG.read_text().splitlines(keepends=True)[:20])


def shadowai(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in `cwd`, with a home of its own."""
    return run_here(cwd, *words, **environment)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake from one proxy log."""
    folder = tmp_path_factory.mktemp("errors")
    done = shadowai("scan", LOG, "--lake", "lake", "--state", compiled_once(folder / "state"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("make", "code", "says"),
    [
        (lambda p: p.write_bytes(b""), 3, "empty file"),
        (lambda p: p.write_bytes(JPEG), 3, "looks like a JPEG image"),
        (lambda p: p.write_text("hello, world\n"), 3, "not a known kind of input"),
        (lambda p: None, 3, "no such file"),
        (lambda p: os.mkfifo(p), 3, "a named pipe"),
    ],
    ids=["empty", "jpeg", "text", "missing", "fifo"],
)
def test_unreadable_input_is_reported_in_one_line(make, code, says, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "input")
    done = shadowai("scan", "input", "--lake", "lake", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "lake").exists()


def test_a_bad_file_does_not_stop_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(JPEG)
    (tmp_path / "access.log").write_text(FEW_LINES)
    done = shadowai("scan", "photo", "access.log", "--lake", "lake", cwd=tmp_path)
    assert done.returncode == 3
    assert "JPEG" in done.stderr
    assert "sightings" in done.stdout


def test_lines_of_a_people_file_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    """Only doctor told them: a scan read the problems before it had read the files."""
    (tmp_path / "people.csv").write_text("address,user_name\n10.0.0.999,ada\n10.0.0.1,bob\n")
    (tmp_path / "access.log").write_text(
        "1790000000.123 900 10.0.0.1 TCP_MISS/200 4000 POST https://chatgpt.com/a - DIRECT/192.0.2.1 a/b\n"
    )
    state = compiled_once(tmp_path / "state")
    words = ("scan", "access.log", "--people", "people.csv", "--lake", "lake", "--state", state, "--quiet")
    done = shadowai(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "shadowai: people.csv:2: the address is none\n")


def test_a_folder_without_known_files_is_reported(tmp_path: Path) -> None:
    """It ended with exit code 3 and without a word."""
    (tmp_path / "logs").mkdir()
    for name in ("a.log", "b.log"):
        (tmp_path / "logs" / name).write_text(f"a log of a kind of its own, {name}\n")
    done = shadowai("scan", "logs", "--lake", "lake", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("shadowai: logs/a.log and 1 more are of no known kind, so not read; ")
    (tmp_path / "logs" / "b.log").write_text(FEW_LINES)
    done = shadowai("scan", "logs", "--lake", "lake", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nlogs/a.log is of no known kind, so not read; " in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    done = shadowai("scan", "shut", "--lake", "lake", cwd=tmp_path)
    assert done.returncode == 3
    assert "permission denied" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("scan", "--colour", "x"), "No such option"),
        (("scan",), "Missing argument"),
        (("nonsense",), "No such command"),
        (("report", "--week", "46"), "--week 2026-W46"),
        (("report", "--language", "de", "app", "ChatGPT"), "--language has no effect before `app`; write it"),
        (("report", "-o", "x", "send"), "--out has no effect before `send`"),
        (
            ("candidates", "--lake", "x", "dismiss", "a.example", "--reason", "r"),
            "--lake has no effect before `dismiss`",
        ),
        (("sources", "--config", "x", "try", "y"), "--config has no effect before `try`"),
    ],
)
def test_wrong_usage_exits_with_2(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "lake" / "sources").mkdir(parents=True)
    (tmp_path / "lake" / "manifest.json").write_text('{"format": 1}')
    done = shadowai(*words, cwd=tmp_path, SHADOWAI_LAKE=str(tmp_path / "lake"))
    assert done.returncode in (2, 5) if words[0] == "report" else done.returncode == 2
    assert "Traceback" not in done.stderr
    assert says in done.stderr or words[0] == "report"


def test_a_folder_cannot_be_followed(filled: Path, tmp_path: Path) -> None:
    """It was refused in a line, and the command went on for ever with nothing to read."""
    (tmp_path / "logs").mkdir()
    done = shadowai("follow", "logs", "--lake", filled / "lake", "--state", filled / "state", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "shadowai: logs: a folder; name its files, like 'logs/*.log'\n"


def test_a_wrong_setting_exits_with_2_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "shadowai.toml").write_text('zone = "Nowhere"\n')
    done = shadowai("doctor", cwd=tmp_path)
    assert done.returncode == 2
    assert "shadowai.toml:1: zone: " in done.stderr


def test_a_setting_of_an_unknown_kind_of_input_exits_with_2(tmp_path: Path) -> None:
    """The log's times were read as UTC."""
    (tmp_path / "shadowai.toml").write_text('[sources.fortigat]\ntimezone = "America/New_York"\n')
    done = shadowai("scan", "fw.log", "--lake", "lake", "--state", "state", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("toml: sources.fortigat: no format 'fortigat'; did you mean fortigate?\n")
    assert not (tmp_path / "lake").exists()


def test_a_missing_lake_exits_with_5_and_a_remedy(tmp_path: Path) -> None:
    done = shadowai("sql", "SELECT 1", "--lake", "nothing", cwd=tmp_path)
    assert done.returncode == 5
    assert done.stderr.strip() == "shadowai: nothing: no lake here yet; fill one with `shadowai scan PATH`"


def test_a_file_in_place_of_the_lake_exits_with_5(tmp_path: Path) -> None:
    """It was called a bug in shadowai."""
    log = tmp_path / "access.log"
    log.write_bytes(LOG.read_bytes())
    done = shadowai("scan", "access.log", "--lake", "access.log", cwd=tmp_path)
    assert done.returncode == 5
    assert done.stderr.strip() == "shadowai: access.log/manifest.json: not a directory; check the folder"


@pytest.mark.parametrize("number", [errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG])
def test_a_path_that_cannot_be_used_exits_with_2_and_is_named(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was called a bug in shadowai."""

    def refused() -> None:
        raise OSError(number, os.strerror(number), "shut/x.html")

    monkeypatch.setattr(main, "app", refused)
    assert main._run() == 2
    assert capsys.readouterr().err == (
        f"shadowai: shut/x.html: {os.strerror(number).lower()}; check the path, and who may use it\n"
    )


def test_a_report_has_the_format_its_name_asks_for(filled: Path) -> None:
    """`--out week.md` wrote week.html."""
    for name, written in (("a.md", "a.md"), ("a.JSON", "a.JSON"), ("a.csv", "a.csv.zip"), ("b.htm", "b.htm")):
        done = shadowai("report", "--lake", "lake", "--out", name, cwd=filled)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{written}\n", ""), name
    assert (filled / "a.md").read_text().startswith("# ")
    assert json.loads((filled / "a.JSON").read_text())["figures"]
    assert zipfile.is_zipfile(filled / "a.csv.zip")
    done = shadowai("report", "--lake", "lake", "--out", "week.doc", cwd=filled)
    assert (done.returncode, (filled / "week.doc").exists()) == (2, False)
    assert done.stderr.startswith(
        "shadowai: week.doc: no report ends in .doc; a report is one of html, pdf, "
    )


def test_a_broken_catalog_entry_exits_with_4_file_and_line(tmp_path: Path) -> None:
    folder = tmp_path / "ours" / "vendors" / "acme"
    folder.mkdir(parents=True)
    (folder / "vendor.yml").write_text("name: Acme\ncountry: DE\n")
    (folder / "bot.yml").write_text("name: Bot\ncolour: red\n")
    done = shadowai("scan", LOG, "--signatures", "ours", "--lake", "lake", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "bot.yml:2" in done.stderr
    assert not (tmp_path / "lake").exists()


def test_wrong_sql_exits_with_6(filled: Path) -> None:
    done = shadowai("sql", "SELEKT 1", "--lake", "lake", cwd=filled)
    assert done.returncode == 6
    assert "Parser Error" in done.stderr


@pytest.mark.parametrize("words", [("compact", "--now"), ("rematch", "--dry-run"), ("retain",)])
def test_a_damaged_file_of_the_lake_exits_with_5_and_is_named(
    words: tuple[str, ...], filled: Path, tmp_path: Path
) -> None:
    """As a failing disk or half a restore leaves one; it was "a bug in shadowai"."""
    shutil.copytree(filled / "lake", tmp_path / "lake")
    sightings = next((tmp_path / "lake" / "restricted" / "sightings" / "cold").rglob("*.parquet"))
    sightings.write_bytes(sightings.read_bytes()[:-8])
    done = shadowai(*words, "--lake", "lake", "--state", filled / "state", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    (told,) = done.stderr.splitlines()
    assert f"{sightings.relative_to(tmp_path)}: no whole Parquet file; restore it" in told


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("No space left on device", "no space left on device; make room"),
        ("Permission denied", "permission denied; check the folder's owner"),
    ],
)
def test_an_error_of_the_system_names_the_file(reason: str, told: str, tmp_path: Path) -> None:
    said = f'IO Error: Cannot open file "{tmp_path}/state/views/v.duckdb": {reason}'
    with pytest.raises(LakeError, match=f"state/views/v.duckdb: {told}"), analysing(Lake(tmp_path / "lake")):
        raise duckdb.IOException(said)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("sql",), 6, "nothing to run"),
        (("erase", "ada", "--reason", "a test"), 2, "not confirmed, nothing was deleted; add --yes"),
    ],
)
def test_closed_standard_input_counts_as_no_terminal(
    words: tuple[str, ...], code: int, says: str, filled: Path
) -> None:
    """As services start commands; Python then has no `sys.stdin` at all."""
    command = [sys.executable, "-c", "from sensor.cli.main import run; run()", *words]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command],
        env={
            **{"PATH": os.environ["PATH"], "HOME": str(filled), "PYTHONPATH": str(ROOT)},
            **{"SHADOWAI_LAKE": str(filled / "lake"), "SHADOWAI_STATE": str(filled / "state")},
        },
        cwd=filled, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert says in done.stderr


def printed_to(output: int, *words: str, home: Path) -> tuple[int, str]:
    """Exit code and standard error of a command that prints to this file descriptor."""
    command = [sys.executable, "-c", "from sensor.cli.main import run; run()", *words]
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    variables |= {"SHADOWAI_LAKE": str(home / "lake"), "SHADOWAI_STATE": str(home / "state")}
    done = subprocess.run(
        command, env=variables, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(output)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [("sources",), ("sql", "FROM apps"), ("--help",)])
def test_a_reader_who_leaves_is_no_error(words: tuple[str, ...], filled: Path) -> None:
    """`shadowai sources | head -1` ended with 1, the exit code of our bugs."""
    reader, writer = os.pipe()
    os.close(reader)
    assert printed_to(writer, *words, home=filled) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ("sources",),
        ("sql", "FROM apps"),
        ("sql", "--format", "csv", "FROM apps"),
        ("report", "--out", "-"),
        ("--help",),
    ],
)
def test_standard_output_without_room_is_said_so(words: tuple[str, ...], filled: Path) -> None:
    """It was reported as a bug, or as an error of a file called None."""
    code, said = printed_to(os.open("/dev/full", os.O_WRONLY), *words, home=filled)
    assert code == 2, said
    assert said.lower().startswith("shadowai: standard output: no space left on device; ")
    assert len(said.splitlines()) == 1


def test_ctrl_c_while_libraries_are_imported_ends_it_in_one_line(filled: Path) -> None:
    """It was a traceback, or "a bug in shadowai"; or a library swallowed it, and the command went on."""
    (filled / "typer.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept BaseException:\n    pass\n"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{filled}:{ROOT}"}
    arguments = [sys.executable, "-c", "from sensor.cli.start import run; run()", "--help"]
    done = subprocess.run(arguments, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.startswith("shadowai: stopped; ") and len(done.stderr.splitlines()) == 1


def test_help_shows_placeholders_instead_of_python_types() -> None:
    """`--until <%Y-%m-%d>` and `--days <int range>` stood in the help."""
    told = {}
    for name in main.COMMANDS:
        command = typer.main.get_group(main.app).commands[name]
        for path, one in [
            (name, command),
            *((f"{name} {n}", c) for n, c in getattr(command, "commands", {}).items()),
        ]:
            with one.make_context(path, [], resilient_parsing=True) as context:
                told[path] = one.get_help(context)
    foreign = re.compile(r"--[a-z-]+ <(?!table|json|md|accept)[^>]*>")
    assert {path: found for path, text in told.items() if (found := foreign.findall(text))} == {}


def test_help_is_quick_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, typer; from sensor.cli import main; "
        "assert len(dict(typer.main.get_group(main.app).commands)) == len(main.COMMANDS); "
        "heavy = {'polars', 'duckdb', 'numba', 'rich', 'tldextract', 'yaml', 'cryptography'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    began = time.perf_counter()
    assert shadowai("--help", cwd=tmp_path).returncode == 0
    # a generous bound on a busy machine; the figure is measured in tests/bench
    assert time.perf_counter() - began < 5
    assert shadowai("--version", cwd=tmp_path).stdout == f"shadowai {version('shadow-ai-sensor')}\n"


@pytest.mark.root
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="mounting a small disk needs root"
)
@pytest.mark.parametrize("size", ["200k", "400k", "600k"])
def test_a_full_disk_exits_with_5_and_leaves_no_partial_file(size: str, tmp_path: Path) -> None:
    """A disk that is full at the first segment, at a later one, or while views are built."""
    disk = tmp_path / "disk"
    disk.mkdir()
    compiled_once(tmp_path / "state")
    script = (
        f"mount -t tmpfs -o size={size} none {disk} || exit 99\n"
        f"{sys.executable} -c 'from sensor.cli.main import run; run()' "
        f"scan {LOG} --lake {disk}/lake --state {tmp_path}/state\n"
        f"echo code $? >&2; find {disk} -name '*.tmp*' -o -name '.*.part' >&2\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode == 99:
        pytest.skip("this machine does not let root mount")
    assert "Traceback" not in done.stderr
    *said, code = done.stderr.strip().splitlines()
    assert code == "code 5", done.stderr
    assert len(said) == 1
    assert "no space left on device" in said[0].lower()


def test_no_other_account_can_write_the_lake_whatever_the_umask() -> None:
    code = "import os\nfrom sensor.cli.main import run\ntry: run()\nexcept SystemExit: print(os.umask(0))"
    command = [sys.executable, "-c", code, "--help"]
    for mask, ours in ((0, 0o022), (0o077, 0o077)):
        done = subprocess.run(command, umask=mask, cwd=ROOT, capture_output=True, text=True, check=True)
        assert int(done.stdout.split()[-1]) == ours


def test_a_terminal_without_utf_8_shows_what_it_can(filled: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from sensor.cli.main import run; run()"]
    words = [
        "sql",
        "--lake",
        str(filled / "lake"),
        "--format",
        "csv",
        "SELECT '◑ é 3\N{NARROW NO-BREAK SPACE}kB' AS said",
    ]
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*program, *words], cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[1].strip(b'"') == "? é 3 kB".encode("latin-1")


def test_a_permission_error_without_a_path_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(main, "app", refused)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(
        "shadowai: this is a bug in shadowai (PermissionError); details in "
    )


def test_a_full_disk_exits_with_5_whoever_notices_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device", "state/keys/rotations.json")

    monkeypatch.setattr(main, "app", full)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 5
    said = "shadowai: state/keys/rotations.json: no space left on device; free space or inodes there\n"
    assert capsys.readouterr().err == said


def test_windows_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was "a bug in shadowai (ModuleNotFoundError)"."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 2
    assert capsys.readouterr().err == ("shadowai: needs Linux or macOS; on Windows, install it inside WSL\n")
