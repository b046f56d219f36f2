"""Sends letters as syslog messages (RFC 5424), plain or in CEF.

Over UDP (RFC 5426), TCP with octet counts (RFC 6587) or TLS (RFC 5425).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from analytics.delivery.letter import SEVERITIES, Letter, network_errors

_TIMEOUT_S = 15
#: a receiver over UDP must take 480 bytes and should take 2048 (RFC 5426 section 3.2)
_DATAGRAM_BYTES = 2048
#: severity of a finding to CEF's 0–10
_CEF_SEVERITIES = {"critical": 10, "high": 8, "medium": 5, "low": 3, "info": 1}
#: facts that have a name of their own in CEF's dictionary
_CEF_NAMES = {
    "rule": "cat", "service": "destinationServiceName", "bytes_up": "out", "people": "cn1",
    "finding": "externalId",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Syslog:
    """A syslog receiver."""

    host: str
    port: int = 514
    transport: str = "udp"  # 'udp', 'tcp' (octet-counted), 'tls' (usually port 6514)
    style: str = "rfc5424"  # or 'cef'
    facility: int = 13  # log audit (RFC 5424 table 1)
    authority: Path | None = None
    version: str = "0"  # of the product, for CEF's header

    def send(self, letter: Letter) -> None:
        """Send one message. Raises DeliveryFailed."""
        content = self.message(letter, socket.gethostname())
        with network_errors():
            if self.transport == "udp":
                family, kind, protocol, _, address = socket.getaddrinfo(
                    self.host, self.port, type=socket.SOCK_DGRAM
                )[0]
                with socket.socket(family, kind, protocol) as datagram:
                    datagram.sendto(_cut(content, _DATAGRAM_BYTES), address)
                return
            with socket.create_connection((self.host, self.port), timeout=_TIMEOUT_S) as stream:
                self._over(stream, b"%d %s" % (len(content), content))

    def _over(self, stream: socket.socket, frame: bytes) -> None:
        if self.transport == "tcp":
            stream.sendall(frame)
            return
        trust = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
        with trust.wrap_socket(stream, server_hostname=self.host) as secured:
            secured.sendall(frame)
            # A receiver that refuses us says so only now (RFC 8446 section 4.4.2.4); one that just hangs up
            # after our close has taken the message.
            with suppress(ssl.SSLEOFError, ConnectionError):
                secured.unwrap()

    def message(self, letter: Letter, host: str) -> bytes:
        """The message without framing. Names and values are in its text, as we have no enterprise number (RFC
        5424 §7.2.2)."""
        priority = self.facility * 8 + SEVERITIES[letter.severity]
        stamp = letter.written_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        name = re.sub(r"[^\x21-\x7e]", "-", host)[:255] or "-"
        kind = re.sub(r"[^\x21-\x7e]", "-", letter.kind)[:32] or "-"
        text = self._cef(letter) if self.style == "cef" else _plain(letter)
        # the byte order mark says that the text is UTF-8 (RFC 5424 section 6.4); CEF readers expect none
        mark = "" if self.style == "cef" else "\ufeff"
        return f"<{priority}>1 {stamp} {name} shadowai - {kind} - {mark}{text}".encode()

    def _cef(self, letter: Letter) -> str:
        rule = str(letter.facts.get("rule") or letter.kind)
        header = ("CEF:0", "Shadow AI Sensor", "shadowai", self.version, rule, letter.subject)
        parts = "|".join(_escaped(part, r"\|") for part in header)
        known = {_CEF_NAMES[k]: v for k, v in letter.facts.items() if k in _CEF_NAMES and v is not None}
        if "cn1" in known:
            known["cn1Label"] = "people"
        known["msg"] = letter.text.split("\n", 1)[0]
        pairs = " ".join(f"{k}={_escaped(str(v), '=')}" for k, v in known.items())
        return f"{parts}|{_CEF_SEVERITIES[letter.severity]}|{pairs}"


def _plain(letter: Letter) -> str:
    """Subject, then name="value" pairs."""
    pairs = "".join(f' {name}="{_quoted(value)}"' for name, value in _known(letter.facts).items())
    return " ".join(letter.subject.split()) + pairs


def _known(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value is not None}


def _quoted(value: object) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", " ".join(str(value).split()))


def _escaped(text: str, characters: str) -> str:
    r"""CEF's escapes: a backslash before `\`, and before `|` in the header or `=` in the extension."""
    flat = " ".join(text.split()).replace("\\", "\\\\")
    for character in characters.replace("\\", ""):
        flat = flat.replace(character, "\\" + character)
    return flat


def _cut(content: bytes, limit: int) -> bytes:
    """At most `limit` bytes, cut between characters."""
    return content if len(content) <= limit else content[:limit].decode("utf-8", "ignore").encode()
