"""`shadowai sources try`: what is no log of lines is named, not called unknown."""

import json
from pathlib import Path

from sensor.sources.detect import kinds_by_name
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.mitmproxy import shadowai_mitmproxy
from tests.product import run_here

ROOT = Path(__file__).parents[3]


def test_a_capture_is_named_and_not_tried(tmp_path: Path) -> None:
    file = "split-hello/capture.pcap"
    done = run_here(tmp_path, "sources", "try", ROOT / "pcaps" / file)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, *_ = done.stdout.splitlines()
    assert first.endswith(f"{file}: pcap, read as a whole by `shadowai scan`; no lines to try")
    assert second.startswith("pcap: ")


OWN = """
name = "corp-proxy"
help = "the proxy of ours"
vantage = "proxy"
kind = "proxy"
[layout]
delimiter = ";"
columns = ["time", "src", "site"]
[fields]
time = "time"
client = "src"
host = "site"
"""
ZEEK = ROOT / "pcaps" / "zeek-hour"


def test_a_zeek_log_is_tried_like_any_other(tmp_path: Path) -> None:
    done = run_here(tmp_path, "sources", "try", ZEEK / "dns.log")
    first, heading, row, *_ = done.stdout.splitlines()
    assert first == "zeek (dns): 79 of the first 79 lines, 79 rows used"
    assert heading.split() == ["seen_at", "kind", "action", "client", "host", "server"]
    assert row.split()[2:6] == ["dns", "allowed", "10.20.2.20", "www.google.com"]
    assert (
        "    carries no user, URL path, bytes up, bytes down\n    Give the folder, not one file: "
        in done.stdout
    )


def test_a_folder_of_zeek_logs_is_joined_as_a_scan_joins_it(tmp_path: Path) -> None:
    """Names and volumes stand in different logs; other files of the folder are passed over."""
    done = run_here(tmp_path, "sources", "try", ZEEK, "--rows", "200")
    assert done.stdout.startswith("zeek (dns + quic + ssl + http + conn): 253 of the first 253 lines, ")
    joined = ["tls", "allowed", "10.20.2.20", "www.google.com", "198.51.100.38", "3027", "5667", "3.930313"]
    assert joined in [line.split()[2:] for line in done.stdout.splitlines()]
    assert "bytes_up" in done.stdout.splitlines()[1]
    assert "Give the folder" not in done.stdout, "it was given"


def test_who_held_an_address_is_shown_of_zeeks_leases(tmp_path: Path) -> None:
    row = {
        "_path": "dhcp",
        "ts": 1794787199.0,
        "uids": ["C1"],
        "client_addr": "10.0.0.7",
        "mac": "00:00:5e:00:53:07",
        "host_name": "laptop-7",
        "assigned_addr": "10.0.0.7",
        "lease_time": 600.0,
        "msg_types": ["REQUEST", "ACK"],
    }
    (tmp_path / "dhcp.log").write_text(json.dumps(row) + "\n")
    done = run_here(tmp_path, "sources", "try", "dhcp.log")
    assert done.stdout.startswith("zeek (dhcp): 1 of the first 1 lines, 1 rows used\n")
    assert done.stdout.splitlines()[2].split()[2:] == ["lease", "10.0.0.7", "laptop-7"]


def test_a_log_without_offsets_is_told_the_zone_it_is_read_in(tmp_path: Path) -> None:
    text = "dnsmasq[1]: query[A] claude.ai from 10.0.0.9\n"
    (tmp_path / "bare.log").write_text(f"Nov 14 10:00:00 gw {text}")
    (tmp_path / "whole.log").write_text(f"2026-11-14T10:00:00+01:00 gw {text}")
    (tmp_path / "shadowai.toml").write_text('[sources.dnsmasq]\ntimezone = "America/New_York"\n')
    assert (
        "have no offset; read as America/New_York" in run_here(tmp_path, "sources", "try", "bare.log").stdout
    )
    assert "offset" not in run_here(tmp_path, "sources", "try", "whole.log").stdout


def test_a_file_that_is_no_zeek_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("one line\n")
    done = run_here(tmp_path, "sources", "try", "a.log", "--format", "zeek")
    assert (done.returncode, done.stderr) == (2, "shadowai: a.log: no Zeek log; try it without --format\n")


def test_each_kind_has_a_line_under_its_heading(tmp_path: Path) -> None:
    """All that is to be told of them took 557 lines."""
    done = run_here(tmp_path, "sources")
    groups = dict(part.split(":\n", 1) for part in done.stdout.split("\n\n")[:-1])
    assert list(groups)[:3] == [
        "Packets, and sensors that read them", "Proxies, web gateways and cloud access", "Firewalls",
    ]  # fmt: skip
    named = [line.split()[0] for group in groups.values() for line in group.splitlines()]
    assert sorted(named) == sorted(kinds_by_name())
    assert "  squid                  Squid access.log: " in groups["Proxies, web gateways and cloud access"]


def test_search_words_show_the_matching_kinds_in_full(tmp_path: Path) -> None:
    done = run_here(tmp_path, "sources", "Zscaler")
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line[0] != " "] == ["zpa", "zscaler"]
    assert done.stdout.count("\n    can prove: host, ") == 2
    both = run_here(tmp_path, "sources", "palo", "sd-wan")
    assert both.stdout.startswith("prisma-sdwan: ")
    assert SquidFormat.advice in run_here(tmp_path, "sources", "squid").stdout
    (tmp_path / "own.toml").write_text(OWN)
    for asked in (("--custom", "own.toml", "corp-proxy"), ("corp-proxy", "--custom", "own.toml")):
        assert run_here(tmp_path, "sources", *asked).stdout.startswith("corp-proxy: the proxy of ours\n")
    nothing = run_here(tmp_path, "sources", "nonsense")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert nothing.stderr.startswith("shadowai: no kind of input has 'nonsense' in its name or description; ")


def test_the_addon_is_printed_as_it_is(tmp_path: Path) -> None:
    done = run_here(tmp_path, "sources", "addon")
    assert done.stdout == Path(shadowai_mitmproxy.__file__).read_text(encoding="utf-8")


def test_a_format_asked_for_leaves_lines_of_others_to_those(tmp_path: Path) -> None:
    """The scan said that the kind asked for had read them."""
    line = "1794787199.000 5 10.0.0.7 TCP_TUNNEL/200 900 CONNECT chatgpt.com:443 - HIER_DIRECT/192.0.2.1 -\n"
    (tmp_path / "access.log").write_text(line)
    done = run_here(tmp_path, "scan", "access.log", "--format", "bind", "--lake", "lake")
    assert done.stdout.startswith("access.log: squid, 1 record, 1 sighting of 1 service\n")


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
