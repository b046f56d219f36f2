"""Answers of the resolvers of Oracle's and Alibaba's clouds, which name connections."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.alibaba_dns import AlibabaDnsFormat
from sensor.sources.logs.formats.oci_dns import OciDnsFormat
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.reasons import HOSTED_ZONE, REPEATED
from tests.sensor.sources.logs.formats.reading import read

ORACLE = {"type": "com.oraclecloud.dns.private.resolver", "time": "2026-10-06T10:00:00Z", "data": {"qname": "chat.example.org.", "qtype": "A", "rcodeName": "NOERROR", "sourceAddress": "10.1.2.3", "answer": "[CNAME a.example.net.] [a.example.net. 5 A 192.0.2.7] [a.example.net. 5 A 192.0.2.8]"}}  # fmt: skip
ALIBABA = {"__topic__": "dns_intranet_log", "__time__": "1791280800", "vpc_id": "vpc-1", "query_name": "chat.example.org.", "query_type": "A", "rcode": "0", "src_addr": "10.1.2.3", "module_type": "GLOBAL", "answer_rrset": '["chat.example.org. 60 A 192.0.2.7","chat.example.org. 60 A 192.0.2.8"]'}  # fmt: skip


@pytest.mark.parametrize(("log_format", "record"), [(OciDnsFormat, ORACLE), (AlibabaDnsFormat, ALIBABA)])
def test_a_lookup_has_its_client_and_its_answers(
    log_format: type[LogFormat], record: dict[str, object]
) -> None:
    (row,) = read(log_format, json.dumps(record) + "\n").iter_rows(named=True)
    assert (row["client"], row["host"], row["qtype"]) == ("10.1.2.3", "chat.example.org", "A")
    assert row["answers"] == ["192.0.2.7", "192.0.2.8"]
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00+00:00"


def test_a_lookup_counts_once_however_many_modules_it_passed() -> None:
    records = (ALIBABA, ALIBABA | {"module_type": "CACHE"}, ALIBABA | {"__topic__": "dns_resolve_log"})
    found = read(AlibabaDnsFormat, "".join(json.dumps(record) + "\n" for record in records))
    assert found["reason"].to_list() == [None, REPEATED, HOSTED_ZONE]
