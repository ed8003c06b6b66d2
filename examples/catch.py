"""Your own verdict on an answer: a 200 can be a failure, a 401 can be what you wanted."""

from locust import HttpUser, between, task


class Inspector(HttpUser):
    wait_time = between(0.5, 1)

    @task
    def healthy_means_ok(self):
        with self.client.get("/healthz", catch_response=True) as response:
            if response.text and "ok" not in response.text:
                response.failure("alive, but not well")
            elif response.elapsed.total_seconds() > 1:
                response.failure("too slow to be called healthy")

    @task
    def strangers_are_turned_away(self):
        with self.client.get(
            "/dashboard", name="/dashboard (no login)", catch_response=True
        ) as response:
            if response.status_code == 401:
                response.success()
            else:
                response.failure(f"let in a stranger: {response.status_code}")
