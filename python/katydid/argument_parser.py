"""The command line as scripts see it. Options are declared once, in Rust; this parser is made from
that table, so that listeners of `init_command_line_parser` can add their own. What the options
mean, and which of command line, environment and files wins, Rust decides.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from . import _core
from .util.timespan import parse_timespan

Namespace = argparse.Namespace

#: What an option may say for the web interface, beyond argparse's own words.
_EXTRAS: dict[str, Any] = {
    "include_in_web_ui": True,
    "is_secret": False,
    "is_required": False,
    "is_multiple": False,
    "env_var": None,
}
#: Words of configargparse that need no reaction here.
_IGNORED = ("is_config_file_arg", "is_write_out_config_file_arg")


def timespan(time_str: str) -> int:
    try:
        return parse_timespan(time_str)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive_integer(string: str) -> int:
    return int(_above_zero(int(string), string))


def gt_zero(string: str) -> float:
    return _above_zero(float(string), string)


def _above_zero(value: float, shown: str) -> float:
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{shown} is not greater than 0")
    return value


def json_user_config(string: str) -> list[dict[str, Any]]:
    """Settings per user class: JSON, or the path of a file holding it. Always a list; each item
    names its `user_class_name`."""
    try:
        if string.endswith(".json"):
            with open(string) as file:
                value = json.load(file)
        else:
            value = json.loads(string)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{string}: {error}") from error
    settings = value if isinstance(value, list) else [value]
    for item in settings:
        if not isinstance(item, dict) or "user_class_name" not in item:
            raise argparse.ArgumentTypeError("The user config must specify a user_class_name")
    return settings


_TYPES: dict[str, Any] = {"int": int, "float": float, "timespan": timespan, "str": None}


def _adding(add: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> argparse.Action:
    extras = {name: kwargs.pop(name, default) for name, default in _EXTRAS.items()}
    for name in _IGNORED:
        kwargs.pop(name, None)
    action: argparse.Action = add(*args, **kwargs)
    vars(action).update(extras)
    return action


class _GivesWay:
    """What argparse does where a script's option is called like one that is there, by its name of `conflict_handler`: one that Locust has
    not gives way, since the script ran under Locust. It can still be given by its variable, or in a file."""

    def _handle_conflict_own(self, action: Any, conflicting: list[tuple[str, Any]]) -> None:
        of_locust = [one for one in conflicting if not getattr(one[1], "is_own", False)]
        if of_locust:
            self._handle_conflict_error(action, of_locust)  # type: ignore[attr-defined]
        action.displaced = {flag: own.env_var for flag, own in conflicting}
        self._handle_conflict_resolve(action, conflicting)  # type: ignore[attr-defined]


class _Group(_GivesWay, argparse._ArgumentGroup):
    """A titled group whose options take the same extra words."""

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        return _adding(super().add_argument, args, kwargs)

    add = add_argument
    add_arg = add_argument


class LocustArgumentParser(_GivesWay, argparse.ArgumentParser):
    """argparse's parser, plus `env_var` and what an option says for the web interface."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conflict_handler": "own", **kwargs})

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """As argparse's, and: `env_var` (read when the option is not given), include_in_web_ui,
        is_secret, is_required, is_multiple."""
        return _adding(super().add_argument, args, kwargs)

    add = add_argument
    add_arg = add_argument

    def add_argument_group(self, *args: Any, **kwargs: Any) -> Any:
        group = _Group(self, *args, **kwargs)
        self._action_groups.append(group)
        return group

    def error(self, message: str) -> NoReturn:
        if "unrecognized arguments:" in message:
            wrong = message.partition("unrecognized arguments:")[2].split()[0]
            known = [flag for action in self._actions for flag in action.option_strings]
            for near in difflib.get_close_matches(wrong, known, n=1):
                message += f"\nDid you mean '{near}'?"
        self.exit(2, f"{self.prog}: error: {message}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The command line before the environment, the environment before defaults."""
        words = list(sys.argv[1:] if args is None else args)
        for action in self._actions:
            name = getattr(action, "env_var", None)
            if name and name in os.environ and not _is_given(action, words):
                words = [*as_words(action, os.environ[name]), *words]
        return super().parse_known_args(words, namespace)

    def _shown(self, attribute: str) -> dict[str, argparse.Action]:
        shown = {a.dest: a for a in self._actions if getattr(a, "include_in_web_ui", False)}
        return {
            dest: a for dest, a in shown.items() if not attribute or getattr(a, attribute, False)
        }

    args_included_in_web_ui = property(lambda self: self._shown(""))
    secret_args_included_in_web_ui = property(lambda self: self._shown("is_secret"))
    required_args_included_in_web_ui = property(lambda self: self._shown("is_required"))
    multiple_args_included_in_web_ui = property(lambda self: self._shown("is_multiple"))


def _is_given(action: argparse.Action, words: list[str]) -> bool:
    flags = [word.partition("=")[0] for word in words]
    return any(flag in action.option_strings for flag in flags)


def as_words(action: argparse.Action, text: str) -> list[str]:
    """A value from a file or the environment, as it would stand on the command line. Lists may be
    written [a, b]."""
    if not action.option_strings:
        return text.split()
    flag = action.option_strings[-1]
    if action.nargs == 0:  # a switch
        return [flag] if text.strip().lower() in ("true", "yes", "on", "1") else []
    if (
        action.nargs in ("*", "+")
        or isinstance(action.nargs, int)
        or getattr(action, "is_multiple", False)
    ):
        return [flag, *_items(text)]
    if isinstance(action, argparse._AppendAction):
        return [word for item in _items(text) for word in (flag, item)]
    return [f"{flag}={text}"] if flag.startswith("--") else [flag, text]


def _items(text: str) -> list[str]:
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return text.split() if text else []
    try:
        return [str(item) for item in ast.literal_eval(text)]
    except (ValueError, SyntaxError):
        return [item.strip() for item in text[1:-1].split(",") if item.strip()]


# making parsers -----------------------------------------------------------------------------------
# -----------------------


def get_empty_argument_parser(add_help: bool = True, **_options: Any) -> LocustArgumentParser:
    """Only -f and --config."""
    parser = LocustArgumentParser(prog="katydid", add_help=add_help, usage=argparse.SUPPRESS)
    for row in _core.option_table():
        if row["dest"] in ("locustfile", "config"):
            _add_row(parser, row)
    return parser


def setup_parser_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds every option of the table that the parser does not have yet."""
    known = {action.dest for action in parser._actions}
    groups: dict[str, Any] = {}
    for row in _core.option_table():
        if row["dest"] in known:
            continue
        title = row["group"] or "Other"
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add_row(groups[title], row)


def _add_row(where: Any, row: Any) -> None:
    options: dict[str, Any] = {
        "default": row["default"],
        "help": row["help"].replace("%", "%%"),
        "include_in_web_ui": False,
        "env_var": row["env"],
    }
    if row["action"] == "store_true":
        options["action"] = "store_true"
    else:
        options.update(
            action=row["action"],
            nargs=row["nargs"],
            type=_TYPES.get(row["type"]),
            choices=row["choices"],
        )
        if row["dest"] == "config_users":
            options["type"] = json_user_config
        if row["dest"] == "loglevel":
            options["type"] = str.upper
    if row["flags"]:
        options["dest"] = row["dest"]
    action = where.add_argument(*(row["flags"] or [row["dest"]]), **options)
    is_ours = (row["env"] or "").startswith("KATYDID_")
    vars(action)["is_own"] = is_ours or "katydid's own" in row["group"]


def get_parser(default_config_files: Any = None) -> LocustArgumentParser:
    """All options of the table, and those that listeners of `init_command_line_parser` add."""
    from . import events

    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    own = {id(action) for action in parser._actions}
    events.init_command_line_parser.fire(parser=parser)
    parser._custom = [  # type: ignore[attr-defined]
        action for action in parser._actions if id(action) not in own
    ]
    return parser


def parse_options(args: Sequence[str] | None = None) -> Namespace:
    print("Warning: parse_options is deprecated; use get_parser().parse_args()")
    return get_parser().parse_args(args)


def default_args_dict() -> dict[str, Any]:
    """Every option of the table with its default."""
    return {row["dest"]: row["default"] for row in _core.option_table()}


# parsing ------------------------------------------------------------------------------------------
# ------------------------


def parse(argv: Sequence[str]) -> tuple[Namespace, dict[str, Any]]:
    """All options of a run: what `environment.parsed_options` is, and the resolved map as Rust gave
    it. Custom options are taken out of `argv` first; the rest is Rust's, strictly. Raises
    UsageError; argparse ends the process itself over a custom option."""
    custom: list[argparse.Action] = get_parser()._custom  # type: ignore[attr-defined]
    _say_what_gives_way(custom, list(argv))
    parser = _parser_of(custom)
    _, rest = parser.parse_known_args(list(argv))
    resolved = _core.resolve(rest, [_row(action) for action in custom])
    words: list[str] = []
    for action in custom:
        text = resolved["custom_from_files"].get(action.dest)
        if text is not None and not _is_given(action, list(argv)):
            words += as_words(action, text)
    values, _ = parser.parse_known_args([*words, *argv])
    not_options = ("custom_from_files", "sources", "command", "load_given", "run_name", "plan")
    options = {key: value for key, value in resolved.items() if key not in not_options}
    try:
        if options.get("config_users"):
            options["config_users"] = [json_user_config(text) for text in options["config_users"]]
    except argparse.ArgumentTypeError as error:
        raise _core.UsageError(f"--config-users: {error}") from error
    return Namespace(**{**options, **vars(values)}), resolved


def _say_what_gives_way(custom: list[argparse.Action], words: list[str]) -> None:
    """Where a word could be katydid's own option, too."""
    for action in custom:
        displaced: dict[str, str | None] = getattr(action, "displaced", {})
        for flag, variable in displaced.items() if _is_given(action, words) else ():
            also = f"; katydid's own is given by {variable}" if variable else ""
            print(f"warning: {flag} is an option of the script here{also}", file=sys.stderr)


def _parser_of(actions: list[argparse.Action]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="katydid", add_help=False, allow_abbrev=False)
    for action in actions:
        if action.option_strings:
            parser._add_action(action)
    return parser


def _row(action: argparse.Action) -> Any:
    """A custom option in the table's form."""
    kinds = {int: "int", float: "float", timespan: "timespan"}
    switch = action.nargs == 0
    return {
        "flags": list(action.option_strings),
        "dest": action.dest,
        "env": getattr(action, "env_var", None),
        "default": None,
        "action": "store_true" if switch else "store",
        "nargs": "*" if action.nargs in ("*", "+") else None,
        "type": kinds.get(action.type, "str") if not switch else "str",
        "choices": None,
        "help": "",
        "group": "",
    }


# the web interface's custom options
# ------------------------------------------------------------------------------------------


class UIExtraArgOptions(NamedTuple):
    default_value: Any
    is_secret: bool
    is_required: bool
    help_text: str | None
    is_multiple: bool
    choices: list[str] | None = None


def ui_extra_args_dict(args: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """What the web interface shows of the options that scripts added."""
    parser = get_parser()
    values = vars(parser.parse_known_args(args)[0])
    return {
        action.dest: UIExtraArgOptions(
            default_value=values.get(action.dest),
            is_secret=action.is_secret,
            is_required=action.is_required,
            help_text=action.help,
            is_multiple=action.is_multiple,
            choices=list(action.choices) if action.choices is not None else None,
        )._asdict()
        for action in parser._custom  # type: ignore[attr-defined]
        if getattr(action, "include_in_web_ui", False)
    }
