"""`shadowai sources try`: what is no log of lines is named, not called unknown."""

from pathlib import Path

import pytest

from tests.product import run_here

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("file", "kind"), [("split-hello/capture.pcap", "pcap"), ("zeek-hour/dns.log", "zeek")]
)
def test_what_is_read_as_a_whole_is_named(file: str, kind: str, tmp_path: Path) -> None:
    done = run_here(tmp_path, "sources", "try", ROOT / "pcaps" / file)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, *_ = done.stdout.splitlines()
    assert first.endswith(f"{file}: {kind}, read as a whole by `shadowai scan`; no lines to try")
    assert second.startswith(f"{kind}: ")


def test_a_format_asked_for_is_asked_first_and_a_wrong_name_has_a_neighbour(tmp_path: Path) -> None:
    line = "1794787199.000 5 10.0.0.7 TCP_TUNNEL/200 900 CONNECT chatgpt.com:443 - HIER_DIRECT/192.0.2.1 -\n"
    (tmp_path / "access.log").write_text(line)
    done = run_here(tmp_path, "sources", "try", "access.log", "--format", "squid")
    assert done.stdout.startswith("squid: 1 of the first 1 lines, 1 rows used\n")
    wrong = run_here(tmp_path, "sources", "try", "access.log", "--format", "squdi")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "shadowai: --format: no format 'squdi'; did you mean squid?\n",
    )
