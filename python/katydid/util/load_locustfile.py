"""Imports a locustfile and finds the classes in it. Does not know what happens when that fails:
`_scenario` tells the user."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import os
import sys
from typing import Any

from ..shape import LoadTestShape
from ..user.users import User


def is_user_class(item: Any) -> bool:
    """A User class that can be run, i.e. is not abstract."""
    return inspect.isclass(item) and issubclass(item, User) and item.abstract is False


def is_shape_class(item: Any) -> bool:
    """A load shape that can be run."""
    return (
        inspect.isclass(item)
        and issubclass(item, LoadTestShape)
        and not getattr(item, "abstract", True)
    )


def load_locustfile(path: str) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    """Runs the file and returns {name: User class} of everything in its namespace, imported names
    included, and an instance of every shape. The working directory stays on sys.path; the file's
    own folder comes first while it loads."""
    if os.getcwd() not in sys.path[:1]:
        sys.path.insert(0, os.getcwd())
    folder, file = os.path.split(path)
    name = os.path.splitext(file)[0]
    if name == "locust":  # `import locust` must go on meaning the package
        name = "locustfile"

    before = list(sys.path)
    sys.path.insert(0, folder)
    try:
        loader = importlib.machinery.SourceFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loader.exec_module(module)
    finally:
        # Keep what the file itself put on the path; take only our folder off again.
        if sys.path[:1] == [folder] and sys.path[1:] == before:
            del sys.path[0]
        elif folder in sys.path and folder not in before:
            sys.path.remove(folder)

    found = dict(vars(module))
    users = {key: value for key, value in found.items() if is_user_class(value)}
    shapes = [value() for value in found.values() if is_shape_class(value)]
    return users, shapes
