"""A run over several processes of this machine (`--processes`): the parent's half and a worker's half of `_run.py`.

Knows the order of things; what is said between the processes is the runners' business.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import gevent

from . import data, log
from ._processes import Crew, Place, fork
from ._run import Ready, Run, tune_collector
from .env import Environment, Iterations
from .runners import MasterRunner, WorkerRunner

logger = logging.getLogger("locust.main")


def go(ready: Ready, environment: Environment, processes: int) -> int:
    """The exit code of this process, be it the parent or one of its workers."""
    sys.stdout.flush()
    sys.stderr.flush()
    tune_collector()
    crew = fork(processes)
    if isinstance(crew, Place):
        data.take_share()
        return WorkerRun(ready, environment, crew).go()
    return ParentRun(ready, environment, crew).go()


class ParentRun(Run):
    """Keeps the record, judges and reports."""

    def __init__(self, ready: Ready, environment: Environment, crew: Crew) -> None:
        self.crew = crew
        super().__init__(ready, environment)

    def _session_options(self) -> dict[str, Any]:
        pipes = [worker.frames_fd for worker in self.crew.workers]
        return {"workers": pipes, "start_ns": self.crew.start_ns}

    def _create_runner(self) -> Any:
        return self.environment._adopt(MasterRunner, crew=self.crew)

    def _init(self) -> bool:
        for worker in self.crew.workers:
            os.close(worker.frames_fd)  # the session reads it by one of its own
        fine = super()._init()
        for worker in self.crew.workers:
            worker.ready.wait()
        return fine

    def _begin(self) -> None:
        if len(self.crew.left) < len(self.crew.workers):
            self._over.set()  # what ended them has been said
        else:
            super()._begin()

    def _close(self, reason: str) -> int:
        self.crew.kill()
        return super()._close(reason)

    def _has_errors(self) -> bool:
        return super()._has_errors() or self.runner.has_errors


class WorkerRun(Run):
    """Runs its part of the users; its frames go to the parent, and so does how it ended."""

    def __init__(self, ready: Ready, environment: Environment, place: Place) -> None:
        self.place = place
        # The parent says it for all.
        for name in ("locust.main", "locust.runners"):
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
        if environment._iterations is not None:
            environment._iterations = Iterations(place.share(environment._iterations.left))
        super().__init__(ready, environment)

    def _session_options(self) -> dict[str, Any]:
        place = self.place
        return {
            "record": False,
            "progress": False,
            "csv": None,
            "csv_full_history": False,
            "start_ns": place.start_ns,
            "worker": {"index": place.index, "of": place.of, "frames_fd": place.frames_fd},
        }

    def _create_runner(self) -> Any:
        os.close(self.place.frames_fd)  # the session writes it by one of its own
        return self.environment._adopt(WorkerRunner, place=self.place)

    def _share_of_rate(self, rate: float) -> float:
        return rate / self.place.of

    def go(self) -> int:
        if not self._init():
            self.reason = "done"
            return self._shut_down()
        gevent.spawn(self._obey)
        self.place.channel.say("ready")
        gevent.spawn(self._await_runner)
        self._over.wait()
        return self._shut_down()

    def _obey(self) -> None:
        for said in self.place.channel.heard():
            try:
                self._do(said.pop("kind"), said)
            except Exception:
                logger.exception("What the main process said could not be done")
        # Told to stop, or the parent is gone.
        self._over.set()

    def _do(self, kind: str, said: dict[str, Any]) -> None:
        runner, schedule, place = self.runner, self.schedule, self.place
        if kind == "start":
            classes = None
            if said["classes"] is not None:
                by_name = self.environment.user_classes_by_name
                classes = [by_name[name] for name in said["classes"]]
            runner.start_as(said["number"], said["users"], said["rate"], classes)
        elif kind == "prepare":
            runner.prepare(said["users"])
            place.channel.say("prepared")
        elif kind == "follow" and schedule["model"] == "arrivals":
            runner.start_arrivals(schedule, place.share(self.most_users), said["began_ns"])
        elif kind == "follow":
            runner.start_schedule(schedule, self.most_users, said["began_ns"])
        elif kind == "message":
            runner._receive(said["type"], said["data"], "master")
        elif kind == "stop":
            self._over.set()

    def _close(self, reason: str) -> int:
        if self._closed is None:
            self.runner.report()
            super()._close(reason)
            rows = self.runner.exceptions.values()
            self.place.channel.say(
                "ended",
                reason=reason,
                stopped_by=self.runner.stopped_by,
                has_errors=self._has_errors(),
                unhandled=log.unhandled_greenlet_exception,
                exit_code=self.environment.process_exit_code,
                problems=self._problems,
                exceptions=[(row["count"], row["msg"], row["traceback"]) for row in rows],
            )
        return self._closed or 0
