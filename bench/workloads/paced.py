"""Many users, each asking five times a second, out of step with each other."""

import random
import time

from locust import FastHttpUser, constant, task


class Paced(FastHttpUser):
    wait_time = constant(0.2)

    def on_start(self):
        time.sleep(random.uniform(0, 0.2))

    @task
    def get(self):
        self.client.get("/")
