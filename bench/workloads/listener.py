"""The barest scenario, with a listener that counts what it hears."""

from collections import Counter

from locust import FastHttpUser, events, task

heard = Counter()


@events.request.add_listener
def on_request(name, response_time, exception, **_):
    heard[name, exception is None] += 1


class Bare(FastHttpUser):
    @task
    def get(self):
        self.client.get("/")
