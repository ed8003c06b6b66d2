"""Logging in Locust's format, under Locust's logger names, so that scripts that grep or configure
them keep working.

Also holds the one flag that turns an exception nobody handled into exit code 2.
"""

from __future__ import annotations

import logging
import logging.config
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from ._core import redact

HOSTNAME = socket.gethostname().partition(".")[0]

#: Lines `get_logs` keeps.
KEPT_LINES = 500

#: Set by whoever swallows an exception that no user code handled; `main` turns it into the exit
#: code.
unhandled_greenlet_exception = False


class Redacting(logging.Formatter):
    """Lines may carry what a script or a server said: no secret is to reach a log."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class LogReader(logging.Handler):
    """Keeps the newest lines in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: deque[str] = deque(maxlen=KEPT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        self.logs.append(self.format(record))


def setup_logging(loglevel: str, logfile: str | None = None) -> None:
    """Sends everything to stderr, or to `logfile`; statistics tables stay on stderr, without a
    prefix."""
    level = loglevel.upper()
    where = ["file" if logfile else "console", "log_reader"]
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", "formatter": "default"},
        "console_plain": {"class": "logging.StreamHandler", "formatter": "plain"},
        "log_reader": {"()": LogReader, "formatter": "default"},
    }
    if logfile:
        if folder := os.path.dirname(logfile):
            os.makedirs(folder, exist_ok=True)
        handlers["file"] = {
            "class": "logging.FileHandler",
            "filename": logfile,
            "formatter": "default",
        }
    named = {
        "locust": {"handlers": where, "level": level, "propagate": False},
        "locust.stats_logger": {
            "handlers": ["console_plain", "log_reader"],
            "level": "INFO",
            "propagate": False,
        },
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "default": {
                    "()": Redacting,
                    "fmt": f"[%(asctime)s] {HOSTNAME}/%(levelname)s/%(name)s: %(message)s",
                },
                "plain": {"format": "%(message)s"},
            },
            "handlers": handlers,
            "loggers": named,
            "root": {"handlers": where, "level": level},
        }
    )


def get_logs() -> list[str]:
    """The newest lines logged since `setup_logging`."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogReader):
            return list(handler.logs)
    return []


def greenlet_exception_logger(
    logger: logging.Logger, level: int = logging.CRITICAL
) -> Callable[[Any], None]:
    """A callback for `Greenlet.link_exception`: logs what ended the greenlet and remembers that it
    happened."""

    def on_exception(greenlet: Any) -> None:
        global unhandled_greenlet_exception
        unhandled_greenlet_exception = True
        info = greenlet.exc_info
        if info and info[0] is SystemExit:
            logger.log(min(logging.INFO, level), "sys.exit(%s) called in a greenlet", info[1])
            level_of_trace = logging.DEBUG
        else:
            level_of_trace = level
        logger.log(level_of_trace, "Unhandled exception in greenlet: %s", greenlet, exc_info=info)

    return on_exception
