"""Observers on their own: what they see of something real, as it comes.

`with looking("host", "redis://…") as look: …` runs the example `look` of the crate katydid-observe, which prints frames.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from built import ROOT, example


class Look:
    """What has been seen so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.process = process.pid
        self._came = threading.Condition()
        self.frames: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._came:
                self.frames.append(json.loads(line))
                self._came.notify_all()
        with self._came:
            self._came.notify_all()

    def until(self, enough: Callable[[Look], Any], seconds: float = 20) -> Any:
        """What `enough` answers once that is true. AssertionError if it does not become true in time."""
        deadline = time.monotonic() + seconds
        with self._came:
            while not (answer := enough(self)):
                left = deadline - time.monotonic()
                assert left > 0, f"not seen in {seconds} s; the last frames: {self.frames[-20:]}"
                self._came.wait(min(left, 0.5))
            return answer

    def bodies(self, kind: str) -> list[Any]:
        """Bodies of a kind: `samples`, `names`, `facts`, `mark`, `watched`."""
        return [frame["body"][kind] for frame in self.frames if kind in frame["body"]]

    def watched(self) -> list[dict[str, Any]]:
        """What observers said of themselves."""
        return self.bodies("watched")

    def sights(self) -> dict[str, dict[str, Any]]:
        """What the newest of these can see, by name."""
        watched = self.watched()
        return {sight["what"]: sight for sight in watched[-1]["sights"]} if watched else {}

    def marks(self, kind: str) -> list[dict[str, Any]]:
        """Marks of a kind: `lost`, `regained`, `restarted`, `stalled`."""
        return [
            mark[kind] for mark in self.bodies("mark") if isinstance(mark, dict) and kind in mark
        ]

    def facts(self, topic: str) -> dict[str, str]:
        """Texts of a topic, by what they are about."""
        all_facts = [fact for facts in self.bodies("facts") for fact in facts]
        return {fact["subject"]: fact["text"] for fact in all_facts if fact["topic"] == topic}

    def series(self, name: str, **labels: str) -> list[float]:
        """Values in the order of time of all series of a name that have these labels, whatever others they have."""
        wanted = set()
        values = []
        for frame in self.frames:
            for announced in frame["body"].get("names", ()):
                series = announced.get("series", {})
                if (
                    series.get("name") == name
                    and labels.items() <= series.get("labels", {}).items()
                ):
                    wanted.add((frame["source"], series["id"]))
            for id, value in frame["body"].get("samples", ()):
                if (frame["source"], id) in wanted:
                    values.append(value)
        return values

    def last(self, name: str, **labels: str) -> float | None:
        """The newest of them."""
        values = self.series(name, **labels)
        return values[-1] if values else None


@contextmanager
def looking(*addresses: str, env: dict[str, str] | None = None) -> Iterator[Look]:
    """Watches these while the block runs; at its end everything has been read."""
    process = subprocess.Popen(
        [example("look"), *addresses],
        cwd=ROOT,
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    look = Look(process)
    try:
        yield look
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        finally:
            process.kill()
            look._reader.join(20)
