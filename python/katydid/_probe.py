"""`katydid probe`: one request at a time, the target's counters read before and after each, so that what grew is what it asked for.

It makes no load. What was counted is for the analysis to say; this knows requests and their order.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import gevent
from gevent import get_hub
from gevent.pool import Group

from ._link import open_session
from ._walk import Walker
from .env import Environment

logger = logging.getLogger("locust.main")

#: Requests of an endpoint that are enough.
ENOUGH = 20
#: What of a request may still be under way when its response is there (a commit, a log line), in seconds.
SETTLE = 0.06
#: How long the target is looked at while nothing is asked: before, after, and between two rounds, in seconds.
IDLE, BETWEEN = 1.0, 0.4
#: The same read so often at once, so many times; and so many times with another endpoint asked beside it, so long after.
TOGETHER, BURSTS, BESIDE, BETWEEN_THEM = 8, 3, 3, 0.01
#: Another user is asked beside it whom it takes no longer than so many times as long as the first, and so many milliseconds.
AS_LONG, AS_LONG_MS = 2.0, 5.0
#: Other users that ask what the first one has asked, and how often each asks until it gets the same.
OTHERS, ATTEMPTS = 3, 2
#: The same read so often at once, after what it is answered from was deleted.
AT_ONCE_COLD = 32
#: Parts of an experiment, changed or not: what drifts meanwhile (caches, a busy machine) hurts both alike.
PARTS = (False, True, True, False, False, True)
#: Requests of an endpoint in a part, and rounds of the tasks in which they have to come.
IN_A_PART, ROUNDS = 8, 16
#: Endpoints of one name that differ in their parameters are counted as one; of more names than this the rest is only asked.
MOST_ENDPOINTS = 300
#: Different exceptions of tasks that are kept.
MOST_ERRORS = 100
#: Where lists are looked for in a response: so deep, and in no more than so many bytes.
DEPTH, LARGEST = 4, 1_000_000
#: Headers that the client makes anew.
MADE_ANEW = frozenset(("cookie", "host", "content-length", "connection", "accept-encoding"))
#: Headers that say nothing of who asks.
NAMES_NOBODY = frozenset(("accept", "accept-language", "user-agent", "content-type", "referer"))

Key = tuple[str, str]


class Ended(NamedTuple):
    """A request that was made beside others, or by another user."""

    key: Key
    took: float
    failed: bool
    body: bytes


class Part:
    """A part of an experiment: requests made with the change, or without it."""

    def __init__(self, experiment: int, number: int, changed: bool) -> None:
        self.arm = {"experiment": experiment, "number": number, "changed": changed}
        self.seen: dict[Key, int] = {}
        self.is_beginning = True


class Prober(Walker):
    """Does the tasks over and over, and counts around each request."""

    def __init__(
        self, environment: Environment, session: Any, within: float, own: argparse.Namespace
    ) -> None:
        super().__init__(environment)
        self.experiments: list[str] = own.experiment or []
        self.disposable: list[str] = own.disposable or []
        self.session = session
        self.within = within
        self.deadline = time.monotonic() + within
        self.say = not own.only_summary and sys.stderr.isatty()
        self.asked: dict[Key, int] = {}
        self.succeeded = 0
        self.errors: set[str] = set()
        self.left_out = 0
        self.blind = 0
        self._last = 0
        self._together: list[Ended] | None = None
        self._took: dict[Key, list[float]] = {}
        self._repeat: dict[Key, Callable[[Any], Any]] = {}
        self._asked_by: dict[Key, Any] = {}
        self._by_anybody: set[Key] = set()
        self._bystanders: dict[Key, Any] = {}
        self._user: Any = None
        self._task: Any = None
        self._asked_in: dict[Any, set[Key]] = {}
        self._only: set[Any] | None = None
        self._part: Part | None = None
        environment.events.request.add_listener(self.on_request)

    def is_wanted(self, task: Any) -> bool:
        is_set = isinstance(task, type)
        if self._only is not None and not is_set and task not in self._only:
            return False
        self._task = None if is_set else task
        return getattr(task, "probe", True) is not False and not self.is_over()

    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def failed(self, where: str, error: Exception) -> None:
        text = f"{where}: {type(error).__name__}: {error}"
        if text not in self.errors and len(self.errors) < MOST_ERRORS:
            self.errors.add(text)
            self.session.mark("exception", text, "")

    def go(self) -> None:
        classes = [u for u in self.open() if self.is_wanted(u)]
        if "index" in self.experiments:
            self._clear()
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
        # What comes now is asked once it is known what there is, however long that took.
        self.deadline = time.monotonic() + self.within
        for key in self._repeat:
            self._at_once(key)
        others = {user_class: self._others(user_class) for user_class in classes}
        for key in self._repeat:
            self._beside(key, others)
        for user_class, them in others.items():
            for key in self._read_alike_by(user_class) if them else ():
                for user in them:
                    self._by_another(key, user)
        for user in (user for them in others.values() for user in them):
            with self._collecting():
                self.step("on_stop", user.on_stop)
        self._idle(IDLE)
        if "cold" in self.experiments:
            self._cold()
        if "index" in self.experiments:
            self._experiments(users)
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
            body = getattr(response, "content", None) or b""
            self._together.append(Ended((request_type, name), took, exception is not None, body))
            return
        key = (request_type, name)
        began = time.perf_counter_ns() - int(took * 1e6)
        # A look takes some ms; what began before it lies in two windows.
        is_alone = began >= self._last - 1_000_000
        count = self.asked.get(key, 0)
        if key not in self.asked and len(self.asked) >= MOST_ENDPOINTS:
            self._look()
            return
        self._asked_in.setdefault(self._task, set()).add(key)
        part = self._part
        if part is None:
            self.asked[key] = count + 1
            self._tell_progress(key)
        elif part.is_beginning:
            self._look()
            return
        ended_well = exception is None
        self.succeeded += ended_well
        what = {
            "pass": "again" if count else "first",
            "method": request_type,
            "name": name,
            "took_us": [round(took * 1000)],
            "failed": int(not ended_well),
            "entries": longest_list(response) if ended_well else None,
            "arm": part and part.arm,
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
            if part:
                part.seen[key] = part.seen.get(key, 0) + ended_well
        if ended_well:
            self._took.setdefault(key, []).append(took)
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
        self._asked_by[key] = self._user
        self._repeat[key] = lambda user: user.client.get(
            url, name=key[1], headers=headers if user is self._asked_by[key] else None
        )
        # What a task adds to a request may say who asks: then another user cannot ask the same.
        own = getattr(client, "headers", None) or getattr(self._user, "default_headers", None) or {}
        known = NAMES_NOBODY | {name.lower() for name in own}
        if all(name.lower() in known for name in headers):
            self._by_anybody.add(key)
        else:
            self._by_anybody.discard(key)

    def _at_once(self, key: Key) -> None:
        for _ in range(BURSTS):
            if self.is_over():
                return
            with self._collecting() as ended:
                self._burst(key, TOGETHER).join()
                gevent.sleep(SETTLE)
            # Two endpoints of one name cannot be told apart; what was redirected is neither.
            told = [of for of in ended if of.key == key]
            last = self._last
            if self._look() and told:
                same = len({of.body for of in told}) == 1
                self._tell("together", key, told, last, same=same)

    def _beside(self, key: Key, others: dict[Any, list[Any]]) -> None:
        quick = self._quickest(key)
        if quick is None:
            return
        who = self._bystander(quick, others)
        # Who has cookies may have a session.
        is_one_session = who is self._asked_by[key] and bool(getattr(who.client, "cookies", None))
        for _ in range(BESIDE):
            if self.is_over():
                return
            with self._collecting() as ended:
                group = self._burst(key, TOGETHER)
                gevent.sleep(BETWEEN_THEM)
                group.spawn(self._repeat[quick], who)
                group.join()
                gevent.sleep(SETTLE)
            told = [of for of in ended if of.key == quick]
            last = self._last
            if self._look() and told:
                self._tell("beside", key, told, last, beside=quick, one_session=is_one_session)

    def _burst(self, key: Key, at_once: int) -> Group:
        group = Group()
        for _ in range(at_once):
            group.spawn(self._repeat[key], self._asked_by[key])
        return group

    def _quickest(self, but: Key) -> Key | None:
        """The read that takes least alone: what slows it down is not its own."""
        others = [key for key in self._repeat if key != but and len(self._took[key]) > 1]
        return min(others, key=self._alone, default=None)

    def _alone(self, key: Key) -> float:
        return sorted(self._took[key])[len(self._took[key]) // 2]

    def _bystander(self, key: Key, others: dict[Any, list[Any]]) -> Any:
        """Who asks for it beside a burst: another user, whom it costs the same. The requests of one session may be answered one by one
        (PHP, ASP.NET) where those of two are not.
        """
        if key not in self._bystanders:
            mine = self._asked_by[key]
            them = others[type(mine)] if key in self._by_anybody else []
            self._bystanders[key] = next((of for of in them if self._costs_the_same(key, of)), mine)
        return self._bystanders[key]

    def _costs_the_same(self, key: Key, user: Any) -> bool:
        if self.is_over():
            return False
        # What is cached for each user is there then.
        self._once(key, user)
        again = self._once(key, user)
        self._look()
        most = AS_LONG * self._alone(key) + AS_LONG_MS
        return bool(again) and not again[-1].failed and again[-1].took <= most

    def _read_alike_by(self, user_class: Any) -> list[Key]:
        """What the first user of a class reads and others of it can read, too."""
        mine = [key for key in self._repeat if key in self._by_anybody]
        return [key for key in mine if type(self._asked_by[key]) is user_class]

    def _others(self, user_class: Any) -> list[Any]:
        """Others of its class, begun, if any read is theirs, too."""
        users: list[Any] = []
        for _ in range(OTHERS if self._read_alike_by(user_class) else 0):
            if self.is_over():
                break
            with self._collecting():
                user = self.user(user_class)
                if user is not None and self.step("on_start", user.on_start):
                    users.append(user)
        return users

    def _by_another(self, key: Key, user: Any) -> None:
        """A read of the first user, by another: whether that one gets what is meant for the first."""
        for attempt in range(ATTEMPTS):
            if self.is_over():
                return
            first = self._once(key, self._asked_by[key])
            self._look()
            last = self._last
            other = self._once(key, user)
            is_seen = self._look()
            if not (first and other) or first[-1].failed:
                return
            same = first[-1].body == other[-1].body
            # What was kept for the first user may have expired between the two: then it is not so again at once.
            if is_seen and (same or attempt == ATTEMPTS - 1):
                self._tell("other", key, other[-1:], last, same=same)
                return

    def _once(self, key: Key, user: Any) -> list[Ended]:
        with self._collecting() as ended:
            self._repeat[key](user)
            gevent.sleep(SETTLE)
        return ended

    def _clear(self) -> None:
        """What an earlier experiment has left behind would hide what is missing."""
        for why in get_hub().threadpool.apply(self.session.clear_experiments, (self.disposable,)):
            logger.warning("What an earlier experiment may have left is not dropped: %s", why)

    def _cold(self) -> None:
        """Deletes what a read is answered from, and asks for it many times at once."""
        self.deadline = time.monotonic() + self.within
        caches = self.session.caches(self.disposable)
        for key in self._repeat:
            # Of several caches the first that has it: what is in another stays warm.
            for on in caches:
                if self.is_over():
                    self.session.cold(on, " ".join(key), f"{self.within:g} s were over")
                    return
                self._tell_cold(key)
                if self._cold_of(on, key):
                    break

    def _cold_of(self, on: str, key: Key) -> bool:
        """Whether this cache has what the read is answered from."""
        apply = get_hub().threadpool.apply
        # What had expired is there again.
        self._once(key, self._asked_by[key])
        title = " ".join(key)
        try:
            again, why = apply(self.session.search_keys, (on,))
            while again:
                self._once(key, self._asked_by[key])
                again, why = apply(self.session.search_keys, (on,))
            if not self.session.cold(on, title, why) or why:
                return False
            why = self._cold_bursts(on, key)
            if why:
                self.session.cold(on, title, why)
        finally:
            left = apply(self.session.stop_search, (on,))
            if left:
                logger.warning("A key that was moved aside is not back: %s", left)
        return True

    def _cold_bursts(self, on: str, key: Key) -> str:
        """Why they did not come to their end, or an empty text."""
        # Alone first: what computing it costs where nobody else does. The first burst is for connections that have to be opened.
        for number, at_once in enumerate((1, *(AT_ONCE_COLD for _ in range(1 + BURSTS)))):
            if self.is_over():
                return f"{self.within:g} s were over"
            why: str = get_hub().threadpool.apply(self.session.take_keys, (on,))
            if why:
                return why
            self._look()
            last = self._last
            with self._collecting() as ended:
                self._burst(key, at_once).join()
                gevent.sleep(SETTLE)
            told = [of for of in ended if of.key == key]
            failed = sum(of.failed for of in told)
            if not self._look() or not told:
                return "the counters did not come within 2 s"
            if failed:
                return f"{failed} of {at_once} requests at once failed"
            if number != 1:
                self._tell("cold", key, told, last)
        return ""

    def _tell_cold(self, key: Key) -> None:
        if self.say:
            sys.stderr.write(f"\r\x1b[Kwith nothing cached: {' '.join(key)}"[:120])
            sys.stderr.flush()

    def _experiments(self, users: list[Any]) -> None:
        """Tries out what was found on what may be changed: built and dropped in turns, the endpoints concerned asked each time."""
        apply = get_hub().threadpool.apply
        for one in apply(self.session.experiments, (self.disposable,)):
            number, endpoints = one["number"], set(one["endpoints"])
            keys = {key for key in self.asked if " ".join(key) in endpoints}
            self._only = {task for task, asked in self._asked_in.items() if task and asked & keys}
            if not self._only:
                self.session.experiment_failed(number, "no task asks these endpoints")
                continue
            self.deadline = time.monotonic() + self.within
            why, is_there, has_ended = "", False, False
            try:
                for place, changed in enumerate(PARTS):
                    self._tell_part(one["about"], place)
                    if changed != is_there:
                        began = time.monotonic()
                        why = apply(self.session.set_experiment, (number, changed))
                        # The time is for requests: a large index takes what it takes.
                        self.deadline += time.monotonic() - began
                        is_there = changed and not why
                    if not why and not self._ask_in_part(Part(number, place, changed), keys, users):
                        why = f"{self.within:g} s were over"
                    if why:
                        break
                has_ended = True
            finally:
                self._part = self._only = None
                left = apply(self.session.set_experiment, (number, False))
                if left:
                    logger.warning("An experiment's index is still there: %s", left)
                why = why or left or ("" if has_ended else "interrupted")
                if why:
                    self.session.experiment_failed(number, why)

    def _ask_in_part(self, part: Part, keys: set[Key], users: list[Any]) -> bool:
        """Whether there was time for it. The first round is for what has to be read, planned or cached anew."""
        self._part = part
        for round_ in range(1 + ROUNDS):
            part.is_beginning = round_ == 0
            if all(part.seen.get(key, 0) >= IN_A_PART for key in keys):
                break
            for user in users:
                self._user = user
                self.tasks(user)
        return not self.is_over()

    def _tell_part(self, about: str, place: int) -> None:
        if self.say:
            sys.stderr.write(
                f"\r\x1b[Kindex {about}: {place + 1} of {len(PARTS)}, with it and without"[:120]
            )
            sys.stderr.flush()

    def _tell(self, kind: str, key: Key, ended: list[Ended], last: int, **more: Any) -> None:
        what = {
            "pass": kind,
            "method": key[0],
            "name": key[1],
            "took_us": [round(of.took * 1000) for of in ended],
            "failed": sum(of.failed for of in ended),
            **more,
        }
        self.session.probed(what, last, self._last)

    @contextmanager
    def _collecting(self) -> Iterator[list[Ended]]:
        ended: list[Ended] = []
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


def probe_environment(environment: Environment, within: float, own: argparse.Namespace) -> Prober:
    """Probes for at most so many seconds, and the bursts that come after; `own`: katydid's own options."""
    session = open_session(environment, lambda _message: None)
    prober = Prober(environment, session, within, own)
    try:
        prober.go()
    finally:
        if prober.say:
            sys.stderr.write("\r\x1b[K")
    return prober
