"""Single keys typed at the terminal during a run. Knows the terminal, not what a key means."""

from __future__ import annotations

import logging
import select
import sys
import termios
import tty
from collections.abc import Callable, Mapping
from typing import Any

import gevent


class InitError(Exception):
    """Standard input is not a terminal."""


class UnixKeyPoller:
    """Reads keys without waiting for Enter; `cleanup` gives the terminal back."""

    def __init__(self) -> None:
        if not sys.stdin.isatty():
            raise InitError("Standard input is not a terminal: keyboard input is off")
        self.stdin = sys.stdin.fileno()
        self.tattr = termios.tcgetattr(self.stdin)
        tty.setcbreak(self.stdin, termios.TCSANOW)

    def cleanup(self) -> None:
        termios.tcsetattr(self.stdin, termios.TCSANOW, self.tattr)

    def poll(self) -> str | None:
        readable, _, _ = select.select([sys.stdin], [], [], 0)
        return sys.stdin.read(1) if readable else None


def get_poller() -> UnixKeyPoller:
    return UnixKeyPoller()


def input_listener(key_to_func_map: Mapping[str, Callable[[], Any]]) -> Callable[[], None]:
    """A function to run in a greenlet: calls `key_to_func_map[key]` for every key typed."""

    def listen() -> None:
        try:
            poller = get_poller()
        except InitError as error:
            logging.debug(error)
            return
        try:
            while True:
                key = poller.poll()
                if key is None:
                    gevent.sleep(0.2)
                elif key in key_to_func_map:
                    key_to_func_map[key]()
        except Exception as error:
            logging.warning("Keyboard input has stopped: %s", error)
        finally:
            poller.cleanup()

    return listen
