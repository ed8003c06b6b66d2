"""JSON as the standard library has it, only faster: bodies are what a load test's Python spends most on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ._core import parse_json

_strict = json.JSONEncoder(allow_nan=False).encode
_lenient = json.JSONEncoder().encode


def loads(text: bytes, otherwise: Callable[[], Any]) -> Any:
    """What `json.loads` makes of UTF-8. The few texts that only it takes (lone surrogates), and those that are no JSON, are left to
    `otherwise`, whose exceptions are the ones that scripts know."""
    try:
        return parse_json(text)
    except ValueError:
        return otherwise()


def dumps(value: Any, allow_nan: bool = False) -> bytes:
    """What `json.dumps(value, allow_nan=allow_nan)` returns or raises, as UTF-8."""
    return (_lenient if allow_nan else _strict)(value).encode()
