"""Short waits and a path given by HONESTY_PATH: always something is in flight."""

import os

from katydid import FastHttpUser, constant, task

PATH = os.environ["HONESTY_PATH"]
WAIT = float(os.environ["HONESTY_WAIT"])


class Waiting(FastHttpUser):
    wait_time = constant(WAIT)

    @task
    def ask(self) -> None:
        self.client.get(PATH, name=PATH.partition("?")[0])
