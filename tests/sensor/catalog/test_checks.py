"""Every lint finds what it is for, at its line, and leaves a good entry alone."""

import datetime

import pytest

from sensor.catalog.checks import check, lints
from sensor.catalog.files import collect
from sensor.catalog.read import draft
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog

TODAY = datetime.date(2026, 11, 22)
ENTRY = "vendors/example/assistant.yml"
SECOND = "vendors/example/second.yml"

MORE = """\
  - {kind}: {value}
    access: {access}
    certainty: vendor_doc
    reference: https://assistant.example/docs
    checked: 2026-11-22
"""


SHARED = "\n    shared: true"


def more(kind: str, value: str, access: str = "web", extra: str = "") -> str:
    """The entry with one more indicator, on lines 10 to 14."""
    added = MORE.format(kind=kind, value=value, access=access + extra)
    return SERVICE.replace("2026-11-22\n", f"2026-11-22\n{added}", 1)


def found(make_catalog: MakeCatalog, files: dict[str, str | None]) -> list[tuple[str, int]]:
    """What the lints say (words, line) about a catalog with these files."""
    return [(problem.what, problem.line) for problem in check(draft(collect([make_catalog(files)])), TODAY)]


def test_a_good_catalog_has_no_problems(make_catalog: MakeCatalog) -> None:
    assert found(make_catalog, {}) == []


def test_every_lint_says_why_and_what_to_do() -> None:
    for lint in lints():
        assert lint.reason and lint.remedy and lint.__doc__


CASES = [
    (more("suffix", "co.uk"), "suffix co.uk is a public suffix", 10),
    (more("suffix", "github.io"), "suffix github.io is a public suffix", 10),
    (more("pattern", '"*.*.co.uk"'), "pattern *.*.co.uk is a public suffix", 10),
    (more("pattern", '"*.azure.com"'), "pattern *.azure.com is a whole cloud", 10),
    (more("suffix", "exp-tas.com"), "exp-tas.com takes default.exp-tas.com, which is no AI service", 10),
    (more("domain", "auth0.com", access="auth"), "auth0.com takes auth0.com, which is no AI service", 10),
    (more("suffix", "amazonaws.com"), "amazonaws.com also serves other things", 10),
    (more("domain", "docs.google.com"), "docs.google.com also serves other things", 10),
    (more("url", "office.example/ai", extra=SHARED), "office.example/ai is marked shared", 10),
    (more("domain", "eu.assistant.example"),
     "eu.assistant.example is covered by suffix assistant.example", 10),
    (more("domain", "assistant.example"),
     "host assistant.example is also claimed by example/assistant", 10),
    (more("domain", "login.example", access="auth", extra=SHARED), "login.example is a shared auth host", 10),
    (more("user_agent", "Mozilla/"), "'mozilla/' is not one product's", 10),
    (SERVICE.replace("https://assistant.example/docs", "a friend told me"),
     "reference 'a friend told me' does not carry certainty vendor_doc", 8),
    (SERVICE.replace("https://assistant.example/docs", "general knowledge"),
     "reference 'general knowledge' does not carry certainty vendor_doc", 8),
    (SERVICE.replace("2026-11-22", "2026-11-23"), "checked on 2026-11-23, which is in the future", 9),
    (SERVICE.replace("misses:", "experimental: false\n#").replace("  - {host: notassistant.example}\n", ""),
     "no hits or no misses", 1),
    (SERVICE.replace("vendor_doc", "unsure"), "every indicator is unsure", 1),
    (SERVICE.replace("access: web", "access: cdn"), "all indicators are side doors", 4),
    (SERVICE.replace("host: www.", "host: xy"), "hit host=xyassistant.example resolves to nothing", 12),
    (SERVICE.replace("{host: not", "{host: www."),
     "miss host=www.assistant.example resolves to example/assistant", 14),
]  # fmt: skip


@pytest.mark.parametrize(("text", "what", "line"), CASES, ids=[case[1] for case in CASES])
def test_a_lint_finds_its_mistake(make_catalog: MakeCatalog, text: str, what: str, line: int) -> None:
    assert (what, line) in found(make_catalog, {ENTRY: text})


