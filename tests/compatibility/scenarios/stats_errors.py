"""The failures, as a script reads them."""

from locust import HttpUser, constant, events, task


@events.quitting.add_listener
def read(environment, **_):
    stats = environment.stats
    for error in sorted(stats.errors.values(), key=lambda error: error.name):
        print("said:", error.method, error.name, error.occurrences, error.to_name())
        print("said:", error.to_dict()["error"], "-", error.error, flush=True)


class Buyer(HttpUser):
    wait_time = constant(0)

    @task
    def some(self):
        self.client.get("/status/404")
        self.client.get("/status/404")
        with self.client.get("/a", catch_response=True) as r:
            r.failure("not this")
        self.environment.runner.quit()
