"""`job`: work that the service finishes later, measured as one row of kind `job`.

Knows clocks, the condition that the script gives it, and the second inlet. What is asked of the service meanwhile is the script's.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from types import TracebackType
from typing import TypeVar

from gevent import Timeout, sleep

from ._errors import cause_of
from ._flow import held, note_failure
from ._here import events_here
from ._report import _plain, _text
from .exception import JobTimeout, StopTest, StopUser

Seen = TypeVar("Seen")


class Job:
    """One piece of background work, from the beginning of the block on."""

    def __init__(self, name: str, timeout: float) -> None:
        if not timeout > 0:
            raise ValueError(f"job() needs a timeout above 0 s, got {timeout!r}")
        self.name = name
        self.timeout = timeout
        self._begun = self._ended = self._held = 0
        self._failure: tuple[str, str] | None = None

    def submitted(self) -> None:
        """The clock starts now instead of at the beginning of the block."""
        self._begun, self._held = perf_counter_ns(), held()

    def until(
        self, condition: Callable[[], Seen], every: float | Callable[[int], float] = 0.5
    ) -> Seen:
        """Looks until `condition()` is true, which ends the job, and returns what it returned. Between two looks pass `every`
        seconds, or `every(looks)` after so many. The last look is at the timeout; then JobTimeout, and the job has failed."""
        looks = 0
        while True:
            seen = condition()
            if seen:
                self.done()
                return seen
            looks += 1
            left = self.timeout - (perf_counter_ns() - self._begun) / 1e9
            if left <= 0:
                self._end_at(self._begun + round(self.timeout * 1e9))
                self._failure = ("script", f"not done within {self.timeout:g} s")
                raise JobTimeout(f"{self.name}: {self._failure[1]}")
            pause = every(looks) if callable(every) else every
            if not pause > 0:
                raise ValueError(f"until() needs pauses above 0 s, got {pause!r}")
            sleep(min(pause, left))

    def done(self) -> None:
        """The job has ended well. Its time ends where this or `fail` is first called; the last of them is the verdict."""
        self._end_at(perf_counter_ns())
        self._failure = None

    def fail(self, text: str) -> None:
        """The job has failed."""
        self._end_at(perf_counter_ns())
        self._failure = ("script", str(text))

    def _end_at(self, instant: int) -> None:
        # If the arrival whose iteration this is in was told ahead of time, a request may have waited for it meanwhile.
        waited, self._held = held() - self._held, held()
        self._begun += waited
        self._ended = self._ended or instant

    def __enter__(self) -> Job:
        self._begun, self._held = perf_counter_ns(), held()
        self._ended, self._failure = 0, None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._ended:
            if _ends_the_user(error):
                self._give_up()
                return
            self._end_at(perf_counter_ns())
            self._failure = _why(error)
        self._record()

    def _give_up(self) -> None:
        session = events_here().request._session
        if session is not None:
            age_ms = (perf_counter_ns() - self._begun) / 1e6
            session.aborted(session.endpoint("job", "", _plain(self.name)), age_ms)

    def _record(self) -> None:
        events = events_here()
        session = events.request._session
        name = _plain(self.name)
        cause, text = self._failure or ("", None)
        text = None if text is None else _plain(text)
        if text is not None:
            note_failure(lambda: f"job {name}: {text}")
        if session is not None:
            at = (self._begun, self._begun, self._begun, self._ended)
            failure = None if text is None else (cause, text)
            session.record(session.endpoint("job", "", name), None, 0, failure, at)
        took = (self._ended - self._begun) / 1e6
        events.job.fire(name=name, response_time=took, failure=text)


def job(name: str, timeout: float = 30.0) -> Job:
    """`with job("invoice") as j:` measures what the service finishes in the background. It ends with `j.until(condition)`, `j.done()`
    or `j.fail(text)`; without any of them it has failed. `timeout`: seconds from its beginning for which `until` waits."""
    return Job(name, timeout)


def _ends_the_user(error: BaseException | None) -> bool:
    """Killed or told to stop, at the end of the run say: that is not the job's failure."""
    if isinstance(error, (StopUser, StopTest)):
        return True
    return error is not None and not isinstance(error, (Exception, Timeout))


def _why(error: BaseException | None) -> tuple[str, str]:
    if isinstance(error, Exception):
        return cause_of(error), _text(error)
    return ("script", "left without being done") if error is None else ("other", repr(error))
