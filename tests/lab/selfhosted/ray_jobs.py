"""A Ray head node whose Jobs API takes work from anybody."""

from __future__ import annotations

STORY = (
    "A Ray head node with its dashboard on port 8265; from another host a job is handed in and its state read, "
    "without any sign-in (ShadowRay, CVE-2023-48022, is this)."
)
PACKAGES = ("ray",)
PORT = 8265
PLACE = 112
TELLS = [{"app": "behaviours/ray", "status": 200, "credential": "none", "method": "POST"}]
FINDINGS = ["unauthenticated_server"]


def serve(address: str) -> None:
    """The head node, in the foreground."""
    import subprocess
    import sys
    from pathlib import Path

    ray = Path(sys.executable).with_name("ray")
    subprocess.run(
        [ray, "start", "--head", "--block", f"--node-ip-address={address}", f"--dashboard-host={address}",
         "--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats"], check=False,
    )  # fmt: skip


def use(address: str) -> None:
    """Hand a job in, read its state."""
    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(f"http://{address}:{PORT}")
    client.get_job_status(client.submit_job(entrypoint="true"))
    client.list_jobs()
