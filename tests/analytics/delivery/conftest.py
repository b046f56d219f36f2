"""An outbox, and a certificate for servers on loopback."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from analytics.delivery.outbox import Outbox


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    box = Outbox(tmp_path / "outbox")
    with box.locked():
        pass  # makes the folder
    return box


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context
