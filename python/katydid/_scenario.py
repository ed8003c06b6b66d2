"""From the words of -f to user classes: finds the locustfiles, runs them, and says in one message
what is wrong with them.

Knows files and classes. Everything a user can get wrong here ends as `ScenarioError`, whose text is
all that is printed.
"""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

from .exception import FeedError
from .util.directory import get_abspaths_in
from .util.load_locustfile import load_locustfile
from .util.url import is_url


class ScenarioError(Exception):
    """A locustfile cannot be used; the text says which and why."""


class Scenario(NamedTuple):
    """What the locustfiles hold."""

    files: list[str]
    user_classes: dict[str, Any]
    shapes: dict[str, Any]


def find(words: Sequence[str]) -> list[str]:
    """Absolute paths of the locustfiles that `words` (files, folders) name."""
    return [path for word in words for path in _find(word)]


def _find(word: str) -> list[str]:
    if is_url(word):
        raise ScenarioError(f"Locustfiles from a URL are not built yet: download {word} first.")
    if os.path.isdir(word):
        found = sorted(get_abspaths_in(word, extension=".py"))
        if not found:
            raise ScenarioError(f"Could not find any locustfiles in directory '{word}'")
        return found
    for path in (word, word + ".py"):
        if os.path.isfile(path) and path.endswith(".py"):
            return [os.path.abspath(path)]
    raise ScenarioError(
        f"Could not find '{word}'. Ensure your locustfile ends with '.py' or is a directory with locustfiles. "
        "See --help for available options."
    )


def load(files: Sequence[str]) -> Scenario:
    """Runs the files. A class that one file imports from another counts once; two classes of one
    name are an error."""
    users: dict[str, Any] = {}
    shapes: dict[str, Any] = {}
    for path in files:
        try:
            found, found_shapes = load_locustfile(path)
        except SystemExit:
            raise
        except BaseException as error:
            raise ScenarioError(_what_went_wrong(path, error)) from error
        for name, user_class in found.items():
            _keep(users, name, user_class, user_class, "user class names")
        for shape in found_shapes:
            _keep(shapes, type(shape).__name__, shape, type(shape), "shape classes")
    return Scenario(list(files), users, shapes)


def _keep(known: dict[str, Any], name: str, value: Any, kind: type, what: str) -> None:
    if name not in known:
        known[name] = value
        return
    before = known[name] if isinstance(known[name], type) else type(known[name])
    old, new = inspect.getfile(before), inspect.getfile(kind)
    if old != new:
        raise ScenarioError(f"Duplicate {what}: {name} is defined in both {old} and {new}")


def _what_went_wrong(path: str, error: BaseException) -> str:
    """The useful part of a traceback: the frames of the user's own files, from the locustfile on."""
    if isinstance(error, SyntaxError) and error.filename:
        shown = "".join(traceback.format_exception_only(type(error), error)).rstrip()
        return f"{path} could not be loaded:\n{shown}"
    ours = os.path.dirname(os.path.abspath(__file__)) + os.sep
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((ours, "<frozen")) and "importlib" not in frame.filename
    ]
    theirs = [f for f in frames if not _is_library(f.filename)]
    lines = traceback.format_list(theirs or frames[-1:])
    last = "".join(traceback.format_exception_only(type(error), error))
    if isinstance(error, FeedError):
        last = str(error)  # it says all, and the exception's name nothing
    return f"{path} could not be loaded:\n{''.join(lines)}{last}".rstrip()


def _is_library(path: str) -> bool:
    return "site-packages" in path or path.startswith(os.path.dirname(os.__file__) + os.sep)
