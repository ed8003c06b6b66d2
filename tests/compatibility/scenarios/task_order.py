"""Which task comes next: weights, nesting, sequences, interruptions, by a seed of the script's own."""

import random

from locust import HttpUser, SequentialTaskSet, TaskSet, constant, task


class Buyer(HttpUser):
    wait_time = constant(0)
    turns = 0

    def on_start(self):
        random.seed(11)
        print("said: on_start", flush=True)

    def on_stop(self):
        print("said: on_stop", flush=True)

    def note(self, what):
        self.turns += 1
        self.client.get(f"/{what}")
        if self.turns >= 120:
            self.environment.runner.quit()

    @task(3)
    def often(self):
        self.note("often")

    @task
    def seldom(self):
        self.note("seldom")

    @task(2)
    class Nested(TaskSet):
        def on_start(self):
            self.user.note("nested-start")

        def on_stop(self):
            self.client.get("/nested-stop")

        @task(2)
        def inner(self):
            self.user.note("inner")

        @task
        def leave(self):
            self.interrupt(reschedule=random.random() < 0.5)

    @task(2)
    class Steps(SequentialTaskSet):
        @task
        def first(self):
            self.user.note("first")

        @task(2)
        def second(self):
            self.user.note("second")

        @task
        def third(self):
            self.user.note("third")
            self.interrupt()
