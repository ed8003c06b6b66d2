"""Tasks that raise: the user goes on, the table of exceptions says it, and the exit code is that of failed requests."""

from locust import HttpUser, constant, task


class Buyer(HttpUser):
    wait_time = constant(0)
    turns = 0

    @task
    def by_turns(self):
        self.turns += 1
        self.client.get(f"/turn/{self.turns}", name="/turn")
        if self.turns == 1:
            raise ValueError("one")
        if self.turns == 2:
            {}["two"]
        if self.turns == 3:
            raise ValueError("one")
        self.client.get("/status/503")
        self.environment.runner.quit()
