"""What users do in which order: choice, interruption, rescheduling, errors, waiting; in the tight
loop and the plain one."""

import random
from typing import Any

import gevent
import pytest
from gevent.pool import Group

from katydid import SequentialTaskSet, TaskSet, User, between, constant, task
from katydid._turns import turns
from katydid.env import Environment
from katydid.exception import (
    InterruptTaskSet,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopUser,
)
from katydid.user.task import DefaultTaskSet

#: What Locust 2.47 does with seed 42 and the user below.
LOCUST_42 = "xxyaayxybayayybxxxybaabaaxxxyaxyaaaabxxxxxyayaaabyxyaaabayab"


def chooser(log: list[str], length: int) -> type[User]:
    class Chooser(User):
        wait_time = between(0, 0)

        def note(self, letter: str) -> None:
            log.append(letter)
            if len(log) >= length:
                raise StopUser()

        @task(3)
        def a(self) -> None:
            self.note("a")

        @task
        def b(self) -> None:
            self.note("b")

        @task(2)
        class N(TaskSet):
            wait_time = constant(0)

            @task(2)
            def x(self) -> None:
                self.user.note("x")  # type: ignore[attr-defined]

            @task
            def y(self) -> None:
                log.append("y")
                self.interrupt()

    return Chooser


def plain_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TaskSet, "_is_plain", lambda self: False)


@pytest.mark.parametrize("form", ["tight", "plain"])
def test_same_choices_as_locust(
    form: str, monkeypatch: pytest.MonkeyPatch, environment: Environment
) -> None:
    if form == "plain":
        plain_form(monkeypatch)
    log: list[str] = []
    random.seed(42)
    chooser(log, 60)(environment).run()
    assert "".join(log) == LOCUST_42


def run(environment: Environment, **body: Any) -> Any:
    """One user with these attributes, run to its end."""
    user = type("U", (User,), body)(environment)
    user.run()
    return user


@pytest.mark.parametrize("form", ["tight", "plain"])
def test_interrupt_and_reschedule(
    form: str, monkeypatch: pytest.MonkeyPatch, environment: Environment
) -> None:
    if form == "plain":
        plain_form(monkeypatch)
    log: list[str] = []

    class Inner(SequentialTaskSet):
        def on_start(self) -> None:
            log.append("start")

        def on_stop(self) -> None:
            log.append("stop")

        def wait_time(self) -> float:
            log.append("inner wait")
            return 0

        @task
        def now(self) -> None:
            raise RescheduleTaskImmediately()

        @task
        def later(self) -> None:
            raise RescheduleTask()

        @task
        def leave(self) -> None:
            self.interrupt(reschedule=len(log) < 5)

    class Outer(SequentialTaskSet):
        tasks = [Inner, Inner]

        @task
        def end(self) -> None:
            raise StopUser()

        def wait_time(self) -> float:
            log.append("outer wait")
            return 0

    run(environment, tasks=[Outer])
    inner = ["start", "inner wait", "stop"]
    assert log == [*inner, *inner, "outer wait"]


def test_queue_comes_before_choice(environment: Environment) -> None:
    log: list[str] = []

    class S(TaskSet):
        @task
        def chosen(self) -> None:
            log.append("chosen")
            self.schedule_task(self.bound)
            self.schedule_task(first, first=True)

        def bound(self) -> None:
            log.append("bound")
            raise StopUser()

    def first(task_set: Any) -> None:
        log.append(type(task_set).__name__)

    run(environment, tasks=[S])
    assert log == ["chosen", "S", "bound"]


