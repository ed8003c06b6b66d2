"""A script that says the exit code itself, in spite of a failure."""

from locust import HttpUser, constant, events, task


@events.quitting.add_listener
def judged(environment, **_):
    environment.process_exit_code = 3 if environment.stats.total.fail_ratio > 0.4 else 0


class Buyer(HttpUser):
    wait_time = constant(0)

    @task
    def both(self):
        self.client.get("/fine")
        self.client.get("/status/500")
        self.environment.runner.quit()