@pytest.mark.parametrize(
    "text",
    [
        more("suffix", "github.io", extra=SHARED),
        more("domain", "docs.google.com", extra=SHARED),
        more("domain", "cdn.assistant.example", access="cdn"),
        more("url", "docs.google.com/assistant"),
        SERVICE.replace("misses:", "experimental: true\n#").replace("  - {host: notassistant.example}\n", ""),
        SERVICE.replace("https://assistant.example/docs", "someone/list data/ai.txt"),
    ],
)
def test_what_is_allowed_is_let_pass(make_catalog: MakeCatalog, text: str) -> None:
    assert found(make_catalog, {ENTRY: text}) == []


def test_two_services_may_not_claim_one_name(make_catalog: MakeCatalog) -> None:
    files: dict[str, str | None] = {SECOND: SERVICE.replace("Example Assistant", "Second")}
    assert ("host assistant.example is also claimed by example/assistant", 5) in found(make_catalog, files)


def test_a_hit_swallowed_by_another_entry_is_found(make_catalog: MakeCatalog) -> None:
    greedy = SERVICE.replace("suffix: assistant.example", "domain: www.assistant.example")
    said = found(make_catalog, {SECOND: greedy.replace("not", "xy.")})
    assert ("hit host=www.assistant.example resolves to example/second", 12) in said


def test_an_indicator_that_never_wins_is_found(make_catalog: MakeCatalog) -> None:
    greedy = SERVICE.replace("suffix: assistant.example", 'pattern: "x*.assistant.example"').replace(
        "www.assistant", "x1.assistant"
    )
    said = found(make_catalog, {ENTRY: SERVICE, SECOND: greedy})
    taker = "example/second#pattern:x*.assistant.example"
    assert (f"suffix assistant.example is swallowed by {taker}", 5) in said


def test_a_path_that_only_proxies_show_is_a_warning(make_catalog: MakeCatalog) -> None:
    hidden = SERVICE.replace("suffix: assistant.example", "url: portal.example/assist").replace(
        "host: www.assistant.example", 'url: "https://portal.example/assist/1"'
    )
    problems = check(draft(collect([make_catalog({ENTRY: hidden})])), TODAY)
    assert [(p.what, p.line, p.level) for p in problems] == [
        ("portal.example/assist shows only where paths are seen", 5, "warning")
    ]
    assert ": warning: portal.example/assist shows" in str(problems[0])


PRODUCT = """\
name: Server
category: self-hosted
certainty: sdk_source
reference: example/server src/routes.py
checked: 2026-11-22
ports: [9931]
paths: [/api/tags, /v1/models]
hits:
  - {url: "http://192.0.2.7:9931/api/tags"}
misses:
  - {url: "http://192.0.2.7:9932/api/tags"}
  - {url: "http://192.0.2.7:9931/"}
"""


def test_a_port_that_two_products_share_is_a_warning(make_catalog: MakeCatalog) -> None:
    other = PRODUCT.replace("/api/tags", "/other/tags")
    files: dict[str, str | None] = {"behaviours/a.yml": PRODUCT, "behaviours/b.yml": other}
    problems = check(draft(collect([make_catalog(files)])), TODAY)
    assert [(p.what, p.line, p.level) for p in problems] == [
        ("9931/v1/models is also served by behaviours/a", 7, "warning")
    ]


def test_versions_that_nothing_is_held_against_are_found(make_catalog: MakeCatalog) -> None:
    known = '{advisory: CVE-2026-0001, before: "1.2", reference: https://a.example/cve, checked: 2026-11-22}'
    text = PRODUCT.replace("certainty:", f"affected:\n  - {known}\ncertainty:")
    line = text.splitlines().index("affected:") + 1
    assert found(make_catalog, {"behaviours/a.yml": text}) == [("no answer tells the version", line)]
    proof = '{path: /v, body: "1.1.0", version: "1.1.0"}'
    proven = text.replace("certainty:", f"tells_version:\n  - {proof}\ncertainty:")
    assert found(make_catalog, {"behaviours/a.yml": proven}) == []


def test_bulk_lists_need_proof_and_point_at_their_lines(make_catalog: MakeCatalog) -> None:
    bulk = """\
name: Many
category: image
access: web
certainty: curated_list
reference: someone/list a.txt
checked: 2026-11-22
suffixes:
  - one.example
  - github.io
"""
    said = found(make_catalog, {"bulk/many.yml": bulk})
    assert ("suffix github.io is a public suffix", 9) in said
    assert ("no hits or no misses", 1) in said
