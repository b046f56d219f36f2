"""The page in a real browser: nothing leaves it, nothing complains, two sheets before the annex."""

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.reports.prepare import prepare
from analytics.reports.write import weekly, write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DARK = "--blink-settings=preferredColorScheme=0"


@pytest.fixture(scope="module")
def folder(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page, and the page inside a phone-wide frame (headless windows are ≥ 500 px)."""
    folder = tmp_path_factory.mktemp("page")
    weekly(story, folder / "report.html")
    write(prepare(story, language="de"), folder / "woche.html", ["html"])
    for name, about in (("monthly", ""), ("app", "ChatGPT"), ("department", "Engineering")):
        write(prepare(story, name, about=about, language="de"), folder / f"{name}.html", ["html"])
    frame = '<!doctype html><title>phone</title><iframe src="report.html" width="390" height="4000"></iframe>'
    (folder / "phone.html").write_text(frame)
    return folder


class Site(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and remembers every path it was asked for."""

    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def site(folder: Path) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = functools.partial(type("Asked", (Site,), {"asked": asked}), directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    server.shutdown()
    server.server_close()
    thread.join()


def chromium(tmp_path: Path, *arguments: str) -> str:
    """Runs headless Chromium with a fresh profile; returns what it wrote to its log."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    return done.stderr


def requests(log: Path, origin: str) -> set[str]:
    """URLs of a Chromium net log that our address served or a page from it asked for.

    The browser's own chores (its updates, its experiments) name no page as initiator.
    """
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    ours = [e for e in events if origin in (e.get("initiator", ""), e.get("url", "")[: len(origin)])]
    return {e["url"] for e in ours if "method" in e}  # without a method it is only a connection


@pytest.mark.parametrize(
    ("page", "theme"), [("report.html", []), ("phone.html", [DARK])], ids=["desk-light", "phone-dark"]
)
def test_no_request_leaves_the_page_and_nothing_complains(
    tmp_path: Path, site: tuple[str, list[str]], page: str, theme: list[str]
) -> None:
    address, asked = site
    shot, netlog = tmp_path / "page.png", tmp_path / "net.json"
    told = chromium(
        tmp_path, *theme, f"--log-net-log={netlog}", f"--screenshot={shot}", "--window-size=1000,2000",
        address + page,
    )  # fmt: skip
    assert shot.stat().st_size > 20_000
    assert "CONSOLE" not in told
    # A browser asks any site for its icon; everything else would come from the page.
    assert set(asked) - {"/favicon.ico"} == {f"/{page}", "/report.html"}
    expected = {f"{address}{page}", f"{address}report.html"}
    assert requests(netlog, address.rstrip("/")) - {f"{address}favicon.ico"} == expected


#: Adds to a page what of it is wider than the frame: itself, or a box whose table has to be scrolled.
MEASURE = """<script>
const boxes = [document.documentElement, ...document.querySelectorAll(".scroll:has(table)")];
document.title = JSON.stringify(boxes.filter(b => b.scrollWidth > b.clientWidth).map(b => b.scrollWidth));
</script></body>"""


def test_no_page_scrolls_sideways_on_a_phone(tmp_path: Path, folder: Path) -> None:
    """A page without script cannot tell its width, so a probe beside it measures the frames."""
    pages = [page for page in sorted(folder.glob("*.html")) if page.stem not in ("phone", "probe")]
    probe, frames = folder / "probe.html", ""
    for page in pages:
        unlocked = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
        measured = html.escape(unlocked.replace("</body>", MEASURE))
        frames += f'<iframe srcdoc="{measured}" width="390" height="900"></iframe>'
    titles = "[...document.querySelectorAll('iframe')].map(f => f.contentDocument.title).join()"
    script = f"<script>onload = () => {{ w.textContent = {titles} }}</script>"
    probe.write_text(f'<!doctype html>{frames}<p id="w"></p>{script}', encoding="utf-8")
    command = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--allow-file-access-from-files",
    ]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", probe.as_uri()],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    told_wide = re.search(r'<p id="w">([^<]*)', done.stdout)
    assert told_wide is not None
    assert told_wide[1] == ",".join("[]" for _ in pages)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext (poppler-utils)")
@pytest.mark.parametrize(
    ("page", "title"), [("report", "Annex: method"), ("woche", "Anhang: Methode")], ids=["en", "de"]
)
def test_at_most_two_sheets_before_the_annex(tmp_path: Path, folder: Path, page: str, title: str) -> None:
    pdf = tmp_path / "report.pdf"
    chromium(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", (folder / f"{page}.html").as_uri())
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True)
    sheets = text.stdout.split("\f")
    annex = next(number for number, sheet in enumerate(sheets) if title in sheet)
    assert annex <= 2
    assert "SELECT" in "".join(sheets[annex:])  # folded parts are printed open
