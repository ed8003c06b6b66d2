"""Locust's web interface by name; the interface itself is not built yet."""

from __future__ import annotations

from typing import Any

from .exception import NotBuiltYet

HOST_IS_REQUIRED = False
DEFAULT_CACHE_TIME = 2.0


class WebUI:
    def __init__(self, *_args: Any, **_options: Any) -> None:
        raise NotBuiltYet("The web interface", "Give the load on the command line (-u, -r, -t).")
