"""Every language says the same: the same keys, the same placeholders, and nothing left in English."""

import html
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.policy.rules import LEVELS, RULES
from analytics.render import words
from analytics.render.formats import FORMATS
from analytics.render.language import languages, say, say_markup, speaking, spoken, strings, translated
from analytics.reports.prepare import names, prepare, spec_of
from sensor.settings import Settings
from tests.analytics.reports.lakes import MB, WEEK, make, plain, usage

ROOT = Path(__file__).parents[3]
OTHERS = [code for code in languages() if code != "en"]


def flat(entry: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """('verdict.due.other', text) of a language file, without the texts that stand in data."""
    if isinstance(entry, dict):
        for name, inner in entry.items():
            if path or name != "texts":
                yield from flat(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(entry, list):
        yield path, f"{len(entry)} words"
    else:
        yield path, entry


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_the_setting_knows_every_language() -> None:
    assert set(languages()) == set(Settings.model_fields["language"].annotation.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize("code", OTHERS)
def test_the_same_keys_and_placeholders(code: str) -> None:
    english, other = dict(flat(strings("en"))), dict(flat(strings(code)))
    assert english.keys() == other.keys()
    assert {k: blanks(v) for k, v in english.items()} == {k: blanks(v) for k, v in other.items()}


def test_every_key_that_code_names_is_there_and_every_key_is_named() -> None:
    sources = [*ROOT.glob("analytics/**/*.py"), *ROOT.glob("analytics/**/*.j2")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    known = {re.sub(r"\.(one|other)$", "", key) for key, _ in flat(strings("en"))}
    asked = set(re.findall(r"""\b(?:say|names)\(\s*f?["']([a-z_]+\.[a-z_0-9.]+)["'][,)]""", text))
    assert asked and asked <= known, asked - known
    # A key put together from parts: f"decide.{rule}.look", "visibility." ~ tier.
    made = {
        re.sub(r"\\{[^}]*\\}", "[a-z_0-9]+", re.escape(part))
        for part in re.findall(
            r"""f["']((?:[a-z_]+\.|\{self\.key\}\.)[a-z_0-9.]*(?:\{[^}]*\})?[a-z_.]*)["']""", text
        )
    } | {re.escape(part) + "[a-z_0-9]+" for part in re.findall(r"""["']([a-z_]+\.[a-z]*)["'] ~""", text)}
    loose = {
        key
        for key in known - asked
        if f'"{key}"' not in text and not any(re.fullmatch(pattern, key) for pattern in made)
    }
    assert not loose


@pytest.mark.parametrize("code", OTHERS)
def test_rules_and_categories_have_words(code: str) -> None:
    texts = strings(code)["texts"]
    rules = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(RULES.glob("*.yml"))]
    said = {str(rule[name]) for rule in rules for name in ("title", "question", "proposal")} | set(LEVELS)
    catalog = yaml.safe_load((ROOT / "signatures" / "categories.yml").read_text("utf-8"))
    said |= {words.category(name) for name in catalog["category"]}
    assert not said - texts.keys()


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("name", names())
def test_what_a_report_shows_has_words(code: str, name: str) -> None:
    spec, texts = spec_of(name), strings(code)["texts"]
    shown = {spec.question, *(f.heading for f in spec.figures), *(f.question for f in spec.figures)}
    shown |= {figure.row for figure in spec.figures} | {spec.claim}
    if name != "weekly":  # whose title and columns are strings
        shown |= {
            column.replace("_", " ").capitalize()
            for figure in spec.figures
            for column in figure.columns
            if figure.heading
        }
    missing = {text for text in shown - {""} if text not in texts}
    qualify = {
        "Bytes up max",
        "People",
        "People most",
        "People hidden",
        "Evidence",
        "Varies",
        "App",
        "Bytes up",
        "Bytes down",
        "Grade",
    }
    assert not missing - qualify


def rows() -> dict[str, list[dict[str, Any]]]:
    """Two weeks with a policy, a finding, an outcome and something hidden."""
    given = plain()
    finding = {
        "finding": "f1", "title": "Unsanctioned service in use", "severity": "high", "severity_rank": 3,
        "app": "c/gamma", "service": "gamma", "scope": "department=Sales", "status": "open",
        "first_seen": WEEK, "last_seen": WEEK, "people_at_least": 6, "people_hidden": False,
        "bytes_up": 13 * MB, "sessions": 9,
        "question": "Stop it, or allow it for those who need it?", "owner": None, "due": WEEK,
        "proposal": "Block it now, keep the evidence, and treat it as an incident.",
    }  # fmt: skip
    decided = finding | {
        "finding": "f2", "app": "b/beta", "service": "beta", "decision": "restrict", "decided_on": WEEK,
        "status": "restricted",
    }  # fmt: skip
    rule = {"kind": "status", "line": 1, "precedence": 1, "app": "c/gamma", "scope": "all"}
    given["policy"] = [rule | {"status": "unsanctioned", "policy_version": "p1"}]
    given["findings"] = [finding, decided]
    given["usage_weekly"].append(usage(WEEK, "h/hub", 9, 2 * MB, category="model-hub"))
    return given


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("name", ["weekly", "monthly", "daily"])
def test_no_english_sentence_is_left(tmp_path: Path, code: str, name: str) -> None:
    lake = make(tmp_path / "lake", rows())
    period = {"weekly": None, "monthly": "2026-11", "daily": "2026-11-09"}[name]
    found = prepare(lake, name, period=period, language=code)
    assert spoken() == "en"
    page = FORMATS["html"].write(found).decode()
    assert f'<html lang="{code}">' in page
    shown = html.unescape(re.sub(r"<(style|pre)\b[^>]*>.*?</\1>|<[^>]+>", "\n", page, flags=re.S))
    shown += FORMATS["md"].write(found).decode()
    same = {text for _, text in flat(strings(code))}
    english = [text for _, text in flat(strings("en")) if text not in same]
    pieces = {p.strip() for text in english for p in re.split(r"\{\w+\}", text) if len(p.strip()) > 11}
    assert len(pieces) > 200
    assert not {piece for piece in pieces if piece in shown}


@pytest.mark.parametrize(
    ("why", "german"),
    [
        ("needs 4 earlier weeks with use, has 1", "zu wenige frühere Wochen"),
        ("needs 4 earlier weeks with use under the same keys, has 0", "zu wenige frühere Wochen"),
        ("no policy", "ohne Richtlinie"),
    ],
)
def test_why_a_finding_cannot_be_judged_has_words(tmp_path: Path, why: str, german: str) -> None:
    given = rows()
    given["findings"][0] |= {"status": "not evaluable", "not_evaluable_why": why}
    page = FORMATS["html"].write(prepare(make(tmp_path / "lake", given), language="de")).decode()
    assert f"seither {german}" in re.sub("<[^>]+>", "", page)
    assert why not in page


def test_forms_escaping_and_texts() -> None:
    assert say("count.days", 1) == "1 day" and say("count.days", 2) == "2 days"
    with speaking("de"):
        assert say("count.days", 1) == "1 Tag" and words.size(8_200_000) == f"8,2{words.THIN}MB"
        assert words.short_day(WEEK) == "Mo, 9. Nov."
        assert words.day_span(WEEK, WEEK.replace(day=15)) == "9.–15. November 2026"
        assert translated("Does this decision still hold?") == "Gilt diese Entscheidung noch?"
        assert translated("nobody translated this") == "nobody translated this"
    assert say_markup("verdict.most", of="of it", service="<b>") == ", most of it to &lt;b&gt;."
    with pytest.raises(ValueError, match="no language 'fr'"), speaking("fr"):
        pass
