"""Two processes of an MPI job on two hosts, started as over ssh, without it."""

from __future__ import annotations

STORY = (
    "Open MPI starts a process on each of two hosts (by its launcher, without ssh, which would be "
    "encrypted); they exchange an array over TCP."
)
PACKAGES = ("openmpi", "mpi4py")
PORT = None
PLACE = 114
TELLS = [{"app": "behaviours/open-mpi"}]
FINDINGS = ["plaintext_fabric"]
_JOB = (
    "from mpi4py import MPI; import numpy as n; c = MPI.COMM_WORLD; a = n.zeros(4096)\n"
    "c.Allreduce(n.ones(4096), a); assert a[0] == c.Get_size() == 2"
)


def serve(address: str) -> None:
    """Nothing: the launcher begins what runs here."""
    import time

    time.sleep(600)


def use(address: str) -> None:
    """The job, from here."""
    import os
    import stat
    import subprocess
    import sys
    from pathlib import Path

    from tests.lab.selfhosted import __main__ as recorder

    agent = Path.home() / "agent"
    agent.write_text(f'#!/bin/sh\nshift\nexec ip netns exec {recorder.HOST} sh -c "hostname gpu1; $*"\n')
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    settings = {"PRTE_MCA_plm_ssh_agent": str(agent), "OMPI_MCA_btl": "tcp,self", "OMPI_MCA_pml": "ob1",
                "OMPI_MCA_btl_tcp_if_include": "eth0", "PRTE_MCA_prte_if_include": "eth0"}  # fmt: skip
    command = [
        "mpirun",
        "--allow-run-as-root",
        "--host",
        "desk1:1,gpu1:1",
        "-n",
        "2",
        sys.executable,
        "-c",
        _JOB,
    ]
    subprocess.run(command, env=os.environ | settings, check=True)
