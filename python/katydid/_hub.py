"""The hub's side of the engine: one watcher that switches into greenlets whose requests have ended.

Knows greenlets and messages; what a message means is its listener's business. Rust never switches greenlets: `drain` returns what
has ended and the switch happens here, from a Python frame of the hub.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from gevent import get_hub

from ._core import Session
from ._turns import report_error, turns

#: Batches taken before sockets and timers of the loop get their turn, unless users compute: then only those of so many ns.
ROUNDS = 8
LONGEST = 5_000_000

READ = 1


class Link:
    """A session attached to the calling thread's hub."""

    def __init__(self, session: Session, on_message: Callable[[tuple[Any, ...]], None]) -> None:
        self.session = session
        self.on_message = on_message
        self._hub = get_hub()
        self._turns = turns()
        self._turns.attach(session.hold, session.let_go, self._look)
        self._watcher = self._hub.loop.io(session.event_fd, READ)
        self._watcher.start(self._rung)
        self._rest = self._hub.loop.timer(0)

    def detach(self) -> None:
        """Completions stay queued from now on."""
        self._turns.detach(self._look)
        for watcher in (self._watcher, self._rest):
            watcher.stop()
            watcher.close()

    def _rung(self) -> None:
        self._take(True)
        self._turns.judge()

    def _look(self) -> None:
        self._take(False)

    def _take(self, rung: bool) -> None:
        mine, drain, until = self._turns, self.session.drain, perf_counter_ns() + LONGEST
        batch = drain(rung, mine.in_step)
        for _ in range(ROUNDS):
            if not batch:
                return
            self._hand_out(batch)
            batch = drain(False, mine.in_step)
            if perf_counter_ns() >= until:
                break
        self._hand_out(batch)
        self.session.let_go()
        # The loop's timers and sockets come first; the rest is taken right after them. A callback would be run 50 times before that.
        self._rest.start(self._rung)

    def _hand_out(self, batch: list[Any]) -> None:
        # Whoever is switched to has waited, even if the loop did not turn in between.
        self._turns.beat += 1
        self._turns.answers(batch)
        pairs = iter(batch)
        while True:
            try:
                for waiter, value in zip(pairs, pairs, strict=True):
                    if waiter is None:
                        self.on_message(value)
                    else:
                        waiter.switch(value)
                return
            except BaseException:
                # A listener of messages, or a bare greenlet, let it out. The rest of the batch must not be lost.
                report_error(self._hub, self)


def attach(session: Session, on_message: Callable[[tuple[Any, ...]], None]) -> Link:
    """Watches `session` on this thread's hub; messages such as ("spawn", n) and ("time_up",) go to `on_message`."""
    return Link(session, on_message)
