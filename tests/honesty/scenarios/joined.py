"""Each request carries an id; its instants are written for the test. HONESTY_PACE, if given, is
the period of constant_pacing."""

import itertools
import json
import os
from typing import Any

from katydid import FastHttpUser, between, constant_pacing, events, task

PATHS = os.environ["HONESTY_PATHS"].split(",")
PACE = float(os.environ.get("HONESTY_PACE", "0"))

ids = (f"id-{n}" for n in itertools.count())
lines: list[str] = []


class Joined(FastHttpUser):
    wait_time = constant_pacing(PACE) if PACE else between(0.02, 0.08)

    def on_start(self) -> None:
        self.paths = itertools.cycle(PATHS)

    @task
    def ask(self) -> None:
        path, mark = next(self.paths), next(ids)
        name = path.partition("?")[0]
        self.client.get(path, name=name, headers={"X-Request-Id": mark}, context={"id": mark})


@events.request.add_listener
def note(response: Any, context: dict[str, Any], **_: Any) -> None:
    """The instants are the engine's own."""
    lines.append(json.dumps([context["id"], *response.instants_ns]))


@events.quit.add_listener
def write(**_: Any) -> None:
    with open(os.environ["HONESTY_INSTANTS"], "w") as file:
        file.write("\n".join(lines))
