"""Drives one run of headless Chromium over its debugging pipe: visits, chats, uploads, extensions.

One JSON argument: `home` (a folder with the lab's authority in its NSS store), `chromium`, `quic`
(origins to reach over QUIC), `proxy` (null or `address`, `user`, `password`) and `visits`: each an
`url` and `calls`, functions of the lab's page (`chat`, `upload`, `download`) with their argument. A
call named `extension` loads the page script from its `base` first and then chats with it, as a
browser extension does from inside any page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

STEP_LIMIT_S = 40.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--remote-debugging-pipe", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--disable-domain-reliability", "--no-pings",
    "--disable-client-side-phishing-detection", "--metrics-recording-only", "--mute-audio",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,"
    "CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions",
    # Google's own start-up calls would drown the story's lookups in names nobody answers.
    "--host-resolver-rules=MAP accounts.google.com ^NOTFOUND, MAP update.googleapis.com ^NOTFOUND, "
    "MAP clients2.google.com ^NOTFOUND",
)  # fmt: skip


class Browser:
    """A Chromium process and the page in it; messages are JSON, ended by a zero byte."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.proxy = settings["proxy"]
        self.number = 0
        self.buffer = b""
        self.session: str | None = None
        to_chromium, self.commands = os.pipe()
        self.answers, from_chromium = os.pipe()
        flags = [*FLAGS, f"--user-data-dir={tempfile.mkdtemp(dir=settings['home'])}"]
        if settings["quic"]:
            flags.append("--enable-quic")
            flags.append("--origin-to-force-quic-on=" + ",".join(f"{h}:443" for h in settings["quic"]))
        if self.proxy:
            flags.append(f"--proxy-server=http://{self.proxy['address']}")

        def place_pipes() -> None:
            # Chromium reads commands from descriptor 3 and answers on 4; go over high numbers first,
            # because a pipe's own end may already be 3 or 4.
            os.dup2(to_chromium, 100)
            os.dup2(from_chromium, 101)
            os.dup2(100, 3)
            os.dup2(101, 4)

        self.process = subprocess.Popen(
            [settings["chromium"], *flags, "about:blank"],
            preexec_fn=place_pipes,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_chromium)
        os.close(from_chromium)

    def attach(self) -> None:
        """Open a page and attach to it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        if self.proxy:
            self.call("Fetch.enable", handleAuthRequests=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = self.send(method, parameters)
        while True:
            message = self.receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result

    def send(self, method: str, parameters: dict[str, Any]) -> int:
        """Send a command and return its number."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        return self.number

    def receive(self) -> dict[str, Any]:
        """The next message; requests stopped for the proxy's password are answered on the way."""
        while b"\0" not in self.buffer:
            data = os.read(self.answers, 1 << 16)
            if not data:
                raise RuntimeError("the browser closed its pipe")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        if message.get("method") == "Fetch.requestPaused":
            self.send("Fetch.continueRequest", {"requestId": message["params"]["requestId"]})
        elif message.get("method") == "Fetch.authRequired":
            login = {
                "response": "ProvideCredentials",
                "username": self.proxy["user"],
                "password": self.proxy["password"],
            }
            request = message["params"]["requestId"]
            self.send("Fetch.continueWithAuth", {"requestId": request, "authChallengeResponse": login})
        return message

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def visit(self, url: str) -> bool:
        """Open the page and wait until it has loaded; False when there is only an error page."""
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + STEP_LIMIT_S
        while self.evaluate("document.readyState") != "complete":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{url}: did not load in {STEP_LIMIT_S:.0f} s")
            time.sleep(0.05)
        return bool(self.evaluate("typeof chat === 'function'"))

    def close(self) -> None:
        """End the browser as a user does, then make sure."""
        self.session = None
        try:
            self.send("Browser.close", {})
            self.process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def run_call(browser: Browser, name: str, argument: dict[str, Any]) -> None:
    """Run one function of the lab's page inside the current page."""
    if name == "extension":
        script = json.dumps(argument["base"] + "/static/app.js")
        browser.evaluate(
            f"new Promise((done, failed) => {{ const s = document.createElement('script');"
            f" s.src = {script}; s.onload = () => done(1); s.onerror = failed;"
            f" document.head.append(s); }})"
        )
        name = "chat"
    answer = browser.evaluate(f"{name}({json.dumps(argument)})")
    if answer == "short":
        raise RuntimeError(f"{name}: the server received less than was sent")


def main() -> None:
    """Make all visits; exit 1 with one line when the browser could not."""
    settings = json.loads(sys.argv[1])
    browser = Browser(settings)
    try:
        browser.attach()
        for visit in settings["visits"]:
            if browser.visit(visit["url"]):
                for name, argument in visit["calls"]:
                    run_call(browser, name, argument)
            elif not settings["proxy"]:  # a proxy may refuse a page; nobody else does
                raise RuntimeError(f"{visit['url']}: an error page")
            time.sleep(0.1)
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    finally:
        browser.close()


if __name__ == "__main__":
    main()
