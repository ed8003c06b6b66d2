"""Slow successes and immediate failures under one name, and a path that fails half the time."""

from katydid import FastHttpUser, constant, task


class Failing(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def both(self) -> None:
        self.client.get("/delay?ms=20", name="/mixed")
        for _ in range(3):
            self.client.get("/error?share=1", name="/mixed")
        self.client.get("/error?share=0.5&ms=20", name="/half")
