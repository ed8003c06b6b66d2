"""One request per arrival; how many come when is said on the command line."""

from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def get(self):
        self.client.get("/")
