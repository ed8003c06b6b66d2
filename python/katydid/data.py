"""Test data for users, from a file: who gets which row.

Knows files, rows and this process's share of them; of users only that one which asks a used-up feed for more has to stop.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import logging
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from ._here import session_here
from .exception import FeedError, FeedExhausted

logger = logging.getLogger(__name__)

ORDERS = ("sequential", "random", "unique")

Row = dict[str, Any]
Item = TypeVar("Item")


class Feed:
    """Rows that all users of this process take from. Nothing in it waits."""

    _made: WeakSet[Feed] = WeakSet()

    def __init__(self, name: str, rows: list[Row], order: str) -> None:
        self.name = name
        self.order = order
        self._all = rows
        self._said = False
        self.take(*share())
        self._made.add(self)

    def take(self, index: int, processes: int) -> None:
        """From now on only the rows of this process; in random order each has all of them."""
        self._rows = self._all if self.order == "random" else part(self._all, index, processes)
        self._turns = count()

    def next(self) -> Row:
        """A copy of the next row. FeedExhausted, which stops the user, when the order is "unique" and every row was given out."""
        rows = self._rows
        if self.order == "random":
            return dict(random.choice(rows))
        turn = next(self._turns)
        if turn >= len(rows) and self.order == "unique":
            raise FeedExhausted(self._used_up())
        return dict(rows[turn % len(rows)])

    def __next__(self) -> Row:
        return self.next()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __len__(self) -> int:
        """Rows that this process has."""
        return len(self._rows)

    def fits(self, processes: int) -> None:
        """FeedError if not each of so many processes gets a row."""
        if self.order != "random" and len(self._all) < processes:
            raise FeedError(
                f"{self.name}: {len(self._all)} rows are too few for {processes} processes. Add rows, or use fewer processes."
            )

    def _used_up(self) -> str:
        """What is said about it: once in log and report."""
        text = (
            f"{self.name} is used up: each of its {len(self)} rows was given out once. "
            "Users that ask for another one stop."
        )
        if not self._said:
            self._said = True
            logger.warning(text)
            session = session_here()
            if session is not None:
                session.mark("fact", "test data", text)
        return text


def feed(path: str | os.PathLike[str], order: str = "sequential") -> Feed:
    """The rows of a CSV file with a header (.csv) or of JSON lines (.jsonl, .ndjson), in UTF-8; a relative path counts from the folder
    of the file that calls this. Orders: "sequential" (over and over), "random" (with replacement), "unique" (each row once). Reads the
    whole file now; FeedError says what is wrong with it."""
    if order not in ORDERS:
        raise FeedError(f"feed() does not know the order {order!r}: say {', '.join(ORDERS)}.")
    caller = sys._getframe(1).f_globals.get("__file__")
    folder = os.path.dirname(os.path.abspath(caller)) if caller else os.getcwd()
    full = os.path.join(folder, path)
    rows = _read(full)
    made = Feed(os.path.basename(full), rows, order)
    made.fits(share()[1])
    return made


def can_be_shared(processes: int) -> None:
    """FeedError if a file that was read has too few rows for so many processes."""
    for made in Feed._made:
        made.fits(processes)


def take_share() -> None:
    """Leaves each feed that was made before the processes parted the rows of this one."""
    for made in Feed._made:
        made.take(*share())


def share(environ: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Which of how many processes of the run this is, from 0. FeedError when the variables make no sense."""
    index, processes = (
        environ.get("KATYDID_PROCESS_INDEX", "0"),
        environ.get("KATYDID_PROCESSES", "1"),
    )
    if index.isdecimal() and processes.isdecimal() and int(index) < int(processes):
        return int(index), int(processes)
    raise FeedError(
        f"KATYDID_PROCESS_INDEX={index} of KATYDID_PROCESSES={processes} makes no sense: "
        "processes are numbered from 0. Unset both for a single one."
    )


def part(rows: Sequence[Item], index: int, processes: int) -> list[Item]:
    """The rows of one process: index, index + processes, index + 2·processes…"""
    return list(rows[index::processes])


def _read(path: str) -> list[Row]:
    parse = _PARSERS.get(os.path.splitext(path)[1].lower())
    if parse is None:
        raise FeedError(f"{path}: feed() reads {', '.join(_PARSERS)}. Convert or rename the file.")
    text = _text(path)
    if not text.strip():
        raise FeedError(f"{path} is empty. Write the rows into it.")
    rows = list(parse(path, text))
    if not rows:
        raise FeedError(f"{path} has a header but no rows. Add at least one.")
    return rows


def _text(path: str) -> str:
    try:
        raw = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        raise FeedError(
            f"{path}: there is no such file. A relative path counts from the folder of the file that calls feed()."
        ) from None
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FeedError(f"{path}, line {line}: not UTF-8. Save the file as UTF-8.") from None


def _csv(path: str, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            if cells and not header:
                header = cells
                twice = sorted({name for name in header if header.count(name) > 1})
                if twice:
                    raise FeedError(
                        f"{path}, line {line}: the header has {twice[0]!r} twice. Rename one of the columns."
                    )
            elif cells:
                if len(cells) != len(header):
                    raise FeedError(
                        f"{path}, line {line}: {len(cells)} cells, but the header has {len(header)}. "
                        "Give every row as many, and quote cells that hold commas."
                    )
                yield dict(zip(header, cells, strict=True))
            line = reader.line_num + 1  # a quoted cell may hold line ends
    except csv.Error as error:
        raise FeedError(
            f"{path}, line {line}: not CSV ({error}). Quote cells that hold quotes, commas or line ends, "
            "and double the quotes in them."
        ) from None


def _json_lines(path: str, text: str) -> Iterator[Row]:
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            row = json.loads(written)
        except ValueError as error:
            raise FeedError(
                f"{path}, line {line}: not JSON ({getattr(error, 'msg', error)}). Write one object per line."
            ) from None
        if not isinstance(row, dict):
            raise FeedError(
                f"{path}, line {line}: JSON, but not an object. Write one object per line."
            )
        yield row


_PARSERS: dict[str, Callable[[str, str], Iterator[Row]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
