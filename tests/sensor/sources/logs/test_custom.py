"""Log formats written down in TOML: read like any other, and mistakes said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from sensor.errors import UsageError
from sensor.settings import SensorSettings, Settings
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


def test_a_header_may_have_the_second_of_two_names(described: Path) -> None:
    fields = '[fields]\ntime = "time|date"\nclient = "src|source"\nhost = "site"\n'
    described.write_text(HEAD + layout('delimiter = ";"\nheader = true') + fields)
    known_formats.add(custom.read(described))
    found = rows("date;source;site\n2026-10-06 10:00:00;10.1.2.3;claude.ai\n").filter(
        pl.col("reason").is_null()
    )
    assert found.select("seen_at", "client", "host").rows() == [
        (datetime(2026, 10, 6, 8, tzinfo=UTC), "10.1.2.3", "claude.ai")
    ]


def test_columns_of_every_type_come_from_text(described: Path) -> None:
    fields = '[fields]\ntime = "t"\nclient = "c"\nuser_name = "u"\nlease_to = "until"\nshared = "many"\nanswers = "ips"\n'
    described.write_text(HEAD.replace('"proxy"', '"lease"') + layout('keyvalue = " "') + fields)
    known_formats.add(custom.read(described))
    line = 't="2026-10-06 10:00:00" c=10.1.2.3 u=ann until="2026-10-06 18:00:00" many=Yes ips="192.0.2.1, 192.0.2.2"'
    (row,) = rows(line).iter_rows(named=True)
    assert row["lease_to"] == datetime(2026, 10, 6, 16, tzinfo=UTC)
    assert row["shared"] is True
    assert row["answers"] == ["192.0.2.1", "192.0.2.2"]


def test_whole_numbers_may_be_written_as_a_data_frame_does(described: Path) -> None:
    described.write_text(HEAD + layout('delimiter = ","\nheader = true') + FIELDS)
    known_formats.add(custom.read(described))
    text = "src,date,clock,site,out,verdict\n10.1.2.3,2026-10-06,10:00:00,https://claude.ai/chat,48211.0,GO\n"
    assert rows(text).filter(pl.col("reason").is_null())["bytes_up"].to_list() == [48211]


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
        ('vantage = "proxies"\n' + HEAD + layout("json = true") + FIELDS, "vantage"),
        (
            HEAD + layout('delimiter = ";"\ncolumns = ["date", "src"]') + FIELDS,
            "'clock' is no part of the layout",
        ),
        (
            HEAD + layout(r"pattern = '^(?P<date>\S+) (?P<src>.*)$'") + FIELDS,
            "'clock' is no part of the layout",
        ),
        (
            HEAD + layout('delimiter = ";"\ncolumns = ["x", "src", "x"]') + FIELDS,
            "two columns are called 'x'",
        ),
        (HEAD + layout("json = true") + '[fields]\nrow = "x"', "no column 'row'"),
        (
            HEAD + layout("json = true") + FIELDS + '[fixed]\nshared = "yes"',
            "shared takes true or false, not 'yes'",
        ),
        (
            HEAD + layout("json = true") + FIELDS + '[fixed]\nserver_port = "443"',
            "server_port takes a whole number",
        ),
        (
            HEAD + layout("json = true") + FIELDS + '[fixed]\nanswers = "192.0.2.1"',
            "answers takes no constant",
        ),
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


def test_a_trial_reads_stamps_in_the_zone_of_the_file_s_sensor(tmp_path: Path, described: Path) -> None:
    described.write_text(HEAD.replace('timezone = "Europe/Berlin"\n', "") + layout('keyvalue = " "') + FIELDS)
    known_formats.add(custom.read(described))
    log = tmp_path / "proxy.log"
    log.write_text(
        "date=2026-10-06 clock=10:00:00 src=10.1.2.3 site=https://claude.ai/ out=1 verdict=allow\n"
    )
    sensor = SensorSettings(name="proxy", paths=(str(log),), timezone="Asia/Tokyo")
    (trial,) = look(find([log]).files[0], Settings(sensors=(sensor,)))
    assert trial.rows["seen_at"].to_list() == [datetime(2026, 10, 6, 1, tzinfo=UTC)]


@pytest.mark.parametrize("sign", [",", " ", "\t", ";", "|"])
def test_columns_claim_no_line_whose_addresses_stand_elsewhere(described: Path, sign: str) -> None:
    """Nearly every line of other logs has as many commas, or blanks."""
    how = f'delimiter = "{sign}"\ncolumns = ["clock", "src", "", "site"]\n'.replace("\t", "\\t")
    described.write_text(
        f'name = "mine"\nkind = "proxy"\n[layout]\n{how}[fields]\ntime = "clock"\nclient = "src"\nhost = "site"\n'
    )
    known_formats.add(custom.read(described))
    mine = [
        sign.join(("2026-10-06T10:00:00", client, "", "claude.ai", "more"))
        for client in ("10.1.2.3", '"2001:db8::7"', "-")
    ]
    other = sign.join(("1", "2026/10/06", "007", "TRAFFIC", "10.1.2.3", "192.0.2.7"))
    found = rows("\n".join([*mine, other]))
    assert found["log_format"].to_list() == ["mine"] * 3
    assert found["client"].to_list() == ["10.1.2.3", "2001:db8::7", None]
