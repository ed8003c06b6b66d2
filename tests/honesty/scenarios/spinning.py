"""Tasks that compute for HONESTY_SPIN milliseconds of processor time."""

import os
import time

from katydid import FastHttpUser, between, task

SPIN_S = float(os.environ["HONESTY_SPIN"]) / 1000


class Spinning(FastHttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def compute(self) -> None:
        self.client.get("/delay?ms=20", name="/delay")
        end = time.thread_time() + SPIN_S
        while time.thread_time() < end:
            pass
