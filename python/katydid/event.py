"""Event hooks: where scripts attach listeners, and how a listener's exception is treated.

Does not know when an event happens; runners, users and clients fire them. The `request` hook alone
also records, through the native session it was bound to: what is fired by hand is counted first,
then shown to listeners, who cannot veto it.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

from . import _tags, log
from ._core import Session
from ._flow import held, note_failure
from .exception import CONTROL_FLOW

Listener = TypeVar("Listener", bound=Callable[..., Any])


class EventHook:
    """A list of listeners, called by keyword in the order they were added."""

    def __init__(self) -> None:
        self._handlers: list[Callable[..., Any]] = []

    def add_listener(self, handler: Listener) -> Listener:
        """Returns the listener, so that it works as a decorator."""
        self._handlers.append(handler)
        return handler

    def remove_listener(self, handler: Callable[..., Any]) -> None:
        self._handlers.remove(handler)

    def fire(self, *, reverse: bool = False, **kwargs: Any) -> None:
        """Calls every listener. One that raises is logged and the rest still run; only the
        exceptions that steer a user (StopUser, StopTest, RescheduleTask…, InterruptTaskSet) go
        through to whoever fired."""
        _tell(self._handlers[::-1] if reverse else self._handlers.copy(), kwargs)

    @contextmanager
    def measure(
        self, request_type: str, name: str, response_length: int = 0, context: Any = None
    ) -> Iterator[dict[str, Any]]:
        """Times the block and fires one request event for it. An exception in the block is
        swallowed and becomes the failure. The dictionary it yields may be changed inside the block;
        response_time is set at its end."""
        meta: dict[str, Any] = {
            "request_type": request_type,
            "name": name,
            "response_length": response_length,
            "context": context or {},
            "exception": None,
            "start_time": time.time(),
        }
        began, was_held = time.perf_counter(), held()
        try:
            yield meta
        except Exception as error:
            meta["exception"] = error
        finally:
            took = time.perf_counter() - began - (held() - was_held) / 1e9
            meta["response_time"] = took * 1000
            self.fire(**meta)


def _tell(handlers: list[Callable[..., Any]], event: dict[str, Any]) -> None:
    for handler in handlers:
        try:
            handler(**event)
        except CONTROL_FLOW:
            raise
        except Exception:
            _log_uncaught()


def _log_uncaught() -> None:
    logging.error("Uncaught exception in event handler: \n%s", traceback.format_exc())
    log.unhandled_greenlet_exception = True


class RequestHook(EventHook):
    """`events.request`."""

    def __init__(self) -> None:
        super().__init__()
        self._session: Session | None = None
        self._endpoints: dict[tuple[str, str, str | None], int] = {}
        self._provisional = False
        self._early: WeakSet[Any] = WeakSet()

    def bind(self, session: Session | None, provisional: bool = False) -> None:
        """From now on what is fired by hand is recorded in `session`; endpoint ids belong to one
        session only. Clients of a provisional session move to the one that follows it."""
        self._session = session
        self._endpoints = {}
        self._provisional = provisional
        for client in list(self._early):
            client._session_changed()
        self._early.clear()

    def session_for(self, client: Any, make: Callable[[], Session]) -> Session:
        """The session that `client` is to use; a provisional one, made by `make`, if there is none yet."""
        if self._session is None:
            self.bind(make(), provisional=True)
        if self._provisional:
            self._early.add(client)
        assert self._session is not None
        return self._session

    def fire(self, *, reverse: bool = False, **kwargs: Any) -> None:
        """For code that measured something itself: records it, then calls the listeners."""
        if self._session is not None:
            try:
                self._record(**kwargs)
            except (
                Exception
            ):  # wrong arguments: as with any listener, the script's mistake, not the run's end
                _log_uncaught()
        super().fire(reverse=reverse, **kwargs)

    def notify(self, event: dict[str, Any]) -> None:
        """For katydid's own clients, whose requests are recorded already: listeners only."""
        _tell(self._handlers.copy(), event)

    def _record(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        exception: Any = None,
        **_others: Any,
    ) -> None:
        session = self._session
        assert session is not None
        key = (request_type, name, _tags.current())
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            endpoint = session.endpoint("custom", str(request_type), str(name), key[2])
            if len(self._endpoints) < 10_000:  # ids past the engine's cap all mean "(other)"
                self._endpoints[key] = endpoint
        failure = (type(exception).__name__, failure_text(exception)) if exception else None
        if failure is not None:
            note_failure(lambda: f"{request_type} {name}: {failure_text(exception)}")
        session.record(endpoint, response_time, int(response_length or 0), failure)


def failure_text(error: Any) -> str:
    """What Locust's tables show for `error`: its repr (text as it is), without the address of the
    object."""
    text = error if isinstance(error, str) else repr(error)
    head, found, tail = text.partition("object at 0x")
    if not found:
        return text
    address, closed, rest = tail.partition(">")
    return f"{head}object at 0x....{closed}{rest}" if closed and address else text


class DeprecatedEventHook(EventHook):
    """An event that still works, and says when someone listens what to use instead."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def add_listener(self, handler: Listener) -> Listener:
        logging.warning(self.message)
        return super().add_listener(handler)


class Events:
    """All hooks of one environment. A subclass gains a hook per attribute annotated `EventHook`."""

    request: RequestHook
    """A request ended: request_type, name, response_time (ms or None), response_length, exception
    (None when it went well), context, response, start_time (epoch s), url."""
    job: EventHook
    """A job ended (katydid's own): name, response_time (ms), failure (text; None when it went
    well)."""
    user_error: EventHook
    """A task raised: user_instance (the task set), exception, tb."""
    report_to_master: EventHook
    """A worker is about to report: client_id, data (may be added to)."""
    worker_report: EventHook
    """The master received a report: client_id, data."""
    worker_connect: EventHook
    """A worker joined: client_id."""
    spawning_complete: EventHook
    """The ramp has ended: user_count."""
    quitting: EventHook
    """The process is about to end: environment. Listeners run last added first."""
    quit: EventHook
    """The last event: exit_code."""
    init: EventHook
    """Everything is built, nothing has started: environment, runner, web_ui."""
    init_command_line_parser: EventHook
    """Options may be added: parser."""
    test_start: EventHook
    """A test begins, before its first user: environment."""
    test_stopping: EventHook
    """A test is about to stop its users: environment."""
    test_stop: EventHook
    """A test has stopped its users: environment."""
    reset_stats: EventHook
    """Statistics were reset by hand."""
    cpu_warning: EventHook
    """Python is the bottleneck: environment, cpu_usage (%)."""
    heartbeat_sent: EventHook
    """client_id, timestamp."""
    heartbeat_received: EventHook
    """client_id, timestamp."""
    usage_monitor: EventHook
    """Every `runners.CPU_MONITOR_INTERVAL`: environment, cpu_usage (%), memory_usage (bytes)."""

    def __init__(self) -> None:
        for klass in reversed(type(self).__mro__):
            named = {n: v for n, v in vars(klass).items() if isinstance(v, str)}
            for name, kind in {**named, **getattr(klass, "__annotations__", {})}.items():
                kind = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
                kind = kind.rpartition(".")[2]
                if kind == "RequestHook":
                    setattr(self, name, RequestHook())
                elif kind == "EventHook":
                    setattr(self, name, EventHook())
