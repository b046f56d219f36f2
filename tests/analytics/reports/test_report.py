"""The written file: self-contained, the same bytes every time, and safe with hostile names."""

import hashlib
import html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from time import process_time

import duckdb
import pytest

from analytics.lake import LakeUnreadable
from analytics.render.text import summary
from analytics.reports.write import weekly

from .lakes import MB, WEEK, days, make, plain, usage, watched

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Collects what a browser would see: elements, attributes, words; checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def written(folder: Path, lake: Path) -> str:
    return weekly(lake, folder / "report.html").path.read_text(encoding="utf-8")


def test_same_data_gives_the_same_bytes_within_five_seconds(story: Path, tmp_path: Path) -> None:
    moment = datetime(2026, 11, 16, 8, tzinfo=UTC)
    start = process_time()
    first = weekly(story, tmp_path / "a.html", as_of=moment).path.read_bytes()
    assert process_time() - start < 5
    assert weekly(story, tmp_path / "b.html", as_of=moment).path.read_bytes() == first
    assert b"as of 2026-11-16 08:00 UTC" in first


def test_the_file_is_self_contained(story: Path, tmp_path: Path) -> None:
    text = written(tmp_path, story)
    page = Reader(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(page.tags)
    assert not [a for a in page.attributes if a[0] == "style" or a[0].startswith("on")]
    for name, value in page.attributes:
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#") and value[1:] in page.ids
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\((?!#)", text)
    assert "default-src 'none'" in dict(page.attributes)["content"] or any(
        "default-src 'none'" in value for name, value in page.attributes if name == "content"
    )


def test_every_reference_and_heading_is_sound(story: Path, tmp_path: Path) -> None:
    page = Reader(written(tmp_path, story))
    assert len(page.ids) == len(set(page.ids))
    labels = [value for name, value in page.attributes if name == "aria-labelledby"]
    assert labels and set(labels) <= set(page.ids)
    assert page.tags.count("h1") == 1


def test_every_picture_has_a_text_for_screen_readers(story: Path, tmp_path: Path) -> None:
    text = written(tmp_path, story)
    for picture in re.findall(r"<svg\b[^>]*>", text):
        assert 'aria-hidden="true"' in picture or 'role="img" aria-label="' in picture
    moons = re.findall(r'<span class="moon".*?</svg>(.*?)</span></span>', text)
    assert moons
    assert all(re.fullmatch(r'<span class="vh"> \(\w[\w ]+\)', moon) for moon in moons)


def test_every_figure_stands_in_the_annex_with_its_hash(story: Path, tmp_path: Path) -> None:
    report = weekly(story, tmp_path / "r.html")
    text = Reader(report.path.read_text(encoding="utf-8"))
    words = "".join(text.words)
    assert len(report.page.tables) == 31
    for table in report.page.tables:
        assert table.digest in words
        assert table.figure.statement in words
        assert table.figure.question in words
    assert "Bytes say nothing about sensitivity" in words


def test_the_printed_statements_give_the_printed_hashes_in_any_client(story: Path, tmp_path: Path) -> None:
    """Copied out of the page into a bare DuckDB, hashed by a few lines that know nothing of ours."""
    page = written(tmp_path, story)
    hashes = re.findall(r'<code class="hash">([0-9a-f]{64})</code>', page)
    printed = re.findall(r'<pre lang="en">(.*?)</pre>', page, re.DOTALL)
    scope, *statements = map(html.unescape, printed)
    names = re.findall(r"<code>(\w+) · [\d\u202f]+ rows? · ", page)
    assert len(names) == len(statements) == len(hashes) == 31
    with duckdb.connect(str(story / "open.duckdb"), read_only=True) as client:
        client.execute("SET TimeZone = 'UTC'")
        client.execute(scope)
        for name, statement, digest in zip(names, statements, hashes, strict=True):
            client.execute(f"CREATE TEMP VIEW {name} AS {statement}")
            cursor = client.execute(f"SELECT * FROM {name}")
            rows = [[column[0] for column in cursor.description], *map(list, cursor.fetchall())]
            text = json.dumps(
                rows, ensure_ascii=False, separators=(",", ":"), default=lambda value: value.isoformat()
            )
            assert hashlib.sha256(text.encode()).hexdigest() == digest, name


def test_the_page_makes_no_claims_of_completeness_or_compliance(story: Path, tmp_path: Path) -> None:
    words = " ".join("".join(Reader(written(tmp_path, story)).words).split()).lower()
    for claim in ("complete", "compliant", "sees prompts", "no risk", "clean"):
        assert not re.search(rf"\b{claim}\b", words), claim


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] += [
        usage(WEEK, "h/x", 9, 70 * MB, service=HOSTILE, vendor='"><img src=x onerror=alert(1)>'),
        usage(WEEK, "all", 9, MB, department="</style><script>"),
    ]
    rows["usage_daily"].append(
        {"day": WEEK, "app": "h/x", "service": HOSTILE, "grade": 4, "connections": 9, "people_hidden": False}
    )
    rows["first_seen"].append(
        {"app": "h/x", "service": HOSTILE, "site": "all", "first_week": WEEK, "grade": 4}
    )
    rows["coverage_daily"] = [row | {"sensor": "span\"'<&>"} for row in rows["coverage_daily"]]
    text = written(tmp_path, make(tmp_path / "lake", rows))
    page = Reader(text)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert HOSTILE in "".join(page.words)
    assert text.count("</style>") == 1


@pytest.mark.parametrize("week", ["2026-W46", "1999-W01"])
def test_an_empty_lake_still_makes_a_page(tmp_path: Path, week: str) -> None:
    after = datetime(2026, 11, 16, tzinfo=UTC)
    report = weekly(make(tmp_path / "lake", {}), tmp_path / "r.html", week=week, now=after)
    assert "We cannot tell" in "".join(Reader(report.path.read_text(encoding="utf-8")).words)


def test_a_failed_report_leaves_the_old_file_and_no_partial_one(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")
    with pytest.raises(LakeUnreadable):
        weekly(tmp_path / "nowhere", target)
    assert target.read_text() == "old"
    weekly(make(tmp_path / "lake", plain()), target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lake", "report.html"]


def test_the_terminal_summary_has_the_same_order(story: Path) -> None:
    lines = summary(story).splitlines()
    assert 12 <= len(lines) <= 18
    assert lines[0].startswith("Shadow AI, week 46 · 9–15 November 2026")
    assert lines[1].startswith("138 people sent")
    labels = [line.split("  ")[1] for line in lines if line.startswith("  ")]
    assert labels[:5] == [
        "People using AI", "Services in use", "Sent", "First seen", "Named traffic",
    ]  # fmt: skip
    assert labels[5] == "ChatGPT"
    assert "●" in next(line for line in lines if "ChatGPT  " in line)
    assert all(len(line) <= 110 for line in lines)


def test_the_terminal_summary_ends_with_what_would_help(tmp_path: Path) -> None:
    rows = plain()
    assert "What helps most" not in summary(make(tmp_path / "well", rows))
    rows["coverage_daily"] = [watched(day, one_sided_flows=31_000) for day in days(WEEK)]
    last = summary(make(tmp_path / "one way", rows)).splitlines()[-1]
    assert last == "What helps most: mirror both directions to hq-span (pcap)."


def test_the_terminal_summary_is_safe_and_has_words_for_nothing(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"].append(usage(WEEK, "h/x", 9, 70 * MB, service="\x1b[31mred\u202e"))
    told = summary(make(tmp_path / "hostile", rows))
    assert "\x1b" not in told
    assert "\u202e" not in told
    touched = usage(WEEK, "t/touched", 0, None, grade=2, hidden=False, service="Touched")
    told = summary(make(tmp_path / "touched", plain() | {"usage_weekly": [touched]}))
    assert "  connected" in next(line for line in told.splitlines() if "Touched" in line)  # not "0 people"
    assert "no week yet" in summary(make(tmp_path / "empty", {}))
    assert "We cannot tell" in summary(make(tmp_path / "other", {}), "2026-W46")
