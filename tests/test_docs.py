"""README and guides say what is: the settings load, commands exist and run, tables match the code, links lead
somewhere."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from analytics.render.words import grades
from sensor import errors, settings
from sensor.cli import audit, keys, main, reveal
from sensor.destinations import AnyDestination
from tests.product import compiled_once, run_here

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Pages whose commands run, in the order in which their examples build on each other.
RUN = ("packets", "logs", "people", "reports", "catalog", "policy", "exports", "operations", "clients")
PAGES = sorted((ROOT / "docs").glob("*.md"))


def _page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def _blocks(language: str, text: str) -> list[str]:
    every = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for name, block in every if name == language]


def _commands() -> list[str]:
    """Of the README, then of the guides; each once."""
    lines = "\n".join(_blocks("sh", "\n".join([README, *map(_page, RUN)]))).splitlines()
    commands = [line.partition("  #")[0].strip() for line in lines if line.startswith("shadowai ")]
    return list(dict.fromkeys(commands))


@pytest.mark.parametrize("page", [Path("README.md"), *(p.relative_to(ROOT) for p in PAGES)], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        found = ROOT / page.parent / target if target else ROOT / page
        assert found.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {_anchor(h) for h in headings}, heading


def _anchor(heading: str) -> str:
    """What a heading is called in a link, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_readme_lists_every_guide() -> None:
    assert {p.name for p in PAGES} == set(re.findall(r"\[docs/([\w-]+\.md)\]", README))


def test_every_page_with_commands_is_run() -> None:
    assert {page.stem for page in PAGES if _blocks("sh", page.read_text(encoding="utf-8"))} == set(RUN)


def test_the_settings_block_loads_and_names_every_setting(tmp_path: Path) -> None:
    (block,) = _blocks("toml", _page("settings"))
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
    kinds = get_args(get_args(AnyDestination)[0])
    of_destinations = {name for kind in kinds for name in kind.model_fields}
    assert {name for name in of_destinations if not re.search(rf"\b{name}\b", block)} == set()


def test_the_settings_about_people_load(tmp_path: Path) -> None:
    (block,) = _blocks("toml", _page("people"))
    file = tmp_path / "shadowai.toml"
    file.write_text(block, encoding="utf-8")
    assert settings.load(file, {}).identity.origins == ("log", "dhcp")


def test_the_log_format_of_ones_own_reads_its_lines(place: Path) -> None:
    _, block = _blocks("toml", _page("logs"))
    (place / "corp-proxy.toml").write_text(block, encoding="utf-8")
    (place / "corp.log").write_text("2026-11-20T10:00:00Z;10.0.0.7;GET;claude.ai;512;2048\n")
    tried = run_here(place, "sources", "try", "corp.log", "--custom", "corp-proxy.toml")
    assert tried.returncode == 0, tried.stderr
    assert "corp-proxy: 1 of the first 1 lines, 1 rows used" in tried.stdout
    assert re.search(r"10\.0\.0\.7 +claude\.ai +512 +2048", tried.stdout)


def test_the_settings_about_several_proxies_make_their_lines_add_up(place: Path) -> None:
    block, _ = _blocks("toml", _page("logs"))
    (place / "nodes.toml").write_text(block.replace("/var/log/proxies", str(place)), encoding="utf-8")
    for node in "12":
        (place / node).mkdir()
        line = f"1795600000.123 20 10.0.0.{node} TCP_TUNNEL/200 5 CONNECT claude.ai:443 - HIER_NONE/- -\n"
        (place / node / "access.log").write_text(line * 2)
    scanned = run_here(place, "scan", "1", "2", "--lake", "nodes", "--config", "nodes.toml")
    assert scanned.returncode == 0, scanned.stderr
    query = "SELECT SUM(records) AS lines FROM coverage"
    asked = run_here(place, "sql", "--restricted", "--lake", "nodes", "--format", "csv", query)
    assert asked.stdout.split() == ["lines", "4"], asked.stderr


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
    for target in re.findall(r"^make (\w+)", "\n".join(_blocks("sh", README)), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_exit_codes_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^Exit codes: .*(?:\n.+)*", _page("operations"), re.MULTILINE)
    documented = {int(number) for number in re.findall(r"(?:[·:])\s(\d+)\s", line)}
    classes = [
        c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.ShadowAIError)
    ]
    assert documented == {c.exit_code for c in classes} | {0, 130}


def test_grades_are_those_of_the_reports() -> None:
    for moon, label, _ in grades().values():
        assert f"| {moon} | {label} |" in README


def test_the_squid_format_is_the_one_the_source_advises() -> None:
    from sensor.sources.logs.formats.squid import SquidFormat

    (block,) = _blocks("", _page("logs"))
    assert block.splitlines()[0] in SquidFormat.advice


def test_folders_in_the_map_exist() -> None:
    for folder in re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder


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


#: What stands for the files that the guides name.
STAND_INS = {
    "LAKE": "my-lake",
    "/var/log/squid/ /opt/zeek/logs/2026-11-20/": "logs",
    "/var/log/squid/access.log": "logs/access.log",
    "/var/spool/shadowai/mitmproxy.ndjson": "logs/access.log",
    "firewall.log": "logs/access.log",
    "route53/2026-11-20/ vpc-flow-logs/2026-11-20/": "logs",
    "span-*.pcap": "span-1.pcap",
}


def _run(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    for named, ours in STAND_INS.items():
        command = command.replace(named, ours)
    words = shlex.split(command)
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
