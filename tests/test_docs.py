"""README and guides say what is: the settings load, commands exist and run, tables match the code, links lead
somewhere."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sensor import errors, schema, settings
from sensor.cli import audit, keys, main, reveal
from tests.product import compiled_once, run_here

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = [
    README,
    *((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("packets", "settings")),
]


def _blocks(language: str) -> list[str]:
    every = re.findall(r"^```(\w*)\n(.*?)^```$", "\n".join(GUIDES), re.DOTALL | re.MULTILINE)
    return [text for name, text in every if name == language]


def _commands() -> list[str]:
    lines = "\n".join(_blocks("sh")).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("shadowai ")]


@pytest.mark.parametrize(
    "page", [Path("README.md"), *sorted(p.relative_to(ROOT) for p in ROOT.glob("docs/*.md"))], ids=str
)
def test_links_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / page.parent / target).exists(), target


def test_the_settings_block_loads_and_names_every_setting(tmp_path: Path) -> None:
    (block,) = _blocks("toml")
    file = tmp_path / "shadowai.toml"
    file.write_text(block, encoding="utf-8")
    settings.load(file, {})
    written = tomllib.loads(block)
    assert set(written) == set(settings.Settings.model_fields)
    assert set(written["networks"]) == set(settings.Networks.model_fields)
    assert set(written["identity"]) == set(settings.Identity.model_fields)
    assert set(written["sensors"][0]) == set(settings.SensorSettings.model_fields)
    assert set(written["about"]) == set(settings.About.model_fields)
    assert written["retention"] == settings.Retention().model_dump()


def test_the_privacy_guide_names_only_commands_that_exist() -> None:
    guide = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    named = set(re.findall(r"shadowai ([a-z-]+(?: [a-z]+)?)(?= |`|$)", guide, re.MULTILINE))
    groups = {"keys": keys.app, "reveal": reveal.app, "audit": audit.app}
    known = {f"{group} {c.name}" for group, app in groups.items() for c in app.registered_commands}
    known |= set(main.COMMANDS)
    assert {"keys rotate", "reveal approve", "audit verify", "erase ada"} <= named
    for words in named:
        assert words in known or words.split()[0] in known, words


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(_blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_exit_codes_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^Exit codes: .*(?:\n.+)*", README, re.MULTILINE)
    documented = {int(number) for number in re.findall(r"(?:[·:])\s(\d+)\s", line)}
    classes = [
        c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.ShadowAIError)
    ]
    assert documented == {c.exit_code for c in classes} | {0, 130}


def test_grades_are_those_of_the_schema() -> None:
    words = {"lookup": "looked up"}
    for label in schema.GRADES.values():
        assert f"| {words.get(label, label)} |" in README


def test_the_squid_format_is_the_one_the_source_advises() -> None:
    from sensor.sources.formats.squid import SquidFamily

    (line,) = [line for block in _blocks("") for line in block.splitlines() if line.startswith("logformat")]
    assert line in SquidFamily.advice


def test_rooms_in_the_map_exist() -> None:
    for room in re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE):
        assert (ROOT / room).is_dir(), room


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's paths exist, and a lake filled by its first scan."""
    folder = tmp_path_factory.mktemp("readme")
    compiled_once(folder / ".local" / "state" / "shadowai")
    (folder / "captures").mkdir()
    for name, case in (
        ("span-1.pcap", "split-hello/capture.pcap"),
        ("captures/a.pcap", "split-hello/capture.pcap"),
    ):
        (folder / name).write_bytes((ROOT / "pcaps" / case).read_bytes())
    (folder / "people.csv").write_bytes((ROOT / "pcaps" / "people.csv").read_bytes())
    (folder / "shadowai.toml").write_text(
        '[[destinations]]\nname = "share"\nkind = "folder"\npath = "sent"\nreports = true\nalerts = true\n'
    )
    (folder / "logs").mkdir()
    (folder / "logs" / "access.log").write_bytes((ROOT / "pcaps/proxy-w46/shadowai.log").read_bytes())
    return folder


def _run(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    command = command.replace("/var/log/squid/ /opt/zeek/logs/2026-11-20/", "logs")
    command = command.replace("/var/log/squid/access.log", "logs/access.log").replace(
        "firewall.log", "logs/access.log"
    )
    words = shlex.split(command)
    if "span-*.pcap" in words:
        words[words.index("span-*.pcap")] = "span-1.pcap"
    return (_ended if words[1] in ENDLESS else run_here)(place, *words[1:], stdin="FROM apps")


#: commands that go on until they are stopped
ENDLESS = ("follow", "listen")


def _ended(place: Path, *words: str, stdin: str) -> subprocess.CompletedProcess[str]:
    """An endless command, stopped as a service manager would once it has said what it does."""
    program = [sys.executable, "-c", "from sensor.cli.main import run; run()", *words]
    environment = {"HOME": str(place), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, cwd=place, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        first = running.stderr.readline()
        running.terminate()
        rest = running.stderr.read()
    return subprocess.CompletedProcess(program, running.returncode, "", first + rest)


@pytest.mark.parametrize("command", _commands())
def test_every_command_runs(command: str, place: Path) -> None:
    """In the README's order: the scans come before the questions."""
    done = _run(command, place)
    assert done.returncode == 0, done.stderr
