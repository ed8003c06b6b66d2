"""The smallest useful locustfile: one page, over and over.

katydid -f examples/quickstart.py -H http://127.0.0.1:8000 -u 10 -t 30s --headless
"""

from locust import HttpUser, between, task


class Visitor(HttpUser):
    wait_time = between(0.5, 1.5)

    @task
    def health(self):
        self.client.get("/healthz")
