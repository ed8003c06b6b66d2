"""The barest scenario: one GET again and again. Under katydid and Locust alike, as all files here."""

from locust import FastHttpUser, task


class Bare(FastHttpUser):
    @task
    def get(self):
        self.client.get("/")
