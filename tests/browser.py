"""A real browser without a window, driven over the DevTools protocol: Chromium, an installed or an unpacked one.

Without one, the tests that need it are skipped, and the summary of the run says so in capital letters.
"""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.balancers import PATIENCE, wait_for
from tests.child_process import running
from tests.debian_programs import Installed, find_program
from websockets.sync.client import ClientConnection, connect

#: Names of installed browsers, the preferred first.
NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
#: Without these, it asks for updates and looks for names of other hosts, which a closed network refuses one by one.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip


def installed_browser(cache: Path) -> Installed | None:
    """Return Chromium; None if there is none and it cannot be downloaded. `cache`: the folder for its packages."""
    for name in NAMES:
        if path := shutil.which(name):
            return Installed(Path(path))
    name = "chromium-headless-shell"
    packages = [name, "chromium-common"]  # its data has to be in the same folder
    return find_program(name, packages, cache, place=f"usr/lib/chromium/{name}", dependencies=True)


class Page:
    """One page of a browser. `problems`: errors and warnings of its console, of its scripts and of its requests."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._calls = connection, 0
        self.problems: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        self._connection.send(json.dumps(message))
        while (answer := self._receive(method)).get("id") != self._calls:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url: str) -> None:
        """Open a URL and wait until the page and what it names is loaded."""
        self.call("Page.navigate", url=url)
        while self._receive(url).get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """Return the value of an expression; if it is a promise, wait for it."""
        result = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a condition about the document is true."""
        self.run(
            f"""new Promise(resolve => {{
                const look = () => {{ if ({condition}) {{ seen.disconnect(); resolve(); }} }};
                const seen = new MutationObserver(look);
                seen.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
                look();
            }})"""
        )

    def _receive(self, waiting_for: str) -> dict[str, Any]:
        try:
            event: dict[str, Any] = json.loads(self._connection.recv(timeout=PATIENCE))
        except TimeoutError:
            pytest.fail(f"{waiting_for} did not end; the page had the problems {self.problems}")
        given = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(given["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if given["type"] in ("error", "warning", "assert"):
                self.problems.append(json.dumps(given["args"]))
            case "Log.entryAdded" if given["entry"]["level"] in ("error", "warning"):
                self.problems.append(json.dumps(given["entry"]))
        return event


@contextmanager
def browser_page(installed: Installed, folder: Path) -> Iterator[Page]:
    """A page of a new browser, which keeps what it stores in `folder`."""
    port_file = folder / "DevToolsActivePort"
    log = folder / "browser.log"
    command = [installed.program, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    with running(command, log=log, environment=installed.environment) as process:
        wait_for(lambda: _is_up(process, port_file), "the browser answers")
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            (target,) = (one for one in json.load(answer) if one["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Page(connection)


def _is_up(process: "subprocess.Popen[bytes]", port_file: Path) -> bool:
    assert process.poll() is None, "the browser has ended"
    return port_file.exists() and len(port_file.read_text().split()) == 2
