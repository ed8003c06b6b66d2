"""Who is called, in which order, and what happens to what they raise; and what firing a request by
hand records."""

from typing import Any

import pytest

from katydid import log
from katydid.event import EventHook, Events, RequestHook
from katydid.exception import (
    CatchResponseError,
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)


def raising(error: Exception) -> Any:
    def listener(**_: Any) -> None:
        raise error

    return listener


@pytest.mark.parametrize("reverse", [False, True])
def test_order(reverse: bool) -> None:
    hook, seen = EventHook(), []
    for n in (1, 2, 3):
        hook.add_listener(lambda x, n=n: seen.append((n, x)))
    hook.fire(reverse=reverse, x="y")
    order = [3, 2, 1] if reverse else [1, 2, 3]
    assert seen == [(n, "y") for n in order]


def test_a_listener_is_returned_and_removed() -> None:
    hook = EventHook()

    @hook.add_listener
    def listener(**_: Any) -> None: ...

    hook.remove_listener(listener)
    assert hook._handlers == []


@pytest.mark.parametrize(
    "error",
    [StopUser(), StopTest(), RescheduleTask(), RescheduleTaskImmediately(), InterruptTaskSet()],
)
def test_steering_goes_through(error: Exception) -> None:
    hook, seen = EventHook(), []
    hook.add_listener(raising(error))
    hook.add_listener(lambda **_: seen.append(1))
    with pytest.raises(type(error)):
        hook.fire()
    assert seen == [] and not log.unhandled_greenlet_exception


def test_mistakes_are_logged_and_remembered(caplog: pytest.LogCaptureFixture) -> None:
    hook, seen = EventHook(), []
    hook.add_listener(raising(KeyError("oops")))
    hook.add_listener(lambda **_: seen.append(1))
    hook.fire()
    assert seen == [1] and log.unhandled_greenlet_exception
    assert "Uncaught exception in event handler" in caplog.text and "oops" in caplog.text


def test_measure() -> None:
    hook, seen = EventHook(), []
    hook.add_listener(lambda **kw: seen.append(kw))
    with hook.measure("grpc", "Call", context={"a": 1}) as meta:
        meta["response_length"] = 7
        raise ValueError("bad")
    (got,) = seen
    assert (got["request_type"], got["name"], got["response_length"]) == ("grpc", "Call", 7)
    assert isinstance(got["exception"], ValueError) and got["response_time"] >= 0


def test_own_hooks() -> None:
    class Mine(Events):
        by_annotation: EventHook
        by_text: "EventHook"
        by_value = "EventHook"

    mine = Mine()
    for name in ("by_annotation", "by_text", "by_value", "test_start"):
        assert isinstance(getattr(mine, name), EventHook)
    assert isinstance(mine.request, RequestHook)


class Session:
    def __init__(self) -> None:
        self.names: list[Any] = []
        self.recorded: list[Any] = []

    def endpoint(self, *key: str) -> int:
        self.names.append(key)
        return len(self.names)

    def record(self, *row: Any) -> None:
        self.recorded.append(row)


@pytest.mark.parametrize(
    ("fired", "expected"),
    [
        ({"response_time": 5.0, "response_length": 3}, (1, 5.0, 3, None)),
        ({"response_time": None, "response_length": 0}, (1, None, 0, None)),
        (
            {"response_time": 1, "response_length": 0, "exception": ValueError("x")},
            (1, 1, 0, ("ValueError", "ValueError('x')")),
        ),
        (
            {"response_time": 1, "response_length": 0, "exception": CatchResponseError("no")},
            (1, 1, 0, ("CatchResponseError", "CatchResponseError('no')")),
        ),
        (
            {
                "response_time": 1,
                "response_length": 0,
                "exception": "text <a object at 0x12ab>",
                "more": 1,
            },
            (1, 1, 0, ("str", "text <a object at 0x....>")),
        ),
    ],
)
def test_fired_by_hand_is_recorded_first(fired: dict[str, Any], expected: Any) -> None:
    session, hook, seen = Session(), RequestHook(), []
    hook.bind(session)  # type: ignore[arg-type]
    hook.add_listener(lambda **kw: seen.append(len(session.recorded)))
    for _ in range(2):
        hook.fire(request_type="X", name="n", **fired)
    assert session.names == [("custom", "X", "n", None)]
    assert session.recorded == [expected, expected] and seen == [1, 2]


def test_a_veto_comes_too_late() -> None:
    session, hook = Session(), RequestHook()
    hook.bind(session)  # type: ignore[arg-type]
    hook.add_listener(raising(RescheduleTask()))
    with pytest.raises(RescheduleTask):
        hook.fire(request_type="X", name="n", response_time=1, response_length=0)
    assert len(session.recorded) == 1


def test_wrong_arguments_are_the_scripts_mistake() -> None:
    session, hook = Session(), RequestHook()
    hook.bind(session)  # type: ignore[arg-type]
    hook.fire(name="only a name")
    assert log.unhandled_greenlet_exception and session.recorded == []


def test_notify_only_tells_listeners() -> None:
    session, hook, seen = Session(), RequestHook(), []
    hook.bind(session)  # type: ignore[arg-type]
    hook.notify({"request_type": "GET", "name": "/"})
    hook.add_listener(lambda **kw: seen.append(kw["name"]))
    hook.notify({"request_type": "GET", "name": "/"})
    assert seen == ["/"] and session.recorded == []
