"""Which tasks a class has: weights, inheritance, tags, sequences, Markov chains."""

import logging
from typing import Any

import pytest

from katydid import (
    MarkovTaskSet,
    SequentialTaskSet,
    TaskSet,
    User,
    tag,
    task,
    transition,
    transitions,
)
from katydid.user.markov_taskset import (
    InvalidTransitionError,
    MarkovTaskTagError,
    NoMarkovTasksError,
    NonMarkovTaskTransitionError,
)
from katydid.user.task import filter_tasks_by_tags


def names(holder: Any) -> str:
    return " ".join(t.__name__ for t in holder.tasks)


def f(self: Any) -> None: ...
def g(self: Any) -> None: ...


class Base(TaskSet):
    @task(2)
    def one(self) -> None: ...

    @task
    def two(self) -> None: ...


class Overriding(Base):
    def one(self) -> None: ...

    @task
    def two(self) -> None: ...


class Left(Base): ...


class Right(Base): ...


class Diamond(Left, Right): ...


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        (Base, "one one two"),
        (Overriding, "one one two two"),
        (Diamond, "one one two one one two"),
        (type("L", (TaskSet,), {"tasks": [f, (g, 2)]}), "f g g"),
        (type("D", (TaskSet,), {"tasks": {f: 1, g: 3}}), "f g g g"),
        (type("B", (Base,), {"tasks": [f]}), "one one two f"),
        (type("Zero", (TaskSet,), {"tasks": {f: 0, g: 1}}), "g"),
        (type("U", (User,), {"tasks": {f: 2}}), "f f"),
        (type("S", (SequentialTaskSet,), {"tasks": [f, g, f]}), "f g f"),
    ],
)
def test_collected(holder: Any, expected: str) -> None:
    assert names(holder) == expected


def test_overriding_a_task_keeps_the_parents_function() -> None:
    assert Overriding.tasks[0] is Base.__dict__["one"]


def test_sequence_keeps_the_place_of_tasks() -> None:
    class S(SequentialTaskSet):
        @task
        def first(self) -> None: ...

        tasks = [f]

        @task(2)
        def last(self) -> None: ...

    assert names(S) == "first f last last"
    sequence = S(User(None))  # type: ignore[arg-type]
    assert [sequence.get_next_task().__name__ for _ in range(5)] == [
        "first",
        "f",
        "last",
        "last",
        "first",
    ]


def test_sequence_wants_a_list_or_dict() -> None:
    with pytest.raises(ValueError, match="list or dict"):
        type("S", (SequentialTaskSet,), {"tasks": f})


def test_a_task_cannot_be_called_run() -> None:
    with pytest.raises(Exception, match="run"):

        class U(User):
            @task
            def run(self) -> None: ...


def test_abstract_is_not_inherited() -> None:
    class A(User):
        abstract = True

    class B(A): ...

    assert User.abstract and A.abstract and not B.abstract


class Tagged(TaskSet):
    @tag("a")
    @task
    def a(self) -> None: ...

    @tag("a", "b")
    @task
    def ab(self) -> None: ...

    @task
    def none(self) -> None: ...

    @tag("c")
    @task
    class Nested(TaskSet):
        @task
        def c(self) -> None: ...

        @tag("d")
        @task
        def cd(self) -> None: ...


@pytest.mark.parametrize(
    ("tags", "excluded", "expected", "nested"),
    [
        (None, None, "a ab none Nested", "c cd"),
        ({"a"}, None, "a ab", ""),
        ({"b", "d"}, None, "ab Nested", "cd"),
        (None, {"a"}, "none Nested", "c cd"),
        (None, {"c"}, "a ab none", ""),
        ({"a"}, {"b"}, "a", ""),
        ({"nothing"}, None, "", ""),
    ],
)
def test_filtered(tags: Any, excluded: Any, expected: str, nested: str) -> None:
    inner = type("Nested", (TaskSet,), {"tasks": list(Tagged.Nested.tasks)})
    holder = type("Holder", (TaskSet,), {"tasks": [*Tagged.tasks[:3], inner]})
    filter_tasks_by_tags(holder, tags, excluded)
    assert names(holder) == expected
    assert names(inner) == nested


def test_filtering_everything_away_is_said(caplog: pytest.LogCaptureFixture) -> None:
    filter_tasks_by_tags(type("Empty", (TaskSet,), {"tasks": [f]}), {"x"})
    assert "Empty had no tasks left after filtering" in caplog.text


def test_tags_do_not_leak_between_functions() -> None:
    def plain(self: Any) -> None: ...

    def other(self: Any) -> None: ...

    tag("x")(plain)
    tag("y")(plain)
    assert plain.locust_tag_set == {"x", "y"} and not hasattr(other, "locust_tag_set")  # type: ignore[attr-defined]
    with pytest.raises(ValueError):
        tag(plain)  # type: ignore[arg-type]


def test_markov_chain() -> None:
    class M(MarkovTaskSet):
        @transition("b")
        def a(self) -> None: ...

        @transitions({"a": 2, "b": 1})
        def b(self) -> None: ...

        @transitions(["a", ("b", 3)])
        def c(self) -> None: ...

    assert M.a.transitions == ["b"] and M.b.transitions == ["a", "a", "b"]  # type: ignore[attr-defined]
    assert M.c.transitions == ["a", "b", "b", "b"]  # type: ignore[attr-defined]
    chain = M(User(None))  # type: ignore[arg-type]
    assert [chain.get_next_task().__name__ for _ in range(2)] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, NoMarkovTasksError),
        ({"a": transition("gone")(lambda self: None)}, InvalidTransitionError),
        ({"a": transition("b")(lambda self: None), "b": f}, NonMarkovTaskTransitionError),
        ({"a": tag("t")(transition("a")(lambda self: None))}, MarkovTaskTagError),
    ],
)
def test_broken_chains(body: dict[str, Any], error: type[Exception]) -> None:
    for key, function in body.items():
        if function is not f:
            function.__name__ = key
    with pytest.raises(error):
        type("M", (MarkovTaskSet,), body)


def test_unreachable_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):

        class M(MarkovTaskSet):
            @transition("a")
            def a(self) -> None: ...

            @transition("a")
            def island(self) -> None: ...

    assert "unreachable in class M: {'island'}" in caplog.text
