"""A training host that reads its data over NFS: a file server beside a job's rendezvous."""

from __future__ import annotations

from tests.lab.selfhosted import torch_distributed

STORY = (
    "NFS-Ganesha serves a folder in memory on port 2049; on another host, libnfs lists it. Then both "
    "hosts meet in a PyTorch job: so the file server is one of a GPU cluster, and its traffic is in "
    "clear."
)
PACKAGES = ("torch",)
PROGRAMS = {"nfs-ganesha": "ganesha.nfsd -v"}
PORT = 2049
PLACE = 119
TELLS = [
    {"app": "behaviours/nfs", "server_port": 2049, "kind": "flow"},
    {"app": "behaviours/torch-distributed"},
]
FINDINGS = ["plaintext_fabric"]
_SETTINGS = """
NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = 2049; Bind_addr = {address};
                  Enable_NLM = false; Enable_RQUOTA = false; }}
NFSv4 {{ Grace_Period = 1; Lease_Lifetime = 5; RecoveryBackend = fs; RecoveryRoot = {home}; }}
EXPORT {{ Export_Id = 1; Path = /lab; Pseudo = /lab; Access_Type = RW; Squash = None; SecType = sys;
         FSAL {{ Name = MEM; }} }}
"""


def serve(address: str) -> None:
    """Files, and rank 0."""
    import subprocess
    from pathlib import Path

    settings = Path.home() / "ganesha.conf"
    settings.write_text(_SETTINGS.format(address=address, home=Path.home()))
    subprocess.Popen(["ganesha.nfsd", "-F", "-L", "STDERR", "-f", str(settings), "-p", "ganesha.pid"])
    torch_distributed.serve(address)


def use(address: str) -> None:
    """A look into the folder, then rank 1."""
    import subprocess
    import time

    time.sleep(3)  # grace
    subprocess.run(["nfs-ls", f"nfs://{address}/lab?version=4"], check=True)
    torch_distributed.use(address)
