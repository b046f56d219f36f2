"""Lines go to the format that claims them; everything is counted; hostile bytes do no harm."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.errors import InputError
from sensor.sources import detect
from sensor.sources.inputs import unpack
from sensor.sources.inputs.open import find
from sensor.sources.interface import Batch, Source
from sensor.sources.logs import known_formats, sorting
from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.formats.elff import ElffFormat
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.reasons import HEADER

BIND = (
    "Oct  6 10:00:0{n} ns1 named[1]: client @0x1 10.1.2.3#53 (claude.ai): query: claude.ai IN A + (10.0.0.53)"
)
SQUID = "179128080{n}.500 2500 10.1.0.7 TCP_TUNNEL/200 8123 CONNECT chat.example.com:443 ann HIER_DIRECT/203.0.113.5 -"
RUBBISH = "Oct  6 10:00:00 host homemade[1]: something was done"


def batches(path: Path) -> list[tuple[type[Source], Batch]]:
    found = find([path])
    assert found.problems == []
    plan = detect.plan(found.files)
    return [(kind, batch) for kind, one in plan.inputs for batch in kind().read(one)]


def test_every_format_declares_itself() -> None:
    every = known_formats.all_formats()
    assert len({log_format.name for log_format in every}) == len(every)
    for log_format in every:
        assert log_format.help and isinstance(log_format.claims, pl.Expr)
        empty = pl.DataFrame(schema=dict.fromkeys(("line", "tag"), pl.String))
        assert empty.with_columns(mine=log_format.claims).schema["mine"] == pl.Boolean


def test_of_a_key_in_a_url_type_and_fingerprint_remain(tmp_path: Path) -> None:
    key = "AIza" + "b" * 35
    url = f"https://ai.corp.example/v1/models?key={key}&x=1"
    plain = "https://ai.corp.example/v1/models?key=AIzaShort"
    lines = [f"179128080{n}.500 25 10.1.0.7 TCP_MISS/200 812 GET {u} ann HIER_DIRECT/203.0.113.5 -"
             for n, u in enumerate((url, plain))]  # fmt: skip
    (tmp_path / "access.log").write_text("\n".join(lines) + "\n")
    rows = pl.concat([batch.frames["observations"] for _, batch in batches(tmp_path / "access.log")])
    found = rows.select("key_type", "software", "path").rows()
    assert found == [("google/api-key", schema.SENT_KEY, "/v1/models"), (None, None, "/v1/models")]
    assert rows["key_print"].str.len_chars().to_list() == [32, None]
    assert "bbbbb" not in repr(schema.OBSERVATIONS.conform(rows).rows())


def test_answers_come_with_the_first_part_of_a_block(tmp_path: Path) -> None:
    path = tmp_path / "all.log"
    answer = "client 10.1.2.3#53 (a.example.com): answer: a.example.com IN A + (10.0.0.53) -> NOERROR 60 A 192.0.2.7"
    path.write_text(f"{SQUID.format(n=1)}\n" + f"06-Oct-2026 10:00:00.123 {answer}\n" * 3)
    parts = [batch for _, batch in batches(path)]
    assert [batch.source for batch in parts] == ["squid", "bind"]
    assert [batch.frames["answers"].height for batch in parts] == [3, 0]


@pytest.mark.parametrize("log_format", known_formats.all_formats(), ids=lambda log_format: log_format.name)
def test_any_lines_are_parsed_without_harm(log_format: type[LogFormat]) -> None:
    lines = [
        "",
        "x",
        "{",
        '{"a":1}',
        "a=b c=d",
        "1,2,3",
        "\x1b[31m",
        "ÄÖ\ufffd",
        "9" * 50,
        "-",
        "[]",
        "<a>b</a>",
        '"',
        "|" * 20,
    ]
    frame = pl.DataFrame({"line": lines}).with_columns(
        tag=pl.lit(None, dtype=pl.String), sender=pl.lit(None, dtype=pl.String), header=pl.lit("a,b,c")
    )
    parsed = log_format().parse(frame)
    assert set(parsed.columns) & set(FIELDS)
    if "row" not in parsed.columns:
        assert parsed.height == len(lines)


def test_a_mixed_file_is_split_by_line(tmp_path: Path) -> None:
    path = tmp_path / "all.log"
    path.write_text("".join(f"{line.format(n=n)}\n" for n in range(5) for line in (BIND, SQUID, RUBBISH)))
    parts = batches(path)
    by_source = {batch.source: batch for _, batch in parts}
    assert set(by_source) == {"bind", "squid"}
    assert by_source["bind"].frames["observations"].height == 5
    assert by_source["squid"].frames["observations"].height == 5
    assert [batch.is_part for _, batch in parts] == [True, False]
    assert len({batch.position for _, batch in parts}) == 1
    rejected = pl.concat([batch.frames["rejects"] for _, batch in parts])
    assert rejected.select("reason", "count").rows() == [(sorting.NO_FORMAT, 5)]
    records = sum(batch.frames["coverage"]["records"].sum() for _, batch in parts)
    assert records == 15


def test_what_records_carry_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(
        "".join(f"{SQUID.format(n=n)}\n" for n in range(4)) + f"{SQUID.format(n=9).replace(' ann ', ' - ')}\n"
    )
    ((_, batch),) = batches(path)
    sums = batch.frames["coverage"].select(pl.col("^(used|with_.*)$").sum()).row(0, named=True)
    assert sums == {
        "used": 5, "with_time": 5, "with_user": 4, "with_host": 5, "with_path": 0, "with_bytes_up": 0, "with_bytes_down": 5, "with_action": 5,
    }  # fmt: skip


def test_a_record_of_several_minutes_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "nsg.json"
    tuples = ",".join(
        f'"{1_790_000_000 + seconds},10.0.0.4,192.0.2.7,4{seconds:03},443,{protocol},O,A,B,,,,"'
        for seconds, protocol in ((0, "I"), (60, "T"), (61, "T"))
    )
    flows = f'{{"rule":"r","flows":[{{"mac":"000D3AF87856","flowTuples":[{tuples}]}}]}}'
    head = '"time":"2026-09-21T13:20:00Z","category":"NetworkSecurityGroupFlowEvent"'
    path.write_text(f'{{{head},"properties":{{"Version":2,"flows":[{flows}]}}}}\n')
    ((_, batch),) = batches(path)
    assert batch.frames["observations"].height == 2
    sums = batch.frames["coverage"].select(pl.col("records", "used", "with_time", "with_action").sum())
    assert sums.row(0) == (1, 1, 1, 1)


def test_records_without_a_time_have_that_of_their_file_and_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "fw.log"
    event = "%FTD-6-430002: AccessControlRuleAction: Allow, SrcIP: 10.0.1.20, DstIP: 192.0.2.4, SrcPort: 50074, DstPort: 443, Protocol: tcp"
    odd = "99.13.2026T10:00:00Z"  # a clock is there, but not one that can be read: not the file's either
    path.write_text(f"fw1 {event}\n2026-10-06T10:00:00Z fw1 {event}\n{odd} {event}\n")
    os.utime(path, (1_790_000_000, 1_790_000_000))
    ((_, batch),) = batches(path)
    assert sorted(batch.frames["observations"]["seen_at"]) == [
        datetime.fromtimestamp(1_790_000_000, UTC), datetime(2026, 10, 6, 10, tzinfo=UTC)
    ]  # fmt: skip
    sums = batch.frames["coverage"].select(pl.col("records", "used", "with_time", "rejected").sum())
    assert sums.row(0) == (3, 2, 1, 1)


def test_a_header_holds_for_the_lines_below_it_and_after_a_resume(tmp_path: Path) -> None:
    class Headed(LogFormat):
        name = "headed"
        help = "a test"
        vantage = "proxy"
        claims = pl.lit(False) & pl.col("line").is_not_null()
        header = "^#cols "

        def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
            return lines.select(
                device="header",
                client=pl.col("line").str.extract(r"^(\S+)"),
                host=pl.lit("x.example"),
                time=pl.lit("2026-10-06T10:00:00Z"),
            )

    known_formats.add(Headed)
    try:
        path = tmp_path / "x.log"
        path.write_text("#cols one\n10.0.0.1 a\n10.0.0.2 b\n#cols two\n10.0.0.3 c\n")
        (file,) = find([path]).files
        (batch,) = Headed().read(detect.Input((file,), file.identity))
        seen = batch.frames["observations"]
        assert seen.select("client", "device").rows() == [
            ("10.0.0.1", "#cols one"),
            ("10.0.0.2", "#cols one"),
            ("10.0.0.3", "#cols two"),
        ]
        assert batch.frames["rejects"]["reason"].to_list() == [HEADER]
        (_, rest) = Headed().read(detect.Input((file,), file.identity), start=len("#cols one\n10.0.0.1 a\n"))
        assert rest.frames["observations"]["client"].to_list() == ["10.0.0.2", "10.0.0.3"]
    finally:
        known_formats.remove("headed")


def test_in_a_stream_a_header_holds_for_its_sender() -> None:
    def sent(host: str, line: str) -> str:
        return f"<134>2026-10-06T10:00:00Z {host} log[1]: {line}\n"

    named = {"ts": "2026-10-06T10:00:00Z", "src_ip": "10.1.2.9", "dstPort": 443, "sni": "chatgpt.com"}
    other = sent("fw2", json.dumps(named))
    heads = [
        sent("proxy1", "#Fields: date time c-ip cs-username cs-host sc-status"),
        sent("proxy2", "#Fields: date time cs-username c-ip sc-status cs-host"),
    ]
    below = [
        sent("proxy1", "2026-10-06 10:00:00 10.1.2.3 ann claude.ai 200"),
        sent("proxy2", "2026-10-06 10:00:00 ben 10.1.2.4 200 gemini.example"),
    ]
    reader = ElffFormat().reader(b"", datetime(2026, 10, 7, tzinfo=UTC))
    seen = []
    at = 0
    for text in (other + "".join(heads) + other + "".join(below), "".join(below) + other):
        data = text.encode()
        for batch in reader.batches(Block(at, at + len(data), data)):
            seen += batch.frames["observations"].select("client", "user_name", "host").rows()
        at += len(data)
    assert sorted(seen) == sorted(
        [("10.1.2.3", "ann", "claude.ai"), ("10.1.2.4", "ben", "gemini.example")] * 2
        + [("10.1.2.9", None, "chatgpt.com")] * 3
    )


def test_reading_from_any_position_gives_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    lines = [SQUID.format(n=n % 10) + "\n" for n in range(100)]
    path.write_text("".join(lines))
    (file,) = find([path]).files
    kind, _ = detect.recognise(file.head)
    assert kind is not None
    start = sum(map(len, lines[:40]))
    (batch,) = kind().read(detect.Input((file,), file.identity), start=start)
    assert batch.frames["observations"].height == 60
    assert batch.position == path.stat().st_size


def _packed(text: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/access.log", text)
        archive.writestr("logs/older.log.gz", gzip.compress(text.replace(b"10.1.0.7", b"10.1.0.8")))
        archive.writestr("empty.log", b"")
    return out.getvalue()


def test_archives_of_logs_are_read_directly(tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    path.write_bytes(_packed((SQUID.format(n=1) + "\n").encode() * 3))
    clients = [batch.frames["observations"]["client"].to_list() for _, batch in batches(path)]
    assert clients == [["10.1.0.7"] * 3, ["10.1.0.8"] * 3]


def test_the_list_of_an_archive_is_read_once_for_all_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read for each of them, an archive of 1,458 files took 9 CPU-s; those beyond the limit are told."""
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(40):
            archive.writestr(f"{n}.log", SQUID.format(n=n))
    opened: list[str] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, file: str) -> None:
            opened.append(file)
            super().__init__(file)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 30)
    found = find([path])
    assert [file.open().read() for file in found.files] == [SQUID.format(n=n).encode() for n in range(30)]
    assert found.problems == [
        f"{path}/30.log: not read, with all after it (10 of 40 files in here); unpack it first"
    ]
    assert len(opened) <= 2


