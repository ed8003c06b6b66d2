"""A load that climbs in steps, holds each for a while, and ends by itself."""

from locust import HttpUser, LoadTestShape, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.5)

    @task
    def health(self):
        self.client.get("/healthz")


class Steps(LoadTestShape):
    step_seconds = 5
    step_users = 5
    steps = 4

    def tick(self):
        step = int(self.get_run_time() // self.step_seconds) + 1
        if step > self.steps:
            return None
        return step * self.step_users, self.step_users
