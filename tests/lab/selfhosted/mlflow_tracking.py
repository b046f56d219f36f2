"""An MLflow tracking server and its client."""

from __future__ import annotations

STORY = (
    "An MLflow tracking server on port 5000; its Python client makes an experiment and a run with a figure."
)
PACKAGES = ("mlflow",)
PORT = 5000
PLACE = 107
TELLS = [{"app": "behaviours/mlflow", "status": 200, "credential": "none"}]
FINDINGS = ["unauthenticated_server"]


def serve(address: str) -> None:
    """With its store in a folder that goes away."""
    import os
    import subprocess
    import sys
    import tempfile

    os.chdir(tempfile.mkdtemp())
    subprocess.run(
        [sys.executable, "-m", "mlflow", "server", "--host", address, "--port", str(PORT), "--workers", "1",
         "--allowed-hosts", "*", "--backend-store-uri", "sqlite:///lab.db"], check=False,
    )  # fmt: skip


def use(address: str) -> None:
    """An experiment, a run, a figure."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"http://{address}:{PORT}")
    run = client.create_run(client.create_experiment("lab"))
    client.log_metric(run.info.run_id, "loss", 0.5)
    client.set_terminated(run.info.run_id)
