"""A shape, and the users that it brings."""

from locust import HttpUser, LoadTestShape, constant, task


class Steps(LoadTestShape):
    def tick(self):
        if self.get_run_time() < 2:
            return (1, 10)
        print("said: over", self.get_current_user_count(), flush=True)
        return None


class Buyer(HttpUser):
    wait_time = constant(60)

    def on_start(self):
        self.client.get("/start")

    @task
    def one(self):
        self.client.get("/one")
