"""Many users who pause after each request. Writes how often the event loop was seen in step."""

import os
from collections import Counter

from katydid import FastHttpUser, constant, events, task
from katydid._turns import turns

seen: Counter[bool] = Counter()


class Pausing(FastHttpUser):
    wait_time = constant(0.1)

    @task
    def ask(self) -> None:
        self.client.get("/")
        seen[turns().in_step] += 1


@events.quit.add_listener
def write(**_: object) -> None:
    with open(os.environ["HONESTY_STEPS"], "w") as file:
        file.write(f"{seen[True]} {seen[False]}")
