"""`shadowai candidates`: listed with reasons, accepted into an overlay, dismissed with a reason."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from sensor.catalog.load import load
from sensor.cli.candidates import app
from sensor.errors import CatalogError, UsageError
from tests.product import run_here

#: Squid's native format, one client's visits to a name that no signature knows
LINE = "{at}.000 90 10.0.0.{client} TCP_TUNNEL/200 4000 CONNECT {host}:443 - HIER_DIRECT/192.0.2.1 -\n"


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, (UsageError, CatalogError)):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def shadowai(folder: Path, *words: str) -> str:
    done = run_here(folder, *words, "--lake", folder / "lake", "--state", folder / "state")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_name_is_listed_with_its_reasons_until_it_is_dismissed(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    visits = [(client, host) for client in range(1, 6) for host in ("llm.acme-gpt.com", "chatgpt.com")]
    visits += [(client, "www.example.com") for client in range(20, 60)]
    lines = [LINE.format(at=1764150000 + client, client=client, host=host) for client, host in visits]
    log.write_text("".join(lines), encoding="utf-8")
    shadowai(tmp_path, "scan", str(log), "--quiet")
    rows = shadowai(tmp_path, "candidates", "--days", "100000").splitlines()
    assert rows[0].split("\t") == ["rank", "host", "score", "why", "clients", "first seen"]
    assert len(rows) == 2
    assert rows[1].split("\t")[1] == "llm.acme-gpt.com"
    for reason in ("'gpt' in its name", "'llm' in front of", "5 clients used openai/chatgpt within 30 s"):
        assert reason in rows[1].split("\t")[3]
    state = str(tmp_path / "state")
    assert run("dismiss", "LLM.acme-gpt.com.", "--reason", "ours", "--state", state)
    assert shadowai(tmp_path, "candidates", "--days", "100000") == ""
    (tmp_path / "state" / "dismissed.json").unlink()
    run("dismiss", "acme-gpt.com", "--reason", "our own shop", "--state", state)
    kept = json.loads((tmp_path / "state" / "dismissed.json").read_text(encoding="utf-8"))
    assert kept["acme-gpt.com"]["reason"] == "our own shop"
    none = run_here(tmp_path, "candidates", "--days", "100000", "--lake", "lake", "--state", "state")
    said = "no name of the last 100000 days looks like AI, but for those dismissed\n"
    assert (none.stdout, none.stderr) == ("", said)


def test_a_dismissed_domain_takes_all_below_it_along(tmp_path: Path) -> None:
    log, state = tmp_path / "access.log", str(tmp_path / "state")
    hosts = ("llm.eu.acme-gpt.com", "chatgpt.com", "llm.us.acme-gpt.com")
    visits = [(client, host) for client in range(1, 6) for host in hosts]
    lines = [LINE.format(at=1764150000 + client, client=client, host=host) for client, host in visits]
    log.write_text("".join(lines), encoding="utf-8")
    shadowai(tmp_path, "scan", str(log), "--quiet")
    run("dismiss", "eu.acme-gpt.com", "--reason", "our own shop", "--state", state)
    rows = shadowai(tmp_path, "candidates", "--days", "100000").splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == ["llm.us.acme-gpt.com"]


def test_accept_takes_a_host_in_any_spelling(tmp_path: Path) -> None:
    run("accept", "Acme-GPT.com.", "--name", "Acme GPT", "--signatures", str(tmp_path))
    entry = yaml.safe_load((tmp_path / "vendors/acme-gpt/acme-gpt.yml").read_text(encoding="utf-8"))
    assert entry["indicators"][0]["suffix"] == "acme-gpt.com"


def test_accept_writes_an_entry_that_passes(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    told = run("accept", "acme-gpt.com", "--name", "Acme GPT", "--signatures", str(ours))
    assert "acme-gpt.yml written" in told
    entry = yaml.safe_load((ours / "vendors/acme-gpt/acme-gpt.yml").read_text(encoding="utf-8"))
    assert entry["experimental"] is True and entry["hits"] and entry["misses"]
    catalog = load(ours)
    assert catalog.services.filter(app="acme-gpt/acme-gpt")["experimental"].to_list() == [True]
    with pytest.raises(UsageError, match="this entry exists already"):
        run("accept", "acme-gpt.com", "--name", "Acme GPT", "--signatures", str(ours))


def test_accept_replaces_nothing_of_the_built_in_catalog(tmp_path: Path) -> None:
    """In an overlay, a file at the same place as a built-in one counts instead of it."""
    before = load()
    with pytest.raises(UsageError, match="this entry exists already"):
        run("accept", "acme-gpt.com", "--name", "Perplexity", "--signatures", str(tmp_path))
    run("accept", "acme-gpt.com", "--name", "Google", "--signatures", str(tmp_path))
    assert [path.name for path in tmp_path.rglob("*.yml")] == ["google.yml"]
    after = load(tmp_path).services.filter(vendor="Google")
    assert set(after["app"]) - set(before.services.filter(vendor="Google")["app"]) == {"google/google"}


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("acme.com", "--name", "Acme"), UsageError, "no folder of your own signatures"),
        (("Acme", "--name", "Acme", "--signatures", "{ours}"), UsageError, "is not a host name"),
        (("acme.com", "--name", "名", "--signatures", "{ours}"), UsageError, "no letter or digit"),
        (("acme.com", "--name", "Acme", "--category", "chatt", "--signatures", "{ours}"), CatalogError,
         "unknown category 'chatt'"),
    ],
)  # fmt: skip
def test_a_refused_entry_leaves_no_file(
    tmp_path: Path, words: tuple[str, ...], error: type[Exception], says: str
) -> None:
    ours = tmp_path / "ours"
    with pytest.raises(error, match=says):
        run("accept", *(word.format(ours=ours) for word in words))
    assert not list(ours.rglob("*.yml"))


def test_a_damaged_file_of_dismissals_is_reported(tmp_path: Path) -> None:
    (tmp_path / "dismissed.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="dismissals cannot be read"):
        run("dismiss", "a.example", "--reason", "x", "--state", str(tmp_path))
