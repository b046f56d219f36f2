"""Slurm's controller, asked for the state of its nodes."""

from __future__ import annotations

STORY = (
    "Slurm's controller runs on port 6817, without MUNGE; sinfo on another host asks for partitions and "
    "nodes. What it says is not encrypted."
)
PACKAGES = ()
PROGRAMS = {"slurm": "slurmctld -V"}
PORT = 6817
PLACE = 118
TELLS = [{"app": "behaviours/slurm", "server_port": 6817, "kind": "flow"}]
FINDINGS = ["plaintext_fabric"]
_SETTINGS = """
ClusterName=lab
SlurmctldHost=gpu1({address})
AuthType=auth/none
CredType=cred/none
SlurmUser=root
StateSaveLocation={home}
SlurmctldPidFile={home}/slurmctld.pid
ProctrackType=proctrack/pgid
NodeName=gpu1 CPUs=1 State=UNKNOWN
PartitionName=lab Nodes=gpu1 Default=YES
"""


def serve(address: str) -> None:
    """The controller alone."""
    import subprocess

    settings = _settings(address)
    subprocess.run(["slurmctld", "-D", "-c", "-f", settings], env=_environment(settings), check=False)


def use(address: str) -> None:
    """Partitions and nodes."""
    import subprocess

    subprocess.run(["sinfo"], env=_environment(_settings(address)), check=True)


def _settings(address: str) -> str:
    from pathlib import Path

    path = Path.home() / "slurm.conf"
    path.write_text(_SETTINGS.format(address=address, home=Path.home()))
    return str(path)


def _environment(settings: str) -> dict[str, str]:
    import os

    return os.environ | {"SLURM_CONF": settings}
