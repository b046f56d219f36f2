"""Writes Zeek-format logs of one hour of a capture, from what tshark reads in it.

Zeek itself is not at hand where the cases are made, so the format follows its documentation (the
field order of Zeek 6's conn, dns, ssl, http and quic logs) and the content follows tshark. What
tshark cannot tell in Zeek's terms (`ssl_history`, fingerprints) is left unset.
"""

from __future__ import annotations

import hashlib
import ipaddress
import string
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.lab.zeekformat import LAYOUTS, LogRow, write_json, write_tsv

FIELDS = (
    "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.len", "ipv6.plen",
    "tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.len", "tcp.flags", "udp.srcport", "udp.dstport",
    "udp.length", "dns.id", "dns.flags.response", "dns.qry.name", "dns.qry.type", "dns.flags.rcode",
    "dns.flags.recavail", "dns.a", "dns.aaaa", "dns.resp.ttl", "tls.handshake.type",
    "tls.handshake.extensions_server_name", "tls.handshake.ciphersuite",
    "tls.handshake.extensions_key_share_group", "tls.record.opaque_type", "quic.version", "quic.dcid",
    "quic.scid", "tls.handshake.extensions_alpn_str", "http.request.method", "http.host",
    "http.request.uri", "http.request.version", "http.user_agent", "http.response.code",
    "http.response.phrase", "http.content_length", "http.content_type", "http.file_data",
)  # fmt: skip
JSON_COPIES = ("conn", "ssl")
LOCAL_NETS = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "2001:db8:20::/64"))
QUERY_TYPES = {1: "A", 28: "AAAA", 65: "HTTPS"}
RESPONSE_CODES = {0: "NOERROR", 3: "NXDOMAIN", 5: "REFUSED"}
CIPHERS = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
           0x1303: "TLS_CHACHA20_POLY1305_SHA256"}  # fmt: skip
CURVES = {23: "secp256r1", 24: "secp384r1", 29: "x25519", 4588: "X25519MLKEM768"}
FIN, SYN, RST, ACK = 1, 2, 4, 16
ALPHABET = string.digits + string.ascii_letters
Packet = dict[str, str]


@dataclass
class Side:
    """What one end of a connection sent."""

    packets: int = 0
    ip_bytes: int = 0
    payload: int = 0
    fin: bool = False
    rst: bool = False
    records: bool = False


@dataclass
class Connection:
    """A five-tuple and what was seen of it, in the terms of conn.log."""

    origin: tuple[str, int]
    responder: tuple[str, int]
    proto: str
    first: float
    last: float
    orig: Side = field(default_factory=Side)
    resp: Side = field(default_factory=Side)
    history: str = ""
    services: list[str] = field(default_factory=list)
    syn: bool = False
    answered: bool = False

    @property
    def uid(self) -> str:
        """A stable name in Zeek's shape, the same in all logs."""
        digest = hashlib.sha256(f"{self.origin}{self.responder}{self.proto}{self.first}".encode()).digest()
        return "C" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:17])

    def id_row(self, moment: float) -> LogRow:
        """The columns every log begins with."""
        return {
            "ts": moment,
            "uid": self.uid,
            "id.orig_h": self.origin[0],
            "id.orig_p": self.origin[1],
            "id.resp_h": self.responder[0],
            "id.resp_p": self.responder[1],
        }

    def add(self, packet: Packet, from_origin: bool) -> None:
        """Count one packet."""
        side = self.orig if from_origin else self.resp
        self.last = packet_time(packet)
        side.packets += 1
        side.ip_bytes += int(packet["ip.len"] or 0) or int(packet["ipv6.plen"] or 0) + 40
        if self.proto == "udp":
            side.payload += int(packet["udp.length"]) - 8
            self.note("D", from_origin)
            return
        flags, length = int(packet["tcp.flags"], 16), int(packet["tcp.len"])
        if length:
            side.payload = max(side.payload, int(packet["tcp.seq"]) + length - 1)
        side.fin |= bool(flags & FIN)
        side.rst |= bool(flags & RST)
        side.records |= "23" in packet["tls.record.opaque_type"].split(",")
        self.syn |= from_origin and flags & (SYN | ACK) == SYN
        self.answered |= not from_origin and flags & (SYN | ACK) == SYN | ACK
        self._note_tcp(flags, length, from_origin)

    def _note_tcp(self, flags: int, length: int, from_origin: bool) -> None:
        if flags & SYN:
            self.note("H" if flags & ACK else "S", from_origin)
        elif length:
            self.note("D", from_origin)
        elif not flags & (FIN | RST):
            self.note("A", from_origin)
        for flag, letter in ((FIN, "F"), (RST, "R")):
            if flags & flag:
                self.note(letter, from_origin)

    def note(self, letter: str, from_origin: bool) -> None:
        """Add a letter of the history, once, in capitals for the originator."""
        letter = letter if from_origin else letter.lower()
        if letter not in self.history:
            self.history += letter

    def use(self, service: str) -> None:
        """Remember a protocol recognised inside."""
        if service not in self.services:
            self.services.append(service)

    @property
    def state(self) -> str:
        """Zeek's `conn_state`."""
        if self.proto == "udp":
            return "SF" if self.resp.packets else "S0"
        if not self.syn or not self.answered:
            return "S0" if self.syn else "OTH"
        if self.orig.rst:
            return "RSTO"
        if self.resp.rst:
            return "RSTR"
        return {(True, True): "SF", (True, False): "S2", (False, True): "S3"}.get(
            (self.orig.fin, self.resp.fin), "S1"
        )

    def log_row(self) -> LogRow:
        """The line of conn.log."""
        duration = round(self.last - self.first, 6) if self.orig.packets + self.resp.packets > 1 else None
        return self.id_row(self.first) | {
            "proto": self.proto,
            "service": ",".join(self.services) or None,
            "duration": duration,
            "orig_bytes": self.orig.payload if duration is not None else None,
            "resp_bytes": self.resp.payload if duration is not None else None,
            "conn_state": self.state,
            "local_orig": is_local(self.origin[0]),
            "local_resp": is_local(self.responder[0]),
            "missed_bytes": 0,
            "history": self.history,
            "orig_pkts": self.orig.packets,
            "orig_ip_bytes": self.orig.ip_bytes,
            "resp_pkts": self.resp.packets,
            "resp_ip_bytes": self.resp.ip_bytes,
        }


