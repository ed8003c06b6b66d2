"""The barest scenario with HttpUser, whose client is a requests.Session."""

from locust import HttpUser, task


class Bare(HttpUser):
    @task
    def get(self):
        self.client.get("/")
