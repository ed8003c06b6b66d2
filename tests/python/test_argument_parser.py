"""Options that scripts add, and how their values are found."""

import argparse
from typing import Any

import pytest

import katydid
from katydid.argument_parser import (
    LocustArgumentParser,
    as_words,
    get_parser,
    json_user_config,
    parse,
    timespan,
    ui_extra_args_dict,
)


@pytest.fixture(autouse=True)
def custom() -> None:
    @katydid.events.init_command_line_parser.add_listener
    def add(parser: LocustArgumentParser) -> None:
        parser.add_argument("--size", type=int, default=3, env_var="MY_SIZE", help="how large")
        parser.add_argument("--fast", action="store_true")
        parser.add_argument(
            "--colour", choices=["red", "blue"], default="red", include_in_web_ui=False
        )
        group = parser.add_argument_group("mine")
        group.add_argument("--keys", nargs="*", is_multiple=True, is_secret=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"size": 3, "fast": False, "colour": "red", "num_users": None}),
        (["--size", "5", "-u", "7"], {"size": 5, "num_users": 7}),
        (["-u7", "--fast", "--colour=blue"], {"fast": True, "colour": "blue", "num_users": 7}),
        (["--keys", "a", "b", "-t", "1m30s"], {"keys": ["a", "b"], "run_time": 90}),
        (["-H", "http://x", "A", "B"], {"host": "http://x", "user_classes": ["A", "B"]}),
    ],
)
def test_parsed(words: list[str], expected: dict[str, Any]) -> None:
    options, _ = parse(words)
    assert {name: getattr(options, name) for name in expected} == expected


def test_environment_comes_after_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SIZE", "8")
    assert parse([])[0].size == 8
    assert parse(["--size", "1"])[0].size == 1
    assert get_parser().parse_args([]).size == 8


def test_wrong_values_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--size", "large"])
    assert ended.value.code == 2 and "--size" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        get_parser().parse_args(["--siz3", "1"])
    assert "Did you mean '--size'?" in capsys.readouterr().err


def test_every_dest_of_the_table_exists() -> None:
    options = get_parser().parse_args([])
    for dest in (
        "num_users",
        "spawn_rate",
        "headless",
        "stop_timeout",
        "master",
        "worker",
        "web_port",
    ):
        assert hasattr(options, dest)
        assert getattr(parse([])[0], dest) == getattr(options, dest)


def test_web_interface_words() -> None:
    extra = ui_extra_args_dict([])
    assert set(extra) == {"size", "fast", "keys"}
    assert extra["keys"]["is_secret"] and extra["keys"]["is_multiple"]
    assert extra["size"]["default_value"] == 3 and extra["size"]["help_text"] == "how large"


@pytest.mark.parametrize(
    ("options", "text", "words"),
    [
        ({"action": "store_true"}, "yes", ["--x"]),
        ({"action": "store_true"}, "false", []),
        ({}, "a b", ["--x=a b"]),
        ({"nargs": "*"}, "[a, b]", ["--x", "a", "b"]),
        ({"nargs": "*"}, "['a b', 'c']", ["--x", "a b", "c"]),
        ({"action": "append"}, "[1, 2]", ["--x", "1", "--x", "2"]),
    ],
)
def test_texts_as_words(options: dict[str, Any], text: str, words: list[str]) -> None:
    assert as_words(LocustArgumentParser().add_argument("--x", **options), text) == words


@pytest.mark.parametrize(
    ("text", "seconds"), [("20", 20), ("20s", 20), ("1h20m", 4800), ("3h30m10s", 12610)]
)
def test_timespans(text: str, seconds: int) -> None:
    assert timespan(text) == seconds


@pytest.mark.parametrize("text", ["", "q", "1s1m", "-1", "1.5s"])
def test_no_timespans(text: str) -> None:
    from argparse import ArgumentTypeError

    with pytest.raises(ArgumentTypeError):
        timespan(text)


def test_user_config() -> None:
    assert json_user_config('{"user_class_name": "A", "weight": 2}') == [
        {"user_class_name": "A", "weight": 2}
    ]


def test_a_script_may_call_its_options_like_those_that_locust_has_not() -> None:
    parser = get_parser()
    parser.add_argument("--load", default="light")
    parser.add_argument_group("mine").add_argument("--watch", type=int)
    assert vars(parser.parse_args(["--watch", "5"]))["watch"] == 5
    for taken in ("--users", "-t"):
        with pytest.raises(argparse.ArgumentError, match="conflicting option"):
            parser.add_argument(taken)


def test_whose_option_it_is_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    parse(["--fast", "--size", "5"])
    expected = (
        "warning: --fast is an option of the script here; katydid's own is given by KATYDID_FAST\n"
    )
    assert capsys.readouterr().err == expected
