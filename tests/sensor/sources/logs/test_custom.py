"""Log formats written down in TOML: read like any other, and mistakes said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from sensor.errors import UsageError
from sensor.settings import Settings
from sensor.sources.inputs.open import find
from sensor.sources.logs import custom, known_formats
from sensor.sources.trial import look
from tests.sensor.sources.logs.formats.reading import rows

HEAD = 'name = "mine"\nkind = "proxy"\ntimezone = "Europe/Berlin"\n'
FIELDS = '[fields]\ntime = "date+clock"\nclient = "src"\nurl = "site"\nbytes_up = "out"\naction = "verdict"\n'
ACTIONS = '[actions]\nGO = "allowed"\nNO = "blocked"\n'
WANTED = [
    (datetime(2026, 10, 6, 8, 0, tzinfo=UTC), "10.1.2.3", "claude.ai", "/chat", 100, "allowed"),
    (datetime(2026, 10, 6, 8, 1, tzinfo=UTC), "10.1.2.4", "x.ai", None, None, "blocked"),
]


@pytest.fixture
def described(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "mine.toml"
    if any(log_format.name == "mine" for log_format in known_formats.all_formats()):
        known_formats.remove("mine")


def layout(text: str) -> str:
    return f"[layout]\n{text}\n"


@pytest.mark.parametrize(
    ("how", "lines"),
    [
        (
            'delimiter = ";"\ncolumns = ["date", "clock", "src", "", "site", "out", "verdict"]',
            ["06.10.2026;10:00:00;10.1.2.3;x;https://claude.ai/chat?q=1;100;GO", "06.10.2026;10:01:00;10.1.2.4;x;x.ai:443;-;NO"],
        ),
        (
            'delimiter = ","\nheader = true',
            ["SRC,Date,Clock,Site,Out,Verdict,More", '10.1.2.3,2026-10-06,10:00:00,"https://claude.ai/chat",100,GO', "10.1.2.4,2026-10-06,10:01:00,x.ai:443,,NO,1"],
        ),
        (
            r"""pattern = '^(?P<date>\S+) (?P<clock>\S+) (?P<src>\S+) -> (?P<site>\S+) (?P<out>\S+) (?P<verdict>\w+)$'""",
            ["2026/10/06 10:00:00 10.1.2.3 -> https://claude.ai/chat 100 GO", "2026/10/06 10:01:00 10.1.2.4 -> x.ai:443 - NO"],
        ),
        (
            'keyvalue = " "',
            ['date=2026-10-06 clock=10:00:00 src=10.1.2.3 site="https://claude.ai/chat" out=100 verdict=GO', "date=2026-10-06 clock=10:01:00 src=10.1.2.4 site=x.ai:443 verdict=NO"],
        ),
        (
            "json = true",
            ['{"date":"2026-10-06","clock":"10:00:00","src":"10.1.2.3","site":"https://claude.ai/chat","out":100,"verdict":"GO"}', '{"date":"2026-10-06","clock":"10:01:00","src":"10.1.2.4","site":"x.ai:443","verdict":"NO"}'],
        ),
    ],
    ids=["delimiter", "header", "pattern", "keyvalue", "json"],
)  # fmt: skip
def test_every_layout(described: Path, how: str, lines: list[str]) -> None:
    described.write_text(HEAD + layout(how) + FIELDS + ACTIONS)
    known_formats.add(custom.read(described))
    found = rows("\n".join(lines) + "\n").filter(pl.col("reason").is_null())
    assert found["log_format"].unique().to_list() == ["mine"]
    assert found.select("seen_at", "client", "host", "path", "bytes_up", "action").rows() == WANTED


def test_a_time_format_of_one_s_own_and_constants(described: Path) -> None:
    fields = '[fields]\ntime = "t"\nclient = "c"\nhost = "h"\n[fixed]\ntransport = "tcp"\nserver_port = 443\n'
    how = layout(r"""pattern = '^(?P<t>\S+) (?P<c>\S+) (?P<h>\S+)$'""")
    described.write_text('time_format = "%Hh%M-%d%m%y"\n' + HEAD + how + fields)
    known_formats.add(custom.read(described))
    (row,) = rows("10h00-061026 10.1.2.3 claude.ai").iter_rows(named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 8, 0, tzinfo=UTC)
    assert (row["transport"], row["server_port"]) == ("tcp", 443)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "not valid TOML"),
        (HEAD + layout("json = true") + '[fields]\nbytesup = "x"', "no column 'bytesup'"),
        (HEAD + layout('json = true\nkeyvalue = " "') + FIELDS, "exactly one of"),
        (HEAD + layout('delimiter = ","') + FIELDS, "either columns or header"),
        (HEAD + layout("pattern = '(('") + FIELDS, "not a regular expression"),
        (HEAD.replace("Berlin", "Nowhere") + layout("json = true") + FIELDS, "timezone"),
        (HEAD + layout("json = true") + FIELDS + '[actions]\nGO = "fine"', "actions.GO"),
        ("colour = 1\n" + HEAD + layout("json = true") + FIELDS, "colour"),
    ],
)
def test_mistakes_are_said_with_their_place(described: Path, text: str, told: str) -> None:
    described.write_text(text)
    with pytest.raises(UsageError) as error:
        custom.read(described)
    assert told in str(error.value)
    assert str(described) in str(error.value)


def test_a_trial_says_what_is_there_and_what_lacks(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(
        "1791280801.500 2500 10.1.0.7 TCP_TUNNEL/200 8123 CONNECT claude.ai:443 ann HIER_DIRECT/203.0.113.5 -\n"
        "1791280801.500 0 10.1.0.7 NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -\n"
        "something else\n"
    )
    (trial,) = look(find([log]).files[0], Settings())
    assert (trial.name, trial.looked_at, trial.used) == ("squid", 3, 1)
    assert trial.missing == ("URL path", "bytes up")
    assert "logformat" in trial.advice
    assert [reason for reason, _, _ in trial.reasons] == [
        "set aside: left before any request",
        "no known format",
    ]
    (log.parent / "b.log").write_text("nobody knows\n")
    with pytest.raises(UsageError):
        list(look(find([log.parent / "b.log"]).files[0], Settings()))
