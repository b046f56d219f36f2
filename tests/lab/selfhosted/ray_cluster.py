"""A Ray head node, its state asked for over gRPC and its Jobs API over HTTP."""

from __future__ import annotations

STORY = (
    "A Ray head node runs on port 6379 with its dashboard on 8265. From another host, `ray status` asks its "
    "control store over gRPC in readable HTTP/2, and the Jobs API is asked for jobs. Nobody asks who it is."
)
PACKAGES = ("ray", "grpcio")
PORT = 8265
PLACE = 112
TELLS = [
    {"app": "behaviours/ray-core", "kind": "http"},
    {"app": "behaviours/ray", "status": 200, "credential": "none", "server_port": 8265},
]
FINDINGS = ["plaintext_fabric", "unauthenticated_server"]


def serve(address: str) -> None:
    """The head node, until it is stopped."""
    import subprocess

    command = ["ray", "start", "--head", "--block", f"--node-ip-address={address}", "--port=6379",
               "--num-cpus=1", "--object-store-memory=100000000", f"--dashboard-host={address}",
               "--disable-usage-stats"]  # fmt: skip
    subprocess.run(command, check=False)


def use(address: str) -> None:
    """State of the cluster, then its jobs."""
    import subprocess
    import urllib.request

    subprocess.run(["ray", "status", f"--address={address}:6379"], check=True)
    urllib.request.urlopen(f"http://{address}:{PORT}/api/jobs/").read()
