"""`katydid probe`: one request at a time, the target's counters read before and after each, so that what grew is what it asked for.

It makes no load. What was counted is for the analysis to say; this knows requests and their order.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent import get_hub
from gevent.pool import Group

from ._link import open_session
from ._walk import Walker
from .env import Environment

#: Requests of an endpoint that are enough.
ENOUGH = 20
#: What of a request may still be under way when its response is there (a commit, a log line), in seconds.
SETTLE = 0.06
#: How long the target is looked at while nothing is asked: before, after, and between two rounds, in seconds.
IDLE, BETWEEN = 1.0, 0.4
#: The same read so often at once, so many times.
TOGETHER, BURSTS = 8, 3
#: Endpoints of one name that differ in their parameters are counted as one; of more names than this the rest is only asked.
MOST_ENDPOINTS = 300
#: Where lists are looked for in a response: so deep, and in no more than so many bytes.
DEPTH, LARGEST = 4, 1_000_000
#: Headers that the client makes anew.
MADE_ANEW = frozenset(("cookie", "host", "content-length", "connection", "accept-encoding"))

Key = tuple[str, str]


class Prober(Walker):
    """Does the tasks over and over, and counts around each request."""

    def __init__(self, environment: Environment, session: Any, within: float, say: bool) -> None:
        super().__init__(environment)
        self.session = session
        self.deadline = time.monotonic() + within
        self.say = say and sys.stderr.isatty()
        self.asked: dict[Key, int] = {}
        self.succeeded = 0
        self.errors: dict[str, int] = {}
        self.left_out = 0
        self.blind = 0
        self._last = 0
        self._together: list[tuple[float, bool]] | None = None
        self._repeat: dict[Key, Callable[[], Any]] = {}
        self._user: Any = None
        environment.events.request.add_listener(self.on_request)

    def is_wanted(self, task: Any) -> bool:
        return getattr(task, "probe", True) is not False and not self.is_over()

    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def failed(self, where: str, error: Exception) -> None:
        text = f"{where}: {type(error).__name__}: {error}"
        if text not in self.errors:
            self.session.mark("exception", text, "")
        self.errors[text] = self.errors.get(text, 0) + 1

    def go(self) -> None:
        classes = [u for u in self.open() if self.is_wanted(u)]
        self._look()
        self._idle(IDLE)
        users = []
        for user_class in classes:
            self._user = user = self.user(user_class)
            if user is not None and self.step("on_start", user.on_start):
                users.append(user)
        while users and not self.is_over():
            before = dict(self.asked)
            for user in users:
                self._user = user
                self.tasks(user)
            self._idle(BETWEEN)
            missing = [key for key, count in self.asked.items() if count < ENOUGH]
            # What is asked only when a user begins, or ever new names, never come to be enough.
            if self.asked == before or not any(
                self.asked[key] > before.get(key, 0) for key in missing
            ):
                break
        for key, repeat in self._repeat.items():
            self._at_once(key, repeat)
        self._idle(IDLE)
        for user in users:
            self._user = user
            self.step("on_stop", user.on_stop)
        self.close()
        if self.left_out:
            text = f"{self.left_out} requests were made beside others by the scenario itself: they are not counted"
            self.session.mark("warning", text)
        if self.blind:
            text = f"of {self.blind} requests the counters did not come within 2 s: they are not counted"
            self.session.mark("warning", text)

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: Any = None,
        response: Any = None,
        url: str = "",
        **_others: Any,
    ) -> None:
        took = response_time or 0.0
        if self._together is not None:
            self._together.append((took, exception is not None))
            return
        key = (request_type, name)
        began = time.perf_counter_ns() - int(took * 1e6)
        # A look takes some ms; what began before it lies in two windows.
        is_alone = began >= self._last - 1_000_000
        count = self.asked.get(key, 0)
        if key not in self.asked and len(self.asked) >= MOST_ENDPOINTS:
            self._look()
            return
        self.asked[key] = count + 1
        self._tell_progress(key)
        ended_well = exception is None
        self.succeeded += ended_well
        what = {
            "pass": "again" if count else "first",
            "method": request_type,
            "name": name,
            "took_us": [round(took * 1000)],
            "failed": int(not ended_well),
            "entries": longest_list(response) if ended_well else None,
        }
        gevent.sleep(SETTLE)
        last = self._last
        seen = self._look()
        if not is_alone:
            self.left_out += 1
        elif not seen:
            self.blind += 1
        else:
            self.session.probed(what, last, self._last)
        if ended_well and request_type == "GET":
            self._keep(key, url, response)

    def _look(self) -> bool:
        # On a thread: the hub goes on meanwhile.
        seen, self._last = get_hub().threadpool.apply(self.session.look)
        return bool(seen)

    def _idle(self, seconds: float) -> None:
        last = self._last
        gevent.sleep(seconds)
        if self._look():
            self.session.probed({"pass": "idle"}, last, self._last)

    def _keep(self, key: Key, url: str, response: Any) -> None:
        client = getattr(self._user, "client", None)
        request = getattr(response, "request", None)
        if client is None or request is None or not url:
            return
        headers = {
            name: value
            for name, value in (request.headers or {}).items()
            if name.lower() not in MADE_ANEW
        }
        self._repeat[key] = lambda: client.get(url, name=key[1], headers=headers)

    def _at_once(self, key: Key, repeat: Callable[[], Any]) -> None:
        for _ in range(BURSTS):
            if self.is_over():
                return
            with self._collecting() as ended:
                group = Group()
                for _ in range(TOGETHER):
                    group.spawn(repeat)
                group.join()
                gevent.sleep(SETTLE)
            last = self._last
            if self._look() and ended:
                what = {
                    "pass": "together",
                    "method": key[0],
                    "name": key[1],
                    "took_us": [round(took * 1000) for took, _ in ended],
                    "failed": sum(failed for _, failed in ended),
                }
                self.session.probed(what, last, self._last)

    @contextmanager
    def _collecting(self) -> Iterator[list[tuple[float, bool]]]:
        ended: list[tuple[float, bool]] = []
        self._together = ended
        try:
            yield ended
        finally:
            self._together = None

    def _tell_progress(self, key: Key) -> None:
        if self.say:
            done = sum(min(count, ENOUGH) for count in self.asked.values())
            of = ENOUGH * len(self.asked)
            sys.stderr.write(f"\r\x1b[Kprobing {done} of {of}: {key[0]} {key[1]}"[:120])
            sys.stderr.flush()


def longest_list(response: Any) -> int | None:
    """Entries of the longest list in a response of JSON; None where there is none."""
    headers = getattr(response, "headers", None) or {}
    content = getattr(response, "content", None) or b""
    if "json" not in str(headers.get("content-type", "")) or len(content) > LARGEST:
        return None
    try:
        return _longest(response.json(), DEPTH)
    except (ValueError, RecursionError):
        return None


def _longest(value: Any, depth: int) -> int | None:
    if depth == 0:
        return None
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [
        length for length in (_longest(item, depth - 1) for item in inner) if length is not None
    ]
    if isinstance(value, list):
        found.append(len(value))
    return max(found, default=None)


def probe_environment(environment: Environment, within: float, say: bool) -> Prober:
    """Probes for at most so many seconds, and the bursts that come after."""
    session = open_session(environment, lambda _message: None)
    prober = Prober(environment, session, within, say)
    try:
        prober.go()
    finally:
        if prober.say:
            sys.stderr.write("\r\x1b[K")
    return prober
