"""Posts letters as signed JSON over HTTPS.

    POST <path>
    Content-Type: application/json
    Idempotency-Key: <letter id>
    X-Shadowai-Timestamp: <seconds since 1970>
    X-Shadowai-Signature: sha256=<hex HMAC-SHA-256 of "<timestamp>.<body>" under the shared secret>

A receiver should check the signature, refuse old timestamps, and drop ids it has seen. Status 2xx means
accepted; after 408, 425, 429 and 5xx it is tried again; any other is final. Redirects are not followed, so
that a signed letter only goes to its address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from analytics.delivery.letter import DeliveryFailed, Letter, network_errors

_TIMEOUT_S = 30
_LATER = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTP endpoint that accepts letters."""

    url: str
    secret: str | None = None
    authority: Path | None = None
    attachments: bool = False  # the files too, as base64

    def send(self, letter: Letter) -> None:
        """Post the letter. Raises DeliveryFailed."""
        address = urlsplit(self.url)
        content = body(letter, attachments=self.attachments)
        moment = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "shadowai",
            "Idempotency-Key": letter.id,
            "X-Shadowai-Timestamp": moment,
        }
        if self.secret is not None:
            headers["X-Shadowai-Signature"] = signature(self.secret, moment, content)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        with network_errors():
            connection = self._connect()
            try:
                connection.request("POST", path, content, headers)
                status = connection.getresponse().status
            except http.client.HTTPException as error:
                raise DeliveryFailed(f"{address.hostname}: {type(error).__name__}") from None
            finally:
                connection.close()
        if not 200 <= status < 300:
            lasting = status not in _LATER and status < 500
            raise DeliveryFailed(f"{address.hostname} answered {status}", for_good=lasting)

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        host = address.hostname or ""
        if address.scheme == "http":
            return http.client.HTTPConnection(host, address.port, timeout=_TIMEOUT_S)
        trust = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
        return http.client.HTTPSConnection(host, address.port, timeout=_TIMEOUT_S, context=trust)


def body(letter: Letter, *, attachments: bool = False) -> bytes:
    """The JSON of a letter."""
    document: dict[str, object] = {
        "id": letter.id,
        "kind": letter.kind,
        "severity": letter.severity,
        "subject": letter.subject,
        "text": letter.text,
        "written_at": letter.written_at.isoformat(),
        "facts": dict(letter.facts),
    }
    if attachments:
        document["attachments"] = [
            {"name": a.name, "media_type": a.media_type, "base64": base64.b64encode(a.content).decode()}
            for a in letter.attachments
        ]
    return json.dumps(document, ensure_ascii=False, sort_keys=True, default=str).encode()


def signature(secret: str, timestamp: str, content: bytes) -> str:
    """The value of `X-Shadowai-Signature`."""
    signed = timestamp.encode() + b"." + content
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
