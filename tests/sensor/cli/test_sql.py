"""`shadowai sql`: every format, the prompt on a real terminal, and what is logged."""

import _thread
import csv
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.lake import connect
from sensor.cli import prompt, query_results, start
from sensor.errors import QueryError
from tests.product import run_here

ROOT = Path(__file__).parents[3]
RUN = [sys.executable, "-c", "from sensor.cli.main import run; run()"]
PROMPT = re.compile(rb"shadowai> |      \.\.\. ")
#: Minutes of work for DuckDB.
ENDLESS = "SELECT SUM(HASH(i)) FROM range(100_000_000_000) AS r (i);"
QUERY = "SELECT app, people_peak, first_seen FROM apps ORDER BY app LIMIT 3"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake filled from one proxy log."""
    folder = tmp_path_factory.mktemp("sql")
    log = ROOT / "pcaps" / "proxy-w46" / "shadowai.log"
    assert run_here(folder, "scan", log, "--lake", folder / "lake", "--quiet").returncode == 0
    return folder / "lake"


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "TERM": "xterm"}


def _sql(lake: Path, *words: str, piped: str = "") -> subprocess.CompletedProcess[str]:
    return run_here(lake.parent, "sql", "--lake", lake, *words, stdin=piped)


def test_formats_say_the_same(lake: Path) -> None:
    table = list(csv.reader(io.StringIO(_sql(lake, "--format", "csv", QUERY).stdout)))
    objects = json.loads(_sql(lake, "--format", "json", QUERY).stdout)
    command = [*RUN, "sql", "--lake", str(lake), "--format", "parquet", QUERY]
    piped = subprocess.run(command, env=_environment(lake.parent), capture_output=True, check=True).stdout
    frame = pl.read_parquet(piped)
    printed = _sql(lake, QUERY).stdout
    apps = [row[0] for row in table[1:]]
    assert len(apps) == 3
    assert [o["app"] for o in objects] == apps == frame.get_column("app").to_list()
    assert all(app in printed for app in apps)
    assert objects[0]["first_seen"] == table[1][2]


def test_results_go_to_a_file(lake: Path, tmp_path: Path) -> None:
    for form in ("csv", "json", "parquet", "table"):
        done = _sql(lake, "--format", form, "--out", str(tmp_path / form), QUERY)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / form).stat().st_size > 20
    assert pl.read_parquet(tmp_path / "parquet").height == 3


def test_json_has_numbers_and_no_nan(lake: Path) -> None:
    done = _sql(lake, "--format", "json", "SELECT 1.5 AS a, 'nan'::DOUBLE AS b, [1, 2] AS c")
    assert json.loads(done.stdout) == [{"a": 1.5, "b": None, "c": [1, 2]}]


def test_columns_of_one_name_are_all_there(lake: Path) -> None:
    query = "SELECT 1 AS app, 2 AS app, 3 AS app_1, 4 AS app"
    done = _sql(lake, "--format", "json", query)
    assert json.loads(done.stdout) == [{"app": 1, "app_2": 2, "app_1": 3, "app_3": 4}]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("",), 6, "nothing to run"),
        (("/* only a comment */",), 6, "nothing to run"),
        (("-- only a comment",), 6, "nothing to run"),
        (("--as said\nSELECT 1; SELECT x",), 6, "x"),
        (
            ("SELECT subject FROM people",),
            6,
            "people is a restricted view; it is about single persons: ask with",
        ),
        (("SELECT 1 FROM usage_wekly",), 6, 'Did you mean "usage_weekly"?; `.tables` lists the views'),
        (("SELECT servce FROM apps",), 6, "; `.schema VIEW` lists the columns of one"),
        ((".schema usage_wekly",), 2, "no view 'usage_wekly'; did you mean usage_weekly?"),
        ((".schema people",), 2, "people is a restricted view; it is about single persons"),
        (("--format", "csv", "SELECT 1; SELECT 2"), 2, "2 statements"),
        (("--out", "both.txt", "SELECT 1; SELECT 2"), 2, "2 statements"),
        (("--format", "csv", "--out", "/nowhere/x", "SELECT 1"), 2, "/nowhere/x"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], code: int, says: str, lake: Path) -> None:
    done = _sql(lake, *words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_query_without_room_says_what_to_try() -> None:
    large = "SELECT list(i) FROM range(20_000_000) AS r (i)"
    with connect(memory="20MB") as connection, pytest.raises(QueryError) as raised:
        query_results.ask(connection, large)
    assert str(raised.value) == "it needs more memory than there is; ask for fewer columns or a shorter time"


def test_dot_commands_tell_views_and_meanings(lake: Path) -> None:
    assert "usage_weekly" in _sql(lake, ".tables").stdout
    assert "or more used AI services (machines: any)" in _sql(lake, ".tables").stdout
    schema = _sql(lake, ".schema apps").stdout
    assert "people_peak" in schema
    assert all(len(line.split()) > 3 for line in schema.strip().splitlines()[1:]), (
        "every column has a meaning"
    )


def test_a_script_may_come_through_a_pipe(lake: Path) -> None:
    """No prompt and no greeting in the answer; `--format` holds, and a last statement needs no semicolon."""
    assert _sql(lake, "--format", "csv", piped="-- n\nSELECT 1 AS a,\n  2 AS b").stdout == "a,b\n1,2\n"
    assert "usage_weekly" in _sql(lake, piped=".tables\n").stdout
    script = "-- views\n.tables\n\nSELECT\n 41 + 1 AS n;\n.schema apps\n.quit\nSELECT nope"
    both = _sql(lake, piped=script)
    assert both.returncode == 0, both.stderr
    assert all(word in both.stdout for word in ("usage_weekly", "42", "people_peak"))
    wrong = _sql(lake, piped="SELECT nope")
    assert (wrong.returncode, wrong.stdout) == (6, "")
    assert _sql(lake, piped="").returncode == 6


def _type(lake: Path, keys: list[str], *options: str) -> str:
    """What a terminal shows while `keys` are typed, each when a prompt waits for it.

    A Ctrl-C between the prompt's appearing and Python's waiting for input is noticed only with the next
    key (cpython's readline loop), so a person presses it again; so does this.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(RUN[0], [*RUN, "sql", "--lake", str(lake), *options], _environment(lake.parent))
    shown, seen, sent = b"", 0, b""
    ends = time.monotonic() + 60
    try:
        for key in keys:
            while not PROMPT.search(shown, seen):
                if select.select([terminal], [], [], 2)[0]:
                    shown += os.read(terminal, 65536)
                elif sent.endswith(b"\x03"):
                    os.write(terminal, b"\x03")
                assert time.monotonic() < ends, f"no prompt after {sent!r}: {shown[-500:]!r}"
            seen, sent = len(shown), key.encode()
            os.write(terminal, sent)
        while select.select([terminal], [], [], 30)[0]:
            shown += os.read(terminal, 65536)
        raise AssertionError(f"still there 30 s after {sent!r}: {shown[-500:]!r}")
    except OSError:  # the other side has gone
        pass
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return f"{shown.decode(errors='replace')}\n[{os.waitstatus_to_exitcode(status)}]"


def test_the_prompt_survives_mistakes_and_ctrl_c(lake: Path) -> None:
    keys = ["selekt;\n", "SELECT 4\x03", "-- c\n", ";\n", "SELECT 20 +\n", "22 AS answer;\n", ".quit\n"]
    shown = _type(lake, keys)
    assert "Parser Error" in shown
    assert "nothing to run" in shown
    assert "42" in shown
    assert shown.endswith("[0]")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "first"),
    [(200, "name   meaning"), (60, "name   meaning"), (30, "── row 1")],
    ids=["fits", "last column folded", "a column a line"],
)
def test_a_narrow_terminal_folds_the_last_column_first(
    columns: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    terminal = _Terminal()
    words = " ".join(f"word{n}" for n in range(10, 25))
    with duckdb.connect() as connection:
        query_results._write_table(
            query_results.ask(connection, f"SELECT 'uploads' AS name, '{words}' AS meaning"), terminal
        )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    lines = shown.splitlines()
    assert lines[0].split() == first.split()
    assert max(map(len, lines)) <= columns
    assert " ".join(shown.split()).endswith(words)


def test_every_restricted_statement_is_logged_and_what_it_gave_is_closed_to_others(
    lake: Path, tmp_path: Path
) -> None:
    _type(lake, ["SELECT count(*) FROM people;\n", ".quit\n"], "--restricted")
    out = tmp_path / "grades.parquet"
    _sql(lake, "--restricted", "SELECT max(grade) FROM sightings", "--format", "parquet", "--out", str(out))
    assert out.stat().st_mode & 0o007 == 0
    lines = (lake / "restricted" / "access.log").read_text(encoding="utf-8").splitlines()
    asked = " ".join(json.loads(line)["query"] for line in lines)
    assert "FROM people" in asked
    assert "FROM sightings" in asked


def test_k_and_zone_stay_as_the_lake_was_made(lake: Path, tmp_path: Path) -> None:
    for options, variables, code in (
        ([], {}, 0),
        ([], {"SHADOWAI_K": "9"}, 2),
        (["--change-terms"], {"SHADOWAI_K": "9"}, 0),
        ([], {}, 0),
    ):
        done = run_here(tmp_path, "compact", "--now", "--lake", lake, *options, **variables)
        assert done.returncode == code, done.stderr
    assert json.loads((lake / "manifest.json").read_text(encoding="utf-8"))["k"] == 9


def test_ctrl_c_stops_a_query_and_the_prompt_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """DuckDB makes a RuntimeError of one, and waits for its other threads, which go on until told."""
    asked: list[str] = []
    before = signal.signal(signal.SIGINT, start.interrupted)
    closed = connect()
    closed.close()  # one that was closed is known as long as somebody holds it
    try:
        with connect() as connection:
            for _ in range(5):
                threading.Timer(0.1, _thread.interrupt_main).start()
                prompt._answer(connection, ENDLESS, asked.append)
                assert capsys.readouterr().err == "stopped\n"
                prompt._answer(connection, "SELECT 41 + 1 AS answer;", asked.append)
                assert "42" in capsys.readouterr().out
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(asked) == 10
    about = "Required module 'uuid' failed to import, due to the following Python exception:"
    with pytest.raises(KeyboardInterrupt), query_results.explained():  # as for values
        raise duckdb.InvalidInputException(f"{about}\nTraceback …\nKeyboardInterrupt: ")
