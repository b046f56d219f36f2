"""Settings: which source wins, and what a mistake looks like."""

from pathlib import Path

import pytest

from sensor import settings
from sensor.errors import UsageError


def _file(folder: Path, text: str) -> Path:
    path = folder / "shadowai.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_option_beats_environment_beats_file(tmp_path: Path) -> None:
    file = _file(tmp_path, 'zone = "Europe/Berlin"\nk = 7\nlake = "here"\n')
    environment = {"SHADOWAI_K": "9", "SHADOWAI_ZONE": "Asia/Tokyo"}
    chosen = settings.load(file, environment, zone="America/New_York")
    assert (chosen.zone, chosen.k, chosen.lake) == ("America/New_York", 9, tmp_path / "here")


def test_a_file_saved_on_windows_is_read(tmp_path: Path) -> None:
    assert settings.load(_file(tmp_path, "\ufeffk = 7\n"), {}).k == 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('zone = "Mars/Olympus"', "zone: 'mars/olympus' is not an iana time zone"),
        ("colour = 1", "colour: no such setting; docs/settings.md lists"),
        ("lak = 'x'", "lak: no such setting, did you mean lake?"),
        ("[[destinations]]\nname = 'a'", "destinations.0: is missing 'kind'"),
        (
            "[[destinations]]\nname = 'a'\nkind = 'fax'",
            "destinations.0: 'fax' is no 'kind': one of 'smtp', 'folder'",
        ),
        ("[networks]\ninternall = []", "networks.internall: no such setting, did you mean internal?"),
        ("[[sensors]]\nsite = 'hq'", "sensors.0.name: is missing"),
        ("[[sensors]]\nname = ''", ":2: sensors.0.name: must not be empty"),
        ("[[sensors]]\nname = 'a'\nsiet = 'hq'", "sensors.0.siet: no such setting, did you mean site?"),
        (
            "[[destinations]]\nname = 'a'\nkind = 'folder'\npath = 'x'\nreprots = true",
            "no such setting, did you mean reports?",
        ),
        ('[networks]\ninternal = ["10.0.0.0/99"]', "networks.internal.0"),
        ("k = 1", "k: must be 2 or more"),
        ("k = [", "not valid TOML"),
        (
            '[identity]\norigins = ["log", "dhpc"]',
            ":2: identity.origins.1: 'dhpc' is no origin (did you mean 'dhcp'?",
        ),
        ('k = 5\n[identity]\norigins = ["x"]', ":3: identity.origins.0: 'x' is no origin (known: log, dhcp"),
        ('[[sensors]]\nname = "a"\n[[sensors]]\nname = "b"\nrank = 0', ":5: sensors.1.rank: must be"),
        ("[retention]\n\nsightings = 1", ":3: retention.sightings: must be 2 or more"),
        ("[retention]\nnames = 7", ":2: retention.names: must be 8 or more"),
        ("[retention]\ncoverage = 7", ":2: retention.coverage: must be 8 or more"),
        ("[retention]\nnames_by_client = 9", ":2: retention.names_by_client: must be 7 or less"),
        ("names_by_client = 'maybe'", ":1: names_by_client: must be true or false"),
        ("identity = 4", ":1: identity: must be a table"),
        ('signatures = ["ours", 3]', ":1: signatures.1: must be one path, in quotes"),
        ("[identity]\ndirectory = [true]", ":2: identity.directory.0: must be one path, in quotes"),
    ],
)
def test_mistakes_name_file_and_setting(tmp_path: Path, text: str, says: str) -> None:
    file = _file(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        settings.load(file, {})
    assert str(file) in str(caught.value)
    assert says.lower() in str(caught.value).lower()


def test_a_device_without_end_is_no_settings_file() -> None:
    with pytest.raises(UsageError, match="no settings file is that long"):
        settings.load(Path("/dev/zero"), {})


def test_origins_of_a_csv_of_ones_own_are_named_as_such(tmp_path: Path) -> None:
    file = _file(tmp_path, '[identity]\norigins = ["log", "csv:helpdesk"]')
    assert settings.load(file, {}).identity.origins == ("log", "csv:helpdesk")


def test_a_wrong_variable_is_named_as_such() -> None:
    with pytest.raises(UsageError, match="SHADOWAI_PRIVACY"):
        settings.load(None, {"SHADOWAI_PRIVACY": "open"})


def test_a_missing_settings_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        settings.load(tmp_path / "nothing.toml", {})


def test_state_stays_beside_the_lake_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings.Settings(lake=tmp_path / "lake")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    assert settings.state_path(chosen) == tmp_path / "home" / "shadowai"
    (tmp_path / "lake.state").mkdir()
    assert settings.state_path(chosen) == tmp_path / "lake.state"


def test_sensors_are_found_by_path_and_kind(tmp_path: Path) -> None:
    text = '[[sensors]]\nname = "hq"\nsource = "pcap"\npaths = ["hq/*"]\n'
    text += '[[sensors]]\nname = "px"\npaths = ["*"]\n'
    chosen = settings.load(_file(tmp_path, text), {})
    at = str(tmp_path / "hq" / "a")
    assert chosen.sensor_for(at, "pcap").name == "hq"
    assert chosen.sensor_for(at, "squid").name == "px"
    assert chosen.sensor_for("/elsewhere", "squid").name == "squid"
    around = settings.load(_file(tmp_path, '[[sensors]]\nname = "lab"\npaths = ["x/../lab/*"]\n'), {})
    assert around.sensor_for(f"{tmp_path}/hq/../lab/a", "pcap").name == "lab"


def test_unknown_variables_are_named_with_the_nearest_known() -> None:
    with pytest.raises(UsageError, match="SHADOWAI_LAEK: no such setting; did you mean SHADOWAI_LAKE"):
        settings.load(None, {"SHADOWAI_LAEK": "x"})


def test_folders_and_people_come_from_variables_too(tmp_path: Path) -> None:
    chosen = settings.load(_file(tmp_path, ""), {"SHADOWAI_SIGNATURES": "a:b", "SHADOWAI_PEOPLE": "p.csv"})
    assert chosen.signatures == (Path("a"), Path("b"))
    assert chosen.identity.people == Path("p.csv")


def test_people_of_a_variable_leave_the_rest_of_the_section_in_force(tmp_path: Path) -> None:
    text = '[identity]\npeople = "old.csv"\norigins = ["csv"]\nfrom_packets = false'
    identity = settings.load(_file(tmp_path, text), {"SHADOWAI_PEOPLE": "p.csv"}).identity
    assert (identity.people, identity.origins, identity.from_packets) == (Path("p.csv"), ("csv",), False)
    with pytest.raises(UsageError, match="identity: must be a table"):
        settings.load(_file(tmp_path, "identity = 1"), {"SHADOWAI_PEOPLE": "p.csv"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('lake = "lake"\nstate = "lake/state"', "lies inside the lake"),
        ('[[sensors]]\nname = "a"\n[[sensors]]\nname = "a"', "two sensors are called 'a'"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        settings.load(_file(tmp_path, text), {})


@pytest.mark.parametrize("name", ["base", "file"])
def test_what_only_we_know_is_no_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: no such setting"):
        settings.load(_file(tmp_path, f'{name} = "x"'), {})


def test_the_file_is_remembered_and_paths_start_in_its_folder(tmp_path: Path) -> None:
    chosen = settings.load(_file(tmp_path, 'lake = "lake"'), {})
    assert chosen.file == _file(tmp_path, 'lake = "lake"').absolute()
    assert (chosen.base, chosen.lake) == (tmp_path.resolve(), tmp_path.resolve() / "lake")
    assert chosen.model_copy(update={"k": 7}).file == chosen.file
