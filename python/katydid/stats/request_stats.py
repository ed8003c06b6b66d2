"""All rows of a test. One class for both kinds: counted here, or, once `attach`ed to a session, a
view on what the engine recorded.

The object stays the same when it is attached, so that a script may take hold of `environment.stats`
before there is a runner.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

import gevent

from ..event import failure_text
from .entry import StatsEntry, StatsError
from .live import EMPTY, LiveEntry

#: A snapshot is used again for this many times as long as it took to get: reading statistics in a
#: loop costs at most a tenth of the time, and what a test reads after a request is fresh.
REUSE = 10


class Snapshot(NamedTuple):
    """The session's numbers at one instant."""

    entries: dict[tuple[str, str], dict[str, Any]]
    total: dict[str, Any]
    errors: dict[str, StatsError]


class EntriesDict(dict[tuple[str, str], StatsEntry]):
    """{(name, method): row}; asking for a row makes it."""

    def __init__(self, request_stats: RequestStats) -> None:
        super().__init__()
        self.request_stats = request_stats

    def __missing__(self, key: tuple[str, str]) -> StatsEntry:
        entry = self[key] = self.request_stats._new_entry(*key)
        return entry


class RequestStats:
    """`environment.stats`, or a script's own."""

    def __init__(self, use_response_times_cache: bool = True) -> None:
        self.use_response_times_cache = use_response_times_cache
        self.history: list[dict[str, Any]] = []
        self._session: Any = None
        self._taken: Snapshot | None = None
        self._good_until = 0.0
        self._pending: tuple[str, str, float | None, int] | None = None
        self._empty()

    def attach(self, session: Any) -> None:
        """From now on shows what `session` recorded, and writes go there."""
        self._session = session
        self._empty()

    def _empty(self) -> None:
        self._entries = EntriesDict(self)
        self._errors: dict[str, StatsError] = {}
        self._taken = None
        self._total = (
            StatsEntry(self, "Aggregated", "", self.use_response_times_cache)
            if self._session is None
            else LiveEntry(self, "Aggregated", "", total=True)
        )

    def _new_entry(self, name: str, method: str) -> StatsEntry:
        if self._session is not None:
            return LiveEntry(self, name, method)
        return StatsEntry(self, name, method, self.use_response_times_cache)

    @property
    def entries(self) -> EntriesDict:
        if self._session is not None:
            for key in self._snapshot().entries:
                self._entries[key]  # makes the row
        return self._entries

    @entries.setter
    def entries(self, entries: EntriesDict) -> None:
        self._entries = entries

    @property
    def total(self) -> StatsEntry:
        return self._total

    @total.setter
    def total(self, total: StatsEntry) -> None:
        self._total = total

    @property
    def errors(self) -> dict[str, StatsError]:
        return self._errors if self._session is None else self._snapshot().errors

    @errors.setter
    def errors(self, errors: dict[str, StatsError]) -> None:
        self._errors = errors

    @property
    def num_requests(self) -> int:
        return self.total.num_requests

    @property
    def num_none_requests(self) -> int:
        return self.total.num_none_requests

    @property
    def num_failures(self) -> int:
        return self.total.num_failures

    @property
    def last_request_timestamp(self) -> float | None:
        return self.total.last_request_timestamp

    @property
    def start_time(self) -> float:
        return self.total.start_time

    def get(self, name: str, method: str) -> StatsEntry:
        """The row, made if there is none."""
        return self._entries[(name, method)]

    # writing --------------------------------------------------------------------------------------
    # ---------------------

    def log_request(
        self, method: str, name: str, response_time: float | None, content_length: int
    ) -> None:
        if self._session is None:
            self._total.log(response_time, content_length)
            self._entries[(name, method)].log(response_time, content_length)
            return
        # Locust's way to log a failure is log_request and then log_error; in the record that is one
        # attempt. So the request waits until the hub runs next.
        self._flush()
        self._pending = (method, name, response_time, content_length)
        gevent.get_hub().loop.run_callback(self._flush)

    def log_error(self, method: str, name: str, error: Any) -> None:
        if self._session is None:
            self._total.log_error(error)
            self._entries[(name, method)].log_error(error)
            key = StatsError.create_key(method, name, error)
            self._errors.setdefault(key, StatsError(method, name, error)).occurred()
            return
        request, self._pending = self._pending, None
        failure = (type(error).__name__, failure_text(error))
        if request is not None and request[:2] == (method, name):
            self._record(*request, failure=failure)
            return
        self._pending = request
        self._flush()
        self._record(method, name, None, 0, failure=failure)

    def _flush(self) -> None:
        request, self._pending = self._pending, None
        if request is not None:
            self._record(*request)

    def _record(
        self,
        method: str,
        name: str,
        response_time: float | None,
        content_length: int,
        failure: tuple[str, str] | None = None,
    ) -> None:
        endpoint = self._session.endpoint("custom", method, name)
        self._session.record(endpoint, response_time, int(content_length or 0), failure)
        self._good_until = 0.0

    def reset_all(self) -> None:
        """Every row starts again from zero."""
        self.history = []
        if self._session is not None:
            self._session.mark("reset", "")
            self._taken = None
            return
        self._total.reset()
        self._errors = {}
        for entry in self._entries.values():
            entry.reset()

    def clear_all(self) -> None:
        """No rows and no errors any more."""
        self.history = []
        if self._session is not None:
            self._session.mark("reset", "")
        self._empty()

    def serialize_stats(self) -> list[dict[str, Any]]:
        """Rows as JSON; a script's own rows start again from zero by this, as in Locust."""
        return [
            e.get_stripped_report()
            for e in list(self.entries.values())
            if e.num_requests or e.num_failures
        ]

    def serialize_errors(self) -> dict[str, dict[str, Any]]:
        return {key: error.serialize() for key, error in self.errors.items()}

    # reading the session --------------------------------------------------------------------------
    # -----------------------

    def _snapshot(self) -> Snapshot:
        began = perf_counter()
        if self._taken is not None and began < self._good_until:
            return self._taken
        self._flush()
        began = perf_counter()
        raw = self._session.stats() or {}
        self._taken = _read(raw)
        ended = perf_counter()
        self._good_until = ended + REUSE * (ended - began)
        return self._taken


def _read(raw: dict[str, Any]) -> Snapshot:
    rows = {(e["name"], e["method"]): _with_int_keys(e) for e in raw.get("entries", ())}
    errors = [
        StatsError(
            e["method"],
            e["name"],
            e["error"],
            e["occurrences"],
            e.get("first_seen"),
            e.get("last_seen"),
        )
        for e in raw.get("errors", ())
    ]
    keyed = {StatsError.create_key(e.method, e.name, e.error): e for e in errors}
    total = _with_int_keys(raw.get("total") or EMPTY)
    return Snapshot(rows, {"start_time": raw.get("start_time") or 0.0, **total}, keyed)


def _with_int_keys(row: dict[str, Any]) -> dict[str, Any]:
    for field in ("response_times", "num_reqs_per_sec", "num_fail_per_sec"):
        if row.get(field):
            pairs = row[field].items() if isinstance(row[field], dict) else row[field]
            row[field] = {int(key): count for key, count in pairs}
    return row
