"""Chromium, driven through its own protocol over a pipe: no port, no driver.

`with browsing() as browser: page = browser.open(path)`; then `page.js("document.title")`.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: No answer takes so long; a loaded machine may.
PATIENCE = 60.0
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """A browser, and what it said so far."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._came: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last = 0
        self.events: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        rest = b""
        while piece := os.read(self._reads, 1 << 20):
            *whole, rest = (rest + piece).split(b"\0")
            for message in whole:
                self._came.put(json.loads(message))
        self._came.put(None)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """What the browser answers. Events that come meanwhile are kept."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        left = memoryview(json.dumps(message).encode() + b"\0")
        while left:
            left = left[os.write(self._writes, left) :]
        while True:
            came = self._came.get(timeout=PATIENCE)
            assert came is not None, f"Chromium ended during {method}"
            if came.get("id") == self._last:
                assert "error" not in came, f"{method}: {came['error']}"
                answer: dict[str, Any] = came["result"]
                return answer
            self.events.append(came)

    def open(self, path: Path, width: int = 1280, **media: str) -> Page:
        """A page, once it says that it is ready."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call("Page.bringToFront")
        page.resize(width, 800)
        features = [
            {"name": name.replace("_", "-"), "value": value} for name, value in media.items()
        ]
        page.call("Emulation.setEmulatedMedia", features=features)
        began = time.monotonic()
        page.call("Page.navigate", url=path.as_uri())
        page.until("document.documentElement.dataset.ready === 'true'")
        page.loaded_s = time.monotonic() - began
        return page


class Page:
    """One page of it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.loaded_s = 0.0
        self._held = False

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def events(self, *methods: str) -> list[dict[str, Any]]:
        """What was said of this page, by kinds of events."""
        self.js("0")  # Whatever was said before its answer has come then.
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [event["params"] for event in mine if event.get("method") in methods]

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def js(self, expression: str) -> Any:
        """Its value. A promise is waited for."""
        words = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", **words)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Its value once that is true. AssertionError if it does not become true in time."""
        deadline = time.monotonic() + seconds
        while not (
            value := self.js(f"new Promise(requestAnimationFrame).then(() => {expression})")
        ):
            assert time.monotonic() < deadline, f"not true in {seconds} s: {expression}"
        return value

    def mouse(self, kind: str, x: float, y: float) -> None:
        """`Moved`, `Pressed`, `Released`, with the left button."""
        self._held = kind == "Pressed" or (self._held and kind == "Moved")
        button: dict[str, Any] = {"buttons": int(self._held)}
        if kind != "Moved":
            button |= {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **button)

    def key(self, key: str) -> None:
        text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser while the block runs; skips the test where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: scripts/test-packages")
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    ends = (theirs_in, theirs_out)
    # The protocol is spoken on 3 and 4; theirs are first put where these do not hide them.
    theirs_in, theirs_out = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends)
    for end in ends:
        os.close(end)
    shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            ["/bin/bash", "-c", shell, "-", chromium, *FLAGS, f"--user-data-dir={folder}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        browser = Browser(ours_in, ours_out)
        try:
            yield browser
            browser.call("Browser.close")
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            os.close(ours_out)
