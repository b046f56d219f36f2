"""AI keys in logs, in URLs and headers: type and fingerprint go on, the key does not."""

from __future__ import annotations

import hashlib
import json

import polars as pl
import pytest

from sensor import schema
from sensor.sources.logs.formats.aws_waf import AwsWafFormat
from sensor.sources.logs.formats.har import HarFormat, stripped
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.logs.formats.suricata import SuricataFormat
from sensor.sources.logs.formats.weblog import WeblogFormat
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keys
from sensor.sources.zeek import logs as zeek_logs
from sensor.sources.zeek.text import WANTED
from tests.sensor.decode.http.test_fields import random_tokens
from tests.sensor.sources.logs.formats import test_har
from tests.sensor.sources.logs.formats.reading import read
from tests.sensor.sources.logs.formats.test_suricata import event

KEY = "sk-ant-api03-" + "a1B-" * 23 + "_AA"
PRINT = hashlib.sha256(KEY.encode()).hexdigest()[:32]
_HEADER = {"name": "Authorization", "value": f"Bearer {KEY}"}
_WAF = {
    "timestamp": 1795341600000, "webaclId": "w", "action": "ALLOW", "responseCodeSent": 200,
    "httpRequest": {"clientIp": "10.1.0.7", "uri": "/v1/messages", "httpMethod": "POST",
                    "headers": [{"name": "Host", "value": "gw.example"}, {"name": "x-api-key", "value": KEY}]},
}  # fmt: skip
LOGS: list[tuple[type[LogFormat], str]] = [
    (SuricataFormat, event("http", 1, http={"hostname": "gw.example", "url": "/v1", "http_method": "POST",
                                            "status": 200, "request_headers": [_HEADER]})),
    (SuricataFormat, event("http", 1, http={"hostname": "gw.example", "url": f"/v1?key={KEY}"})),
    (WeblogFormat, json.dumps({"time_iso8601": "2026-11-20T10:00:00+00:00", "remote_addr": "10.1.0.7",
                               "host": "gw.example", "request": "POST /v1/messages HTTP/1.1", "status": 200,
                               "http_x_api_key": KEY})),
    (AwsWafFormat, json.dumps(_WAF)),
    (SquidFormat, f"1700000011.700 3 10.1.0.8 TCP_MISS/200 3 GET http://gw.example/?key={KEY} - HIER_NONE/- -"),
    (HarFormat, test_har.document(test_har.entry(request__headers=[_HEADER]))),
    (HarFormat, test_har.document(test_har.entry(request__url=f"https://gw.example/v1?key={KEY}"))),
]  # fmt: skip


@pytest.mark.parametrize(("log_format", "line"), LOGS)
def test_a_key_in_a_log(log_format: type[LogFormat], line: str) -> None:
    (row,) = schema.OBSERVATIONS.conform(read(log_format, line)).rows(named=True)
    assert (row["key_type"], row["key_print"]) == ("anthropic/api-key", PRINT)
    assert row["software"] == schema.SENT_KEY
    assert row["decrypted"] == (True if log_format is HarFormat else None)
    assert KEY not in repr(row)


def test_a_key_in_zeeks_http_log() -> None:
    line = {"ts": "1795341600.0", "uid": "C1", "id.orig_h": "10.1.0.7", "id.orig_p": "5000", "proto": "tcp",
            "id.resp_h": "198.51.100.7", "id.resp_p": "80", "method": "GET", "host": "gw.example",
            "uri": f"/v1/models?key={KEY}", "status_code": "200"}  # fmt: skip
    columns = {name: pl.Series([line.get(name)], dtype=pl.String) for name in WANTED["http"]}
    (row,) = zeek_logs.http(pl.DataFrame(columns)).rows(named=True)
    assert (row["key_type"], row["key_print"], row["path"]) == ("anthropic/api-key", PRINT, "/v1/models")


def test_of_an_entry_with_a_key_only_type_and_fingerprint_are_kept() -> None:
    kept = json.dumps(stripped(test_har.entry(request__headers=[_HEADER])))
    assert KEY not in kept
    assert PRINT in kept


def test_a_million_random_tokens_in_lines_are_no_keys() -> None:
    # Words and forms are those of the test about packets: one list, cut differently.
    few = random_tokens(125_000)
    lines = pl.Series([token[shift:].decode() for shift in range(8) for token in few], dtype=pl.String)
    text = pl.select("GET /a?token=" + lines + " HTTP/1.1").to_series()
    assert len(text) == 1_000_000
    assert keys.of_texts(text)["key_type"].null_count() == 1_000_000


def test_every_form_is_likely() -> None:
    shortest = {
        "openai/api-key": "sk-" + "a" * 20 + "T3BlbkFJ" + "a" * 20,
        "google/api-key": "AIza" + "a" * 35,
        "aws/bedrock-key": "ABSK" + "a/+b" * 28,
        "groq/api-key": "gsk_" + "a" * 52,
        "langsmith/api-key": "lsv2_pt_" + "a" * 32 + "_" + "b" * 10,
        "anthropic/api-key": KEY,
    }
    found = keys.of_texts(pl.Series([f"x={key}&y" for key in shortest.values()]))
    assert found["key_type"].to_list() == list(shortest)
