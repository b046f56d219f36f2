"""Zeek's dhcp, kerberos, ntlm and radius logs as leases: TSV and JSON, what tells nobody."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping

import polars as pl
import pytest

from sensor import schema
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.logs.text.dhcp import ASSUMED_S
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_HOLDER
from sensor.sources.zeek import ZeekSource
from sensor.sources.zeek.text import LISTS, WANTED, log_of

AT_S = 1_795_341_600
_ID = {
    "ts": f"{AT_S}.5", "uid": "C1", "id.orig_h": "10.1.0.7", "id.orig_p": "49152", "id.resp_h": "10.1.0.2",
    "id.resp_p": "88",
}  # fmt: skip
DHCP = {
    "ts": f"{AT_S}.5", "uids": "C1,C2", "client_addr": "-", "assigned_addr": "10.1.0.7",
    "mac": "02:00:00:00:00:0A",
    "host_name": "ann-pc", "lease_time": "3600.0", "msg_types": "DISCOVER,OFFER,REQUEST,ACK",
}  # fmt: skip
KERBEROS = _ID | {"request_type": "TGS", "client": "ann/EXAMPLE.ORG", "service": "HOST/x", "success": "T"}
NTLM = _ID | {
    "username": "ann",
    "hostname": "ANN-PC",
    "domainname": "CORP",
    "success": "-",
    "server_tree_name": "example.org",
}
RADIUS = _ID | {"username": "ann", "mac": "02:00:00:00:00:0a", "framed_addr": "10.1.0.9", "result": "success"}

Row = Mapping[str, str]


def tsv(log: str, *rows: Row) -> bytes:
    fields = WANTED[log]
    head = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{log}",
    ]
    body = ["\t".join(row.get(name, "-") for name in fields) for row in rows]
    return "\n".join([*head, "\t".join(["#fields", *fields]), *body, ""]).encode()


def ndjson(log: str, *rows: Row) -> bytes:
    out = b""
    for row in rows:
        known = {name: value for name, value in row.items() if value != "-"}
        typed = {name: value.split(",") if name in LISTS else value for name, value in known.items()}
        typed |= {"success": row["success"] == "T"} if known.get("success") else {}
        out += json.dumps({"_path": log} | typed).encode() + b"\n"
    return out


def leases(data: bytes) -> pl.DataFrame:
    file = File("x.log", "id", data[:HEAD_BYTES], len(data), lambda: io.BytesIO(data))
    batches = list(ZeekSource().read(Input((file,), "id")))
    assert all(batch.frames["observations"].is_empty() for batch in batches)
    return pl.concat(schema.LEASES.conform(batch.frames["leases"]) for batch in batches)


@pytest.mark.parametrize("write", [tsv, ndjson])
@pytest.mark.parametrize(("log", "row", "expected"), [
    ("dhcp", DHCP, ("10.1.0.7", "02:00:00:00:00:0a", None, "ann-pc", "dhcp", 3600)),
    ("dhcp", DHCP | {"assigned_addr": "-", "client_addr": "10.1.0.7", "lease_time": "-", "msg_types": "INFORM,ACK"},
     ("10.1.0.7", "02:00:00:00:00:0a", None, "ann-pc", "dhcp", ASSUMED_S)),
    ("kerberos", KERBEROS, ("10.1.0.7", None, "ann", None, "directory", WORKING_DAY_S)),
    ("ntlm", NTLM, ("10.1.0.7", None, "CORP\\ann", "ANN-PC", "directory", WORKING_DAY_S)),
    ("radius", RADIUS, ("10.1.0.9", "02:00:00:00:00:0a", "ann", None, "radius", WORKING_DAY_S)),
])  # fmt: skip
def test_who_held_an_address(write: object, log: str, row: Row, expected: tuple[object, ...]) -> None:
    data = write(log, row)  # type: ignore[operator]
    assert log_of(data) == log
    assert ZeekSource.recognise(data) > 0.9
    (lease,) = leases(data).rows(named=True)
    held = (lease["valid_to"] - lease["valid_from"]).total_seconds()
    told = tuple(lease[name] for name in ("address", "mac", "user_name", "device", "origin"))
    assert (*told, held) == expected
    assert lease["valid_from"].timestamp() == AT_S + 0.5


def test_an_endless_lease_has_no_end() -> None:
    assert leases(tsv("dhcp", DHCP | {"lease_time": "4294967295.0"}))["valid_to"].to_list() == [None]


def test_machine_accounts_are_devices() -> None:
    (lease,) = leases(tsv("kerberos", KERBEROS | {"client": "ANN-PC$/EXAMPLE.ORG"})).rows(named=True)
    assert (lease["user_name"], lease["device"]) == (None, "ann-pc")


@pytest.mark.parametrize(("log", "row"), [
    ("dhcp", DHCP | {"msg_types": "DISCOVER,OFFER"}),
    ("dhcp", DHCP | {"assigned_addr": "0.0.0.0"}),
    ("kerberos", KERBEROS | {"success": "F"}),
    ("kerberos", KERBEROS | {"client": "-"}),
    ("ntlm", NTLM | {"success": "F"}),
    ("ntlm", NTLM | {"username": "-"}),
    ("radius", RADIUS | {"result": "failed"}),
    ("radius", RADIUS | {"framed_addr": "255.255.255.254"}),
])  # fmt: skip
def test_what_tells_nobody(log: str, row: Row) -> None:
    data = tsv(log, row)
    assert leases(data).is_empty()
    file = File("x.log", "id", data, len(data), lambda: io.BytesIO(data))
    (batch,) = ZeekSource().read(Input((file,), "id"))
    assert batch.frames["rejects"]["reason"].to_list() == [NO_HOLDER]


@pytest.mark.parametrize("written", [tsv, ndjson])
def test_dhcp_up_to_zeek_2_5(written: Callable[[str, Row], bytes]) -> None:
    old = _ID | {
        "mac": "02:00:00:00:00:0A",
        "assigned_ip": "10.1.0.7",
        "lease_time": "3600.0",
        "trans_id": "7",
    }
    (row,) = leases(written("dhcp", old)).rows(named=True)
    assert (row["address"], row["mac"], row["origin"]) == ("10.1.0.7", "02:00:00:00:00:0a", "dhcp")
    assert (row["valid_to"] - row["valid_from"]).total_seconds() == 3600
    assert log_of(json.dumps(old).encode() + b"\n") == "dhcp"