class Reader:
    """Turns packets into the rows of the five logs."""

    def __init__(self) -> None:
        self.connections: dict[tuple[Any, ...], Connection] = {}
        self.logs: dict[str, list[LogRow]] = {name: [] for name in LAYOUTS}
        self.open_queries: dict[tuple[str, str, str], LogRow] = {}
        self.open_rows: dict[tuple[str, str], LogRow] = {}

    def read(self, packet: Packet) -> None:
        """Account one packet and log what it says."""
        proto = "tcp" if packet["tcp.srcport"] else "udp" if packet["udp.srcport"] else None
        if proto is None:
            return
        source = (packet["ip.src"] or packet["ipv6.src"], int(packet[f"{proto}.srcport"]))
        target = (packet["ip.dst"] or packet["ipv6.dst"], int(packet[f"{proto}.dstport"]))
        from_origin = (proto, source, target) in self.connections or (
            proto, target, source) not in self.connections  # fmt: skip
        key = (proto, source, target) if from_origin else (proto, target, source)
        moment = packet_time(packet)
        connection = self.connections.get(key)
        if connection is None:
            connection = Connection(source, target, proto, moment, moment)
            self.connections[key] = connection
        connection.add(packet, from_origin)
        self._read_dns(packet, connection, moment)
        self._read_hello(packet, connection, moment)
        self._read_http(packet, connection, moment)

    def _read_dns(self, packet: Packet, connection: Connection, moment: float) -> None:
        if not packet["dns.id"]:
            return
        connection.use("dns")
        key = (connection.uid, packet["dns.id"], packet["dns.qry.name"] + packet["dns.qry.type"])
        if packet["dns.flags.response"] in ("0", "False"):
            kind = int(packet["dns.qry.type"])
            row = connection.id_row(moment) | {
                "proto": "udp", "trans_id": int(packet["dns.id"], 16), "query": packet["dns.qry.name"],
                "qclass": 1, "qclass_name": "C_INTERNET", "qtype": kind,
                "qtype_name": QUERY_TYPES.get(kind, str(kind)), "AA": False, "TC": False, "RD": True,
                "RA": False, "Z": 0, "rejected": False,
            }  # fmt: skip
            self.open_queries[key] = row
            self.logs["dns"].append(row)
        elif (asked := self.open_queries.pop(key, None)) is not None:
            code = int(packet["dns.flags.rcode"])
            answers = [a for a in (packet["dns.a"] + "," + packet["dns.aaaa"]).split(",") if a]
            asked |= {
                "rtt": round(moment - asked["ts"], 6), "rcode": code,
                "rcode_name": RESPONSE_CODES.get(code, str(code)),
                "RA": packet["dns.flags.recavail"] in ("1", "True"), "answers": answers or None,
                "TTLs": [float(t) for t in packet["dns.resp.ttl"].split(",")] if answers else None,
                "rejected": code == 5,
            }  # fmt: skip

    def _read_hello(self, packet: Packet, connection: Connection, moment: float) -> None:
        kinds = packet["tls.handshake.type"].split(",")
        is_quic = bool(packet["quic.version"]) and connection.proto == "udp"
        if "1" in kinds and (connection.uid, "ssl") not in self.open_rows:
            name = packet["tls.handshake.extensions_server_name"].split(",")[0] or None
            if is_quic:
                self._open_quic(packet, connection, moment, name)
            connection.use("ssl")
            row = connection.id_row(moment) | {
                "server_name": name, "resumed": False, "established": is_quic}  # fmt: skip
            self.open_rows[connection.uid, "ssl"] = row
            self.logs["ssl"].append(row)
        if "2" in kinds:
            row = self.open_rows.get((connection.uid, "ssl"), {})
            cipher = int(packet["tls.handshake.ciphersuite"].split(",")[-1], 16)
            groups = packet["tls.handshake.extensions_key_share_group"].split(",")
            row["version"] = "TLSv13" if cipher in CIPHERS else "TLSv12"
            row["cipher"] = CIPHERS.get(cipher, f"unknown-{cipher}")
            row["curve"] = CURVES.get(int(groups[-1])) if groups[-1] else None
        if connection.orig.records and connection.resp.records:
            self.open_rows.get((connection.uid, "ssl"), {})["established"] = True

    def _open_quic(self, packet: Packet, connection: Connection, moment: float, name: str | None) -> None:
        connection.use("quic")
        row = connection.id_row(moment) | {
            "version": "1", "client_initial_dcid": packet["quic.dcid"].split(",")[0].replace(":", ""),
            "client_scid": packet["quic.scid"].split(",")[0].replace(":", "") or None,
            "server_name": name,
            "client_protocol": packet["tls.handshake.extensions_alpn_str"].split(",")[0] or None,
            "history": "ISishH",
        }  # fmt: skip
        self.logs["quic"].append(row)

    def _read_http(self, packet: Packet, connection: Connection, moment: float) -> None:
        if packet["http.request.method"]:
            connection.use("http")
            row = connection.id_row(moment) | {
                "trans_depth": 1, "method": packet["http.request.method"], "host": packet["http.host"],
                "uri": packet["http.request.uri"], "user_agent": packet["http.user_agent"] or None,
                "version": packet["http.request.version"].removeprefix("HTTP/"),
                "request_body_len": int(packet["http.content_length"] or 0), "response_body_len": 0,
            }  # fmt: skip
            self.open_rows[connection.uid, "http"] = row
            self.logs["http"].append(row)
        elif packet["http.response.code"]:
            row = self.open_rows.get((connection.uid, "http"), {})
            row["status_code"] = int(packet["http.response.code"])
            row["status_msg"] = packet["http.response.phrase"] or None
            row["response_body_len"] = int(packet["http.content_length"] or 0) or (
                len(packet["http.file_data"].replace(":", "")) // 2)  # fmt: skip
            row["resp_mime_types"] = [packet["http.content_type"].split(";")[0]]

    def finished(self) -> dict[str, list[LogRow]]:
        """All rows, in order of time."""
        rows = self.logs | {"conn": [connection.log_row() for connection in self.connections.values()]}
        return {name: sorted(found, key=lambda row: row["ts"]) for name, found in rows.items()}


def packet_time(packet: Packet) -> float:
    """The packet's time in seconds, to the microsecond, as Zeek writes it in all its formats."""
    return round(float(packet["frame.time_epoch"]), 6)


def is_local(address: str) -> bool:
    """Whether the address belongs to the lab's company."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in net for net in LOCAL_NETS)


def write_hour(source: Path, hour: datetime, folder: Path, work: Path) -> list[str]:
    """Write the logs of the clock hour that `hour` begins; the names of the files written."""
    plain, cut = work / "zeek-day.pcap", work / "zeek-hour.pcap"
    subprocess.run(["zstd", "-q", "-d", "-f", str(source), "-o", str(plain)], check=True)
    limits = [(hour + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (0, 1)]
    subprocess.run(["editcap", "-A", limits[0], "-B", limits[1], str(plain), str(cut)], check=True)
    reader = Reader()
    for packet in read_packets(cut):
        reader.read(packet)
    files = []
    for name, rows in reader.finished().items():
        write_tsv(folder / f"{name}.log", name, rows, hour)
        files.append(f"{name}.log")
    (folder / "json").mkdir()
    for name in JSON_COPIES:
        write_json(folder / "json" / f"{name}.log", reader.finished()[name])
        files.append(f"json/{name}.log")
    return files


def read_packets(path: Path) -> list[Packet]:
    """The chosen fields of every packet, as tshark prints them."""
    command = ["tshark", "-r", str(path), "-n", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]
    command += [part for name in FIELDS for part in ("-e", name)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in text.splitlines()]
