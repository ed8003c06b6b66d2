"""A test in this process, with the real engine: ramps, stopping, shapes, messages."""

import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from katydid import LoadTestShape, User, constant, task
from katydid.env import Environment
from katydid.event import Events
from katydid.exception import NotBuiltYet, RunnerAlreadyExistsError, StopTest


class Idle(User):
    wait_time = constant(100)
    stopped: list[Any] = []

    @task
    def t(self) -> None: ...

    def on_stop(self) -> None:
        self.stopped.append(self)


class Busy(Idle):
    for_how_long = 0.2

    def work(self) -> None:
        gevent.sleep(self.for_how_long)
        self.stopped.append("finished")


Busy.tasks = [Busy.work]


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    Idle.stopped.clear()
    with gevent.Timeout(20):
        yield


def until(condition: Any) -> None:
    while not condition():
        gevent.sleep(0.01)


def runner_of(*classes: Any, **options: Any) -> Any:
    environment = Environment(user_classes=list(classes), events=Events(), **options)
    return environment.create_local_runner()


def test_up_and_down_in_order() -> None:
    class A(Idle):
        weight = 2

    class B(Idle): ...

    runner = runner_of(A, B)
    events: list[str] = []
    runner.environment.events.test_start.add_listener(lambda environment: events.append("start"))
    runner.environment.events.spawning_complete.add_listener(
        lambda user_count: events.append(str(user_count))
    )
    runner.start(9, spawn_rate=1000)
    until(lambda: runner.state == "running")
    assert (runner.user_count, runner.user_classes_count) == (9, {"A": 6, "B": 3})
    assert [type(g.args[0]).__name__ for g in runner.user_greenlets].count("A") == 6
    runner.start(3, spawn_rate=1000)
    until(lambda: runner.state == "running" and runner.user_count == 3)
    assert runner.user_classes_count == {"A": 2, "B": 1}
    runner.quit()
    assert runner.state == "stopped" and not runner.user_count and len(Idle.stopped) == 9
    assert events == ["start", "9", "3"]


def test_a_ramp_takes_its_time() -> None:
    runner = runner_of(Idle)
    began = time.monotonic()
    runner.start(6, spawn_rate=10)
    until(lambda: runner.user_count == 6)
    assert 0.4 < time.monotonic() - began < 2
    runner.quit()


def test_a_second_start_replaces_the_first() -> None:
    runner = runner_of(Idle)
    runner.start(1000, spawn_rate=10)
    until(lambda: runner.user_count == 2)
    runner.start(4, spawn_rate=1000)
    until(lambda: runner.state == "running")
    assert runner.user_count == 4
    runner.quit()


@pytest.mark.parametrize(("grace", "finished"), [(0, 0), (5, 3)])
def test_stop_timeout(grace: float, finished: int) -> None:
    runner = runner_of(Busy, stop_timeout=grace)
    runner.spawn_users({"Busy": 3})
    gevent.sleep(0.02)
    began = time.monotonic()
    runner.stop()
    assert Idle.stopped.count("finished") == finished and len(Idle.stopped) == finished + 3
    assert time.monotonic() - began < 3
    runner.quit()


def test_grace_ends(caplog: pytest.LogCaptureFixture) -> None:
    class Endless(Busy):
        for_how_long = 100
        tasks = []

    Endless.tasks = [Busy.work]
    runner = runner_of(Endless, Idle, stop_timeout=0.05)
    runner.spawn_users({"Endless": 2, "Idle": 1})
    gevent.sleep(0.02)
    with caplog.at_level("INFO"):
        runner.stop()
    assert "Not all users finished their tasks & terminated in 0.05 seconds" in caplog.text
    assert not runner.user_count
    runner.quit()


def test_dead_users_are_not_counted_and_come_back_with_the_next_start() -> None:
    runner = runner_of(Idle)
    runner.start(3, 1000)
    until(lambda: runner.state == "running")
    next(iter(runner.user_greenlets)).kill()
    until(lambda: runner.user_count == 2)
    runner.start(3, 1000)
    until(lambda: runner.user_count == 3)
    runner.quit()


def test_a_user_may_end_the_test() -> None:
    class Quitter(User):
        @task
        def t(self) -> None:
            self.environment.runner.quit()  # type: ignore[union-attr]

    runner = runner_of(Quitter)
    runner.start(1, 1)
    runner.greenlet.join()
    assert runner.state == "stopped"


def test_stop_test_in_a_constructor(caplog: pytest.LogCaptureFixture) -> None:
    class Hopeless(User):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            raise StopTest("no host at all")

    runner = runner_of(Hopeless)
    runner.start(5, 100)
    until(lambda: runner.state == "stopped")
    assert "no host at all" in caplog.text and runner.stopped_by == "no host at all"
    runner.quit()


def test_missing_base_constructor() -> None:
    class Bad(User):
        def __init__(self, environment: Any) -> None: ...

    runner = runner_of(Bad)
    with pytest.raises(AssertionError, match="Attribute 'environment' is missing on user Bad"):
        runner.spawn_users({"Bad": 1})
    runner.quit()


def test_shape() -> None:
    class Steps(LoadTestShape):
        asked = 0

        def tick(self) -> Any:
            self.asked += 1
            return (2, 100) if self.asked < 3 else None

    runner = runner_of(Idle, shape_class=Steps())
    shape = runner.environment.shape_class
    assert shape.runner is runner
    runner.start_shape()
    until(lambda: runner.user_count == 2)
    assert shape.get_current_user_count() == 2
    until(lambda: runner.state == "stopped")
    assert shape.asked == 3 and not runner.user_count
    runner.quit()


def test_exceptions_are_counted_by_traceback() -> None:
    runner = runner_of(Idle)
    for n in range(3):
        runner.log_exception("local", f"boo {n}", "same place")
    (row,) = runner.exceptions.values()
    assert row == {"count": 3, "msg": "boo 0", "traceback": "same place", "nodes": {"local"}}
    runner.quit()


def test_messages() -> None:
    runner = runner_of(Idle)
    got: list[Any] = []
    runner.register_message(
        "hello", lambda environment, msg: got.append((msg.type, msg.data, msg.node_id))
    )
    with pytest.raises(Exception, match="already had a listener"):
        runner.register_message("hello", print)
    runner.send_message("hello", {"a": 1})
    runner.send_message("unknown")
    assert got == [("hello", {"a": 1}, "local")]
    runner.quit()


def test_one_runner_per_environment() -> None:
    runner = runner_of(Idle)
    with pytest.raises(RunnerAlreadyExistsError):
        runner.environment.create_local_runner()
    runner.quit()
    with pytest.raises(NotBuiltYet):
        Environment(events=Events()).create_master_runner()


def test_environment_checks_its_classes() -> None:
    zero = type("Zero", (Idle,), {"weight": 0})
    environment = Environment(user_classes=[Idle, zero], events=Events())
    assert environment.user_classes == [Idle]
    with pytest.raises(ValueError, match="no users with weight"):
        Environment(user_classes=[zero])
    with pytest.raises(ValueError, match="same class name"):
        Environment(user_classes=[Idle, type("Idle", (User,), {})])
    with pytest.raises(ValueError, match="instance of LoadTestShape"):
        Environment(shape_class=LoadTestShape)  # type: ignore[arg-type]