def test_replaced_methods_are_called(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """locust_plugins replaces execute_task on the class; scripts override single steps."""
    log: list[Any] = []
    original = DefaultTaskSet.execute_task

    def counting(self: Any, task: Any) -> None:
        log.append("patched")
        original(self, task)

    monkeypatch.setattr(DefaultTaskSet, "execute_task", counting)

    class S(TaskSet):
        @task
        def t(self) -> None:
            log.append("t")

        def wait(self) -> None:
            log.append("wait")
            raise StopUser()

    run(environment, tasks=[S])
    assert log == ["patched", "t", "wait"]


def test_get_next_task_may_be_overridden(environment: Environment) -> None:
    log: list[str] = []

    class S(TaskSet):
        def get_next_task(self) -> Any:
            log.append("asked")
            return lambda _: self.interrupt() if len(log) > 2 else None

    def end(user: User) -> None:
        raise StopUser()

    class Order(SequentialTaskSet):
        tasks = [S, lambda _: end(_)]

    run(environment, tasks=[Order])
    assert log == ["asked"] * 3


@pytest.mark.parametrize("catch", [True, False])
def test_errors(catch: bool, environment: Environment, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []
    environment.catch_exceptions = catch
    environment.events.user_error.add_listener(lambda **kw: seen.append(kw))

    def fails(user: User) -> None:
        if len(seen) == 2:
            raise StopUser()
        raise ValueError("boo")

    if catch:
        run(environment, tasks=[fails])
        assert [str(kw["exception"]) for kw in seen] == ["boo", "boo"]
        assert isinstance(seen[0]["user_instance"], DefaultTaskSet) and seen[0]["tb"] is not None
        assert "ValueError: boo" in caplog.text
    else:
        with pytest.raises(ValueError):
            run(environment, tasks=[fails])


def test_on_start_failure_ends_the_user(environment: Environment) -> None:
    log: list[str] = []

    def on_start(self: Any) -> None:
        raise KeyError("login")

    environment.events.user_error.add_listener(lambda **kw: log.append("error"))
    with pytest.raises(KeyError):
        run(environment, on_start=on_start, on_stop=lambda self: log.append("stop"))
    assert log == ["error"]


def test_no_tasks_says_what_is_missing(environment: Environment) -> None:
    with pytest.raises(Exception, match="No tasks defined on U"):
        run(environment)
    with pytest.raises(Exception, match="maybe you meant to set 'tasks'"):
        run(environment, task=lambda self: None)
    with pytest.raises(MissingWaitTimeError):
        run(environment, tasks=[lambda self: None], wait_time=None)


def test_interrupt_in_the_root_reschedules(environment: Environment) -> None:
    """InterruptTaskSet in a user's own task has no parent to go to: it ends the user, as in Locust."""

    def leave(user: User) -> None:
        raise InterruptTaskSet()

    with pytest.raises(RescheduleTaskImmediately):
        run(environment, tasks=[leave])


def test_users_that_never_wait_take_turns(environment: Environment) -> None:
    log: list[int] = []

    class U(User):
        @task
        def t(self) -> None:
            log.append(self.number)  # type: ignore[attr-defined]
            if len(log) >= 300:
                raise StopUser()

    group = Group()
    for number in range(3):
        user = U(environment)
        user.number = number  # type: ignore[attr-defined]
        user.start(group)
    with gevent.Timeout(10):
        group.join()
    assert all(log.count(number) >= 98 for number in range(3))


def test_timers_run_beside_a_user_that_never_waits(environment: Environment) -> None:
    class U(User):
        @task
        def t(self) -> None: ...

    group = Group()
    U(environment).start(group)
    with gevent.Timeout(10):
        gevent.sleep(0.05)
        group.kill()
    assert not len(group)


def test_killed_while_queueing_for_its_turn(environment: Environment) -> None:
    stopped: list[int] = []

    class U(User):
        @task
        def t(self) -> None: ...

        def on_stop(self) -> None:
            gevent.sleep(0.02)  # a stale turn would end this early or twice
            stopped.append(1)

    group = Group()
    for _ in range(20):
        U(environment).start(group)
    with gevent.Timeout(10):
        gevent.sleep(0.01)
        group.kill()
    assert len(stopped) == 20


def test_stop_while_waiting_and_while_running(environment: Environment) -> None:
    ended: list[str] = []

    class U(User):
        wait_time = constant(100)
        busy = 0.0

        @task
        def t(self) -> None:
            gevent.sleep(self.busy)
            ended.append("task")

        def on_stop(self) -> None:
            ended.append("stop")

    group = Group()
    waiting = U(environment)
    waiting.start(group)
    gevent.sleep(0.01)
    assert waiting._state == "waiting" and waiting.stop() is True
    assert ended == ["task", "stop"]

    running = U(environment)
    running.busy = 0.05
    running.start(group)
    gevent.sleep(0.01)
    assert running._state == "running" and running.stop() is False
    group.join(5)
    assert ended == ["task", "stop", "task", "stop"]


@pytest.mark.parametrize("form", ["tight", "plain"])
@pytest.mark.parametrize(("pause", "hurried"), [(0.001, False), (0, True)])
def test_a_user_who_never_pauses_says_so(
    pause: float,
    hurried: bool,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
    environment: Environment,
) -> None:
    """To come back from a nested task set is no pause, but no hurry either."""
    if form == "plain":
        plain_form(monkeypatch)
    left = iter(range(3))

    class Nested(TaskSet):
        @task
        def leave(self) -> None:
            if next(left, None) is None:
                raise StopUser()
            self.wait()
            self.interrupt()

    turns().hurried = False
    run(environment, tasks=[Nested], wait_time=constant(pause))
    assert turns().hurried is hurried


def test_iterations_are_counted_over_all_users(environment: Environment) -> None:
    from katydid.env import Iterations

    done: list[int] = []

    class U(User):
        @task
        class S(TaskSet):
            @task
            def t(self) -> None:
                done.append(1)
                self.interrupt()

    environment._iterations = Iterations(7)
    group = Group()
    for _ in range(3):
        U(environment).start(group)
    with gevent.Timeout(10):
        group.join()
    assert len(done) == 7
