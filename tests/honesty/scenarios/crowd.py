"""Many users who pause after each request. Writes how often the event loop was seen in step.

HONESTY_FLIP: in and out of step at random; the chance of getting out at one of the looks, of which there are a thousand per second.
"""

import os
import random
from collections import Counter

from katydid import FastHttpUser, constant, events, task
from katydid._turns import Turns, turns

FLIP = os.environ.get("HONESTY_FLIP")

seen: Counter[bool] = Counter()
chance = random.Random(1)


class Pausing(FastHttpUser):
    wait_time = constant(0.02 if FLIP else 0.1)

    @task
    def ask(self) -> None:
        self.client.get("/")
        seen[turns().in_step] += 1


def flip(self: Turns) -> None:
    if chance.random() < (float(FLIP or 0) if self.in_step else 0.3):
        (self._out_of_step if self.in_step else self._into_step)()


if FLIP:
    Turns.judge = flip  # type: ignore[method-assign]


@events.quit.add_listener
def write(**_: object) -> None:
    with open(os.environ["HONESTY_STEPS"], "w") as file:
        file.write(f"{seen[True]} {seen[False]}")
