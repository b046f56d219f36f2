"""Every report in every format: the same bytes twice, the same figures, nothing run or fetched."""

import contextlib
import csv
import html
import io
import json
import re
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import duckdb
import pytest

from analytics.render.document import Document, ExtraMissing
from analytics.render.formats import FORMATS
from analytics.render.html import stylesheet
from analytics.reports import prepare as preparing
from analytics.reports import write as writing

from .lakes import WEEK, make, plain, usage

OPEN = [name for name in preparing.names() if not preparing.spec_of(name).restricted]


@pytest.fixture(scope="module")
def lake(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, with a catalog that knows its services."""
    lake = tmp_path_factory.mktemp("formats") / "lake"
    shutil.copytree(story, lake)
    with duckdb.connect(str(lake / "open.duckdb")) as connection:
        connection.execute(
            "INSERT INTO catalog (app, service) SELECT DISTINCT u.app, u.service FROM usage_weekly u "
            "WHERE u.app NOT IN (SELECT app FROM catalog)"
        )
    return lake


@pytest.fixture(scope="module")
def documents(lake: Path) -> dict[str, Document]:
    weekly = preparing.prepare(lake)
    return {name: preparing.prepare(lake, name, about=_about(weekly, name)) for name in OPEN}


@pytest.fixture(scope="module")
def pdf(documents: dict[str, Document]) -> Callable[[str], bytes]:
    """A report as PDF, written once."""
    pytest.importorskip("weasyprint")
    return cache(lambda name: FORMATS["pdf"].write(documents[name]))


def _about(weekly: Document, name: str) -> str:
    """A service or department with figures that may be shown."""
    kind = preparing.spec_of(name).about
    rows = weekly.result.rows("services" if kind == "app" else "departments") if kind else ()
    return next((str(row[kind]) for row in rows if row["people"] is not None), "")


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "pdf"])
@pytest.mark.parametrize("name", OPEN)
def test_the_same_data_gives_the_same_bytes(documents: dict[str, Document], name: str, form: str) -> None:
    first = FORMATS[form].write(documents[name])
    assert first
    assert FORMATS[form].write(documents[name]) == first


@pytest.mark.parametrize("name", OPEN)
def test_json_carries_every_figure_with_sql_and_hash(documents: dict[str, Document], name: str) -> None:
    told = json.loads(FORMATS["json"].write(documents[name]))
    tables = documents[name].result.tables
    assert {f["id"]: f["sha256"] for f in told["figures"]} == {i: t.digest for i, t in tables.items()}
    assert all(f["sql"].startswith("--") for f in told["figures"])
    assert told["page"]["claim"] == documents[name].page.claim


@pytest.mark.parametrize("name", OPEN)
def test_markdown_and_html_say_the_same_sentence(documents: dict[str, Document], name: str) -> None:
    claim = documents[name].page.claim
    assert len(claim) > 10
    assert claim in FORMATS["html"].write(documents[name]).decode()
    plain_text = FORMATS["md"].write(documents[name]).decode().replace("\\", "")
    assert claim in plain_text


def test_csv_has_the_rows_and_disarms_formulas(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"].append(usage(WEEK, "x/evil", 9, 5, service="=1+cmd"))
    found = preparing.prepare(make(tmp_path, rows))
    with zipfile.ZipFile(io.BytesIO(FORMATS["csv"].write(found))) as archive:
        assert {Path(n).stem for n in archive.namelist()} == set(found.result.tables)
        lines = list(csv.DictReader(io.StringIO(archive.read("services.csv").decode())))
    assert len(lines) == len(found.result.rows("services"))
    assert "'=1+cmd" in {line["service"] for line in lines}


def test_a_department_told_with_others_is_not_said_to_use_nothing(tmp_path: Path) -> None:
    """Its row was pooled, and the page said that no exchange was seen."""
    page = preparing.prepare(make(tmp_path, plain()), "department", about="Sales", period="2026-W45").page
    assert page.sentence.startswith("What Sales used may not be shown by itself: fewer than 5 of its people ")
    assert "no exchange" not in page.sentence


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("e/echo", "We saw no exchange with echo in what we watched. Sensors"),
        (
            "n/notes",
            "We cannot tell whether anybody used Notes AI: its hosts also serve other things. Sensors",
        ),
    ],
)
def test_a_page_about_a_service_says_nothing_of_others(tmp_path: Path, app: str, said: str) -> None:
    rows = plain()
    rows["catalog"] += [{"app": "e/echo", "service": "echo"}, {"app": "n/notes", "service": "Notes AI"}]
    page = preparing.prepare(make(tmp_path, rows), "app", about=app).page
    assert page.sentence.startswith(said)


def test_xlsx_columns_are_typed(documents: dict[str, Document]) -> None:
    pytest.importorskip("xlsxwriter")
    with zipfile.ZipFile(io.BytesIO(FORMATS["xlsx"].write(documents["weekly"]))) as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()  # the first figure: totals
    row = documents["weekly"].result.rows("totals")[-1]
    assert f"<v>{row['people']}</v>" in sheet
    assert f"<v>{row['bytes_up']}</v>" in sheet
    serial = row["week"].toordinal() - 693594  # days since 1899-12-30
    assert f"<v>{serial}</v>" in sheet
    assert "<f>" not in sheet
    widths = [float(width) for width in re.findall(r'<col [^>]*width="([\d.]+)"', sheet)]
    assert len(set(widths)) > 1 and min(widths) > len("2026-11-09") and max(widths) < 62


def test_weeks_read_as_days_and_controls_say_what_their_evidence_is(documents: dict[str, Document]) -> None:
    sections = {section.id: section for section in documents["quarterly"].page.sections}
    assert sections["controls"].labels[3] == "Evidence"
    weeks = [row[0].text for row in sections["weeks"].rows]
    assert {"26 Oct – 1 Nov", "2–8 Nov", "9–15 Nov"} <= set(weeks)


def test_pdf_is_tagged_repeats_and_asks_for_nothing(
    documents: dict[str, Document], pdf: Callable[[str], bytes], tmp_path: Path
) -> None:
    first = pdf("daily")
    assert FORMATS["pdf"].write(documents["daily"]) == first
    if shutil.which("pdfinfo"):
        (tmp_path / "r.pdf").write_bytes(first)
        told = [
            subprocess.run(["pdfinfo", *more, tmp_path / "r.pdf"], capture_output=True, text=True, check=True)
            for more in ([], ["-meta"])
        ]
        assert re.search(r"Tagged: +yes", told[0].stdout)
        assert "pdfuaid:part" in told[1].stdout


@pytest.mark.parametrize("name", ["weekly", "daily"])
def test_pdf_has_words_for_every_figure_and_an_order_of_reading(
    documents: dict[str, Document], pdf: Callable[[str], bytes], tmp_path: Path, name: str
) -> None:
    """What PDF/UA-1 (ISO 14289-1) asks, looked up in the objects; no validator is among our tools."""
    content = pdf(name)
    packed = [content]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        with contextlib.suppress(zlib.error):
            # What is packed may end in a byte that looks like the line end behind it.
            packed.append(zlib.decompressobj().decompress(stream))
    objects = b"\n".join(packed)
    figures = len(re.findall(rb"/S\s*/Figure\b", objects))
    assert len(re.findall(rb"/Alt\s*[(<]", objects)) == figures > 4
    assert re.search(rb"/Lang\s*\(en\)", objects)  # 7.2
    assert re.search(rb"/MarkInfo\s*<<\s*/Marked true", objects)  # 6.2
    assert b"/DisplayDocTitle true" in objects  # 7.1
    assert len(re.findall(rb"/Tabs\s*/S\b", objects)) >= 1  # 7.18.3
    cells = len(re.findall(rb"/S\s*/TD\b", objects))
    assert len(re.findall(rb"/Headers\s*\[\s*[(<]", objects)) == cells > 4  # 7.5
    fonts = len(re.findall(rb"/Type\s*/FontDescriptor\b", objects))
    assert len(re.findall(rb"/FontFile[23]?\b", objects)) == fonts > 0  # 7.21.4.1
    assert re.search(rb"/Outlines\b", objects)
    if shutil.which("pdfinfo"):
        (tmp_path / "r.pdf").write_bytes(content)
        # Words cost pdfinfo seconds on a page of tables; the short one shows that headings carry theirs.
        how = "-struct-text" if name == "daily" else "-struct"
        told = subprocess.run(["pdfinfo", how, tmp_path / "r.pdf"], capture_output=True, text=True)
        tags = re.findall(r"^ *(Document|H1|H2|Table|THead|TH|TD)\b", told.stdout, re.MULTILINE)
        assert tags[:2] == ["Document", "H1"] and tags.count("H1") == 1
        assert {"Table", "THead", "TH", "TD"} <= set(tags)
        headings = re.findall(r"<h2[^>]*>(.*?)</h2>", FORMATS["html"].write(documents[name]).decode())
        assert tags.count("H2") == len(headings) > 1
        if name == "daily":
            spoken = re.findall(r'^ *H2 [^"]*"(.*?)"', told.stdout, re.MULTILINE)
            assert spoken == [html.unescape(one) for one in headings]


@pytest.mark.parametrize(("form", "module"), [("pdf", "weasyprint"), ("xlsx", "xlsxwriter")])
def test_a_missing_extra_says_what_to_install(
    documents: dict[str, Document], monkeypatch: pytest.MonkeyPatch, form: str, module: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ExtraMissing, match=rf"pip install 'shadow-ai-sensor\[{form}\]'"):
        FORMATS[form].write(documents["daily"])


def test_the_archive_keeps_each_result_once(tmp_path: Path) -> None:
    lake = make(tmp_path, plain())
    first = writing.archive(lake, preparing.prepare(lake))
    assert first is not None
    assert writing.archive(lake, preparing.prepare(lake)) == first
    assert json.loads(first.read_bytes())["period"] == "2026-W46"
    assert len(list((lake / "open" / "reports").rglob("*.json"))) == 1


def test_an_unknown_service_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(preparing.Unknown, match="no service this lake shows"):
        preparing.prepare(make(tmp_path, plain()), "app", about="nowhere")


def test_hidden_departments_of_a_service_are_not_printed_as_none(tmp_path: Path) -> None:
    rows = plain()
    rows["catalog"] = [*rows["catalog"], rows["catalog"][0] | {"app": "d/delta", "service": "delta"}]
    page = preparing.prepare(make(tmp_path, rows), "app", about="delta").page
    assert page.claim == "Fewer than 5 people used delta; sent: hidden."
    assert {s.id: s.none for s in page.sections if not s.rows} == {
        "departments": "None that may be shown.",
        "lines": "None.",
        "found": "None.",
    }


def test_attempts_are_hidden_only_where_there_were_some(tmp_path: Path) -> None:
    rows = plain()
    rows["catalog"] = [*rows["catalog"], rows["catalog"][0] | {"app": "d/delta", "service": "delta"}]
    rows["blocked_weekly"] = [{"week": WEEK, "app": "a/alpha", "service": "alpha", "attempts": None}]
    lake = make(tmp_path, rows)
    for about, told in (("a/alpha", ["–", "hidden"]), ("d/delta", ["–"])):  # delta's own figures are hidden
        page = preparing.prepare(lake, "app", about=about).page
        weeks = next(section for section in page.sections if section.id == "weeks")
        assert [row[weeks.labels.index("Attempts")].text for row in weeks.rows] == told


def test_who_only_looked_it_up_is_hidden_not_missing(tmp_path: Path) -> None:
    rows = plain()
    rows["blocked_weekly"].append({"week": WEEK - timedelta(days=14), "app": "a/alpha", "attempts": 9})
    page = preparing.prepare(make(tmp_path, rows), "app", about="a/alpha").page
    weeks = next(section for section in page.sections if section.id == "weeks")
    seen = weeks.labels.index("Seen at any grade")
    assert [row[seen].text for row in weeks.rows] == ["–", "hidden or unknown", "hidden or unknown"]


def test_a_report_about_a_person_is_restricted_and_never_kept(tmp_path: Path) -> None:
    rows = plain()
    who = {"subject": "u1", "subject_kind": "device"}
    rows["people"] = [who | {"week": WEEK, "apps": 2, "grade": 4, "bytes_up": 9000}]
    rows["names_weekly"].append(rows["names_weekly"][0] | {"week": WEEK - timedelta(days=7)})
    lake = make(tmp_path, rows)
    (lake / "restricted.duckdb").write_bytes((lake / "open.duckdb").read_bytes())
    (lake / "restricted").mkdir()
    (lake / "restricted" / "restricted.duckdb").write_bytes((lake / "open.duckdb").read_bytes())
    found = preparing.prepare(lake, "person", about="u1")
    assert found.result.spec.restricted
    assert found.page.claim.startswith("The device used 2 services; sent: 9.0")
    assert found.page.title == "The device, week 46" and "u1" in found.page.facts
    before = preparing.prepare(lake, "person", about="u1", period="2026-W45").page.claim
    assert before == "The device: no exchange with an AI service in what we watched."
    assert writing.archive(lake, found) is None
    with pytest.raises(preparing.Unknown, match="'u2' is no token in this lake"):
        preparing.prepare(lake, "person", about="u2")


def _channel(value: str) -> float:
    share = int(value, 16) / 255
    return share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4)


def _luminance(colour: str) -> float:
    red, green, blue = (_channel(colour[i : i + 2]) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "bad", "ok", "tol", "rev"])
def test_text_colours_have_the_contrast_of_wcag_aa(scheme: int, name: str) -> None:
    block = re.findall(r":root \{(.*?)\}", stylesheet(), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    light, dark = sorted((_luminance(colours[name]), _luminance(colours["paper"])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_file_has_the_name_of_its_format(documents: dict[str, Document], tmp_path: Path) -> None:
    found = documents["daily"]
    asked = (("x.html", "md"), ("x.html", "html"), ("x.htm", "html"), ("x", "json"), ("x.text", "md"))
    written = [writing.write(found, tmp_path / name, [form])[0].name for name, form in asked]
    assert written == ["x.md", "x.html", "x.htm", "x.json", "x.text"]
    assert [path.name for path in writing.write(found, tmp_path / "y.html", ["html", "md"])] == [
        "y.html",
        "y.md",
    ]
