"""The layout of five of Zeek 6's logs, and how Zeek writes them: tab-separated, or a JSON object per line.

Field order and types follow Zeek's documentation of conn.log, dns.log, ssl.log, http.log, quic.log.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

LogRow = dict[str, Any]
ID = "ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port "
LAYOUTS = {
    "conn": ID + "proto:enum service:string duration:interval orig_bytes:count resp_bytes:count "
    "conn_state:string local_orig:bool local_resp:bool missed_bytes:count history:string "
    "orig_pkts:count orig_ip_bytes:count resp_pkts:count resp_ip_bytes:count tunnel_parents:set[string]",
    "dns": ID + "proto:enum trans_id:count rtt:interval query:string qclass:count qclass_name:string "
    "qtype:count qtype_name:string rcode:count rcode_name:string AA:bool TC:bool RD:bool RA:bool Z:count "
    "answers:vector[string] TTLs:vector[interval] rejected:bool",
    "ssl": ID + "version:string cipher:string curve:string server_name:string resumed:bool "
    "last_alert:string next_protocol:string established:bool ssl_history:string "
    "cert_chain_fps:vector[string] client_cert_chain_fps:vector[string] sni_matches_cert:bool",
    "http": ID + "trans_depth:count method:string host:string uri:string referrer:string version:string "
    "user_agent:string origin:string request_body_len:count response_body_len:count status_code:count "
    "status_msg:string info_code:count info_msg:string tags:set[enum] username:string password:string "
    "proxied:set[string] orig_fuids:vector[string] orig_filenames:vector[string] "
    "orig_mime_types:vector[string] resp_fuids:vector[string] resp_filenames:vector[string] "
    "resp_mime_types:vector[string]",
    "quic": ID + "version:string client_initial_dcid:string client_scid:string server_scid:string "
    "server_name:string client_protocol:string history:string",
}


def write_tsv(path: Path, name: str, rows: list[LogRow], hour: datetime) -> None:
    """A log in Zeek's default format."""
    columns = [column.split(":", 1) for column in LAYOUTS[name].split()]
    stamp = "%Y-%m-%d-%H-%M-%S"
    lines = [
        "#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-",
        f"#path\t{name}", f"#open\t{hour.strftime(stamp)}",
        "\t".join(["#fields", *(column for column, _ in columns)]),
        "\t".join(["#types", *(kind for _, kind in columns)]),
    ]  # fmt: skip
    lines += ["\t".join(zeek_text(row.get(column), kind) for column, kind in columns) for row in rows]
    lines.append(f"#close\t{(hour + timedelta(hours=1)).strftime(stamp)}")
    path.write_text("\n".join(lines) + "\n")


def zeek_text(value: Any, kind: str) -> str:
    """One value in Zeek's text format."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, list):
        inner = kind[kind.index("[") + 1 : -1]
        return ",".join(zeek_text(item, inner) for item in value) or "(empty)"
    if kind in ("time", "interval"):
        return f"{value:.6f}"
    return str(value) or "(empty)"


def write_json(path: Path, rows: list[LogRow]) -> None:
    """The same rows as one JSON object per line, unset fields left out."""
    lines = (json.dumps({k: v for k, v in row.items() if v is not None}) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines))
