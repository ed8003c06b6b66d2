"""Users that connect, ask once, and wait. Notes when the test began, so that the target's clock can say how long it took."""

import os
import time
from pathlib import Path

from locust import FastHttpUser, constant, events, task


@events.test_start.add_listener
def on_test_start(**_):
    Path(os.environ["BENCH_BEGAN"]).write_text(str(time.monotonic_ns()))


class Idle(FastHttpUser):
    wait_time = constant(1000)

    @task(3)
    def read(self):
        self.client.get("/")

    @task(1)
    def read_too(self):
        self.client.get("/")
