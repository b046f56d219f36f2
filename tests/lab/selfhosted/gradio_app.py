"""A Gradio app and its client."""

from __future__ import annotations

STORY = (
    "A Gradio app answers its own Python client on port 7860: configuration, a call, its result as an "
    "event stream."
)
PACKAGES = ("gradio", "gradio_client")
PORT = 7860
PLACE = 103
TELLS = [{"app": "behaviours/gradio", "status": 200, "credential": "none"}]
FINDINGS = ["unauthenticated_server"]


def serve(address: str) -> None:
    """An app that turns text round."""
    import gradio

    app = gradio.Interface(lambda text: text[::-1], "textbox", "textbox", api_name="turn")
    app.launch(server_name=address, server_port=PORT, quiet=True)


def use(address: str) -> None:
    """One call."""
    from gradio_client import Client

    Client(f"http://{address}:{PORT}", verbose=False).predict("lorem", api_name="/turn")
