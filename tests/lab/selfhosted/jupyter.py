"""Jupyter Server without a token."""

from __future__ import annotations

STORY = (
    "Jupyter Server without a token on port 8888; a program lists kernels and contents and starts a "
    "terminal's list."
)
PACKAGES = ("jupyter_server",)
PORT = 8888
PLACE = 104
TELLS = [{"app": "behaviours/jupyter", "status": 200, "credential": "none"}]
FINDINGS = ["unauthenticated_server"]


def serve(address: str) -> None:
    """As many a notebook host has it."""
    import os
    import tempfile

    from jupyter_server.serverapp import ServerApp

    os.chdir(tempfile.mkdtemp())
    ServerApp.launch_instance([
        f"--ip={address}", f"--port={PORT}", "--allow-root", "--no-browser", "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
    ])  # fmt: skip


def use(address: str) -> None:
    """Look around."""
    import urllib.request

    for path in ("/api/kernelspecs", "/api/contents", "/api/terminals"):
        urllib.request.urlopen(f"http://{address}:{PORT}{path}").read()