def test_office_documents_and_damaged_archives_are_told(tmp_path: Path) -> None:
    office, cut = tmp_path / "a.xlsx", tmp_path / "b.zip"
    with zipfile.ZipFile(office, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
    cut.write_bytes(_packed(b"x" * 1000)[:60])
    with pytest.raises(InputError) as told:
        find([office, cut])
    assert f"{office}: an office document; save it as text" in str(told.value)
    assert f"{cut}: damaged zip archive" in str(told.value)


def test_utf16_nul_and_code_pages(tmp_path: Path) -> None:
    line = SQUID.format(n=1).replace("ann", "änn")
    (tmp_path / "a.log").write_bytes(("\ufeff" + f"{line}\r\n" * 3).encode("utf-16-le"))
    (tmp_path / "b.log").write_bytes((f"{line}\n" * 3).encode("cp1252") + b"\0" * 4096)
    users = [set(batch.frames["observations"]["user_name"]) for _, batch in batches(tmp_path)]
    assert users == [{"änn"}, {"\ufffdnn"}]


def test_a_line_without_end_is_counted_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with path.open("wb") as out:
        out.write((SQUID.format(n=1) + "\n").encode())
        for _ in range(200):
            out.write(b"x" * 1024 * 1024)
        out.write(b"\n" + (SQUID.format(n=2) + "\n").encode())
    seen = [batch for _, batch in batches(path)]
    assert sum(batch.frames["observations"].height for batch in seen) == 2
    reasons = pl.concat([batch.frames["rejects"] for batch in seen])["reason"].to_list()
    assert reasons == ["line too long"]


@given(
    st.lists(
        st.one_of(st.text(max_size=80), st.sampled_from([BIND, SQUID, RUBBISH, "{", '{"a":', "[1,"])),
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None)
def test_every_line_is_counted_once(lines: list[str]) -> None:
    text = "\n".join(lines).encode("utf-8", "replace")
    from sensor.sources.logs.formats.squid import SquidFormat
    from sensor.sources.logs.lines.blocks import blocks

    reader = SquidFormat(reference=datetime(2026, 11, 26, tzinfo=UTC)).reader()
    for block in blocks(io.BytesIO(text)):
        used = aside = 0
        for batch in reader.batches(block):
            used += batch.frames["observations"].height
            aside += batch.frames["rejects"]["count"].sum()
            schema.OBSERVATIONS.conform(batch.frames["observations"])
        assert used + aside == block.lines().height


def test_a_wrapped_record_of_a_known_product_goes_before_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "ecs.json"
    line = {
        "@timestamp": "2026-10-06T10:00:00Z",
        "ecs": {"version": "8"},
        "event": {"original": SQUID.format(n=1)},
        "source": {"ip": "9.9.9.9"},
    }
    path.write_text(json.dumps(line) + "\n")
    ((kind, batch),) = batches(path)
    assert kind.name == "squid"
    assert batch.frames["observations"]["client"].to_list() == ["10.1.0.7"]


def test_the_zone_of_one_format_is_not_that_of_the_others_in_the_file() -> None:
    kinds = known_formats.all_formats()
    first, other, foreign = [kind for kind in kinds if not (kind.own_zone or kind.usual_zone)][:3]
    source = first()
    source.localise({first.name: "Asia/Tokyo", foreign.name: "Europe/Berlin"}, "America/New_York")
    assert source.zone == "Asia/Tokyo"
    assert source.other(other).zone == "America/New_York"
    assert source.other(foreign).zone == "Europe/Berlin"


def test_the_usual_zone_of_a_format_is_its_own_only() -> None:
    kinds = [kind for kind in known_formats.all_formats() if kind.usual_zone]
    assert {"asim", "aws-elb", "defender", "elff", "netskope", "umbrella"} == {kind.name for kind in kinds}
    usual = kinds[0]
    plain = next(kind for kind in known_formats.all_formats() if not (kind.own_zone or kind.usual_zone))
    for zones, wanted in (({}, "UTC"), ({usual.name: "Asia/Tokyo"}, "Asia/Tokyo")):
        source = plain()
        source.localise(zones, "Europe/Berlin")
        there = source.other(usual)
        assert (there.zone, there.other(plain).zone) == (wanted, "Europe/Berlin")
