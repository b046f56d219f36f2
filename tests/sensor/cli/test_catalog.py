"""`shadowai catalog`: what it prints in a pipe, and how it fails."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sensor.cli.catalog import app
from sensor.errors import UsageError

ENTRY = """\
name: Ours
category: chat
indicators:
  - suffix: ours.example
    access: wbe
    certainty: vendor_doc
    reference: https://ours.example/docs
    checked: 2026-11-22
"""


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, UsageError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    folder = tmp_path / "ours" / "vendors" / "our-company"
    folder.mkdir(parents=True)
    (folder / "vendor.yml").write_text("name: Us\nhomepage: https://ours.example\n", encoding="utf-8")
    (folder / "assistant.yml").write_text(ENTRY.replace("wbe", "web"), encoding="utf-8")
    return tmp_path / "ours"


def test_show_prints_facts_and_tab_separated_indicators() -> None:
    code, out, _ = run("show", "openai/chatgpt")
    assert code == 0
    assert "ChatGPT (openai/chatgpt)" in out
    row = next(line for line in out.splitlines() if "\tchatgpt.com\t" in line)
    assert row.split("\t")[:4] == ["suffix", "chatgpt.com", "web", "use"]


def test_show_of_an_unknown_service_suggests() -> None:
    with pytest.raises(UsageError, match="did you mean anthropic/claude-code"):
        run("show", "claude-code")
    with pytest.raises(UsageError, match="did you mean openai/chatgpt"):
        run("show", "chatgpt")


def test_search_needs_all_words() -> None:
    found = run("search", "audio", "US")[1].splitlines()[1:]
    assert {line.split("\t")[4] for line in found} == {"US"}
    assert "openai/codex" in run("search", "openai", "coding")[1]
    said = "no service in the catalog matches openai and nothing-of-the-kind\n"
    assert run("search", "openai", "nothing-of-the-kind")[1:] == ("", said)


def test_a_search_that_finds_nothing_suggests_what_is_spelt_alike() -> None:
    said = run("search", "chatgtp")[2]
    assert said.startswith("no service in the catalog matches chatgtp; did you mean ChatGPT")


def test_explain_names_winner_and_loser() -> None:
    _, out, _ = run("explain", "statsig.anthropic.com")
    assert out.startswith("statsig.anthropic.com: anthropic/api\n")
    assert "won\tanthropic/api#domain:statsig.anthropic.com\ttelemetry\tsupport" in out
    assert "lost\tanthropic/api#suffix:anthropic.com" in out
    assert "no service; no indicator fits" in run("explain", "notopenai.com")[1]
    assert ": sider/sider\n" in run("explain", "difoiogjjojoaoomphldepapgpbgkhkb")[1]
    assert "a reason to look, no use" in run("explain", "https://relay.example/v1/messages")[1]


def test_explain_names_a_blind_spot() -> None:
    for question, words in (
        ("DNS.Google", "Google DNS\tdoh\tencrypted_dns\tdns.google\t443"),
        ("https://8.8.8.8/", "Google DNS\tdoh\tencrypted_dns\t8.8.8.8\t443"),
        ("https://mask.icloud.com/", "iCloud Private Relay\trelay\tvpn_relay\tmask.icloud.com\t"),
        ("1.1.1.1", "Cloudflare DNS\tdoh\tencrypted_dns\t1.1.1.1\t443"),
    ):
        assert words in run("explain", question)[1]
    assert "blind spot" not in run("explain", "www.example.com")[1]


def test_stats_add_up() -> None:
    _, out, _ = run("stats")
    assert "doh\t" in out
    services, _, indicators = out.partition("indicator\t")
    counts = [int(line.split("\t")[1]) for line in services.splitlines()[1:] if line]
    assert re.search(r"domain\tuse\t\d+\t[1-9]\d*\n", indicators)
    assert f"{sum(counts)} services of" in out.splitlines()[-1]


def test_check_and_overlays(overlay: Path) -> None:
    code, out, err = run("check")
    warned = len(err.splitlines())
    assert code == 0 and f"services checked, no problems; {warned} warnings, which fail nothing\n" in out
    assert all(": warning: " in line for line in err.splitlines())
    code, out, err = run("check", str(overlay))
    assert (code, out) == (4, "")
    assert [line for line in err.splitlines() if ": warning: " not in line] == [
        f"{overlay}/vendors/our-company/assistant.yml:1: no hits or no misses; "
        "add hits and misses and a firm source, or set experimental: true"
    ]
    assert "our-company/assistant" in run("search", "ours.example", "--signatures", str(overlay))[1]


def test_a_broken_entry_ends_every_command_with_its_lines(overlay: Path) -> None:
    (overlay / "vendors/our-company/assistant.yml").write_text(ENTRY, encoding="utf-8")
    for arguments in (["check", str(overlay)], ["stats", "--signatures", str(overlay)]):
        code, out, err = run(*arguments)
        assert (code, out) == (4, "")
        assert err.startswith(
            f"{overlay}/vendors/our-company/assistant.yml:5: unknown access 'wbe'; use one of"
        )


def test_show_tells_the_score_and_its_factors() -> None:
    _, out, _ = run("show", "openai/chatgpt")
    assert re.search(r"^risk +\d+(–\d+)? of 100, \d+ of \d+ facts known$", out, re.M)
    assert "\ncategory\tchat\t20\t" in out and "\ncountry\tUS\t5\t" in out


def test_explain_tells_a_fingerprint_and_a_port() -> None:
    assert "no service" in run("explain", "t13d1516h2_000000000000_000000000000")[1]
    _, out, _ = run("explain", "http://192.0.2.7:11434/api/tags")
    assert out.splitlines()[0].endswith(": behaviours/ollama")


def test_diff_of_a_catalog_with_its_export_is_empty(tmp_path: Path, overlay: Path) -> None:
    _, exported, _ = run("export", "--format", "json")
    assert run("export", "--format", "json", "--out", str(tmp_path / "old.json"))[1] == ""
    assert (tmp_path / "old.json").read_text(encoding="utf-8") == exported
    with pytest.raises(UsageError, match="is a directory"):
        run("export", "--out", str(tmp_path))
    assert run("diff", str(tmp_path / "old.json"))[1] == ""
    _, out, _ = run("diff", str(tmp_path / "old.json"), str(overlay))
    assert "added\tour-company/assistant\tsuffix\tours.example" in out


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no format 'xml'"):
        run("export", "--format", "xml")
