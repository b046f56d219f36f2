"""etcd, as clusters keep their state in it, and its own client."""

from __future__ import annotations

STORY = (
    "etcd listens on port 2379 without TLS or sign-in; etcdctl on another host writes a key and reads "
    "all. No GPU cluster's own protocol is spoken with either host, so it is told and nothing is found."
)
PACKAGES = ()
PROGRAMS = {"etcd": "etcd --version"}
PORT = 2379
PLACE = 115
TELLS = [{"app": "behaviours/etcd", "kind": "http"}]
FINDINGS: list[str] = []


def serve(address: str) -> None:
    """One member."""
    import subprocess

    url = f"http://{address}:{PORT}"
    subprocess.run(["etcd", "--listen-client-urls", url, "--advertise-client-urls", url], check=False)


def use(address: str) -> None:
    """Write, read."""
    import subprocess

    for words in (("put", "lab/a", "lorem"), ("get", "--prefix", "lab/")):
        subprocess.run(["etcdctl", f"--endpoints=http://{address}:{PORT}", *words], check=True)
