"""Eight requests a second of each user, on a schedule, out of step with each other, to an answer that takes 20 ms."""

import random
import time

from locust import FastHttpUser, constant_pacing, task


class Scheduled(FastHttpUser):
    wait_time = constant_pacing(0.125)

    def on_start(self):
        time.sleep(random.uniform(0, 1))

    @task
    def get(self):
        self.client.get("/delay?ms=20")
