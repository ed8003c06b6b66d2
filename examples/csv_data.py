"""Test data from a file: every user takes the next line of `users.csv`, and starts over at its
end.
"""

import csv
from itertools import cycle
from pathlib import Path

from locust import HttpUser, between, task

with (Path(__file__).parent / "users.csv").open(newline="") as file:
    accounts = cycle(list(csv.DictReader(file)))


class Account(HttpUser):
    wait_time = between(0.5, 1.5)

    def on_start(self):
        account = next(accounts)
        self.client.post(
            "/login", json={"email": account["email"], "password": account["password"]}
        )

    @task
    def dashboard(self):
        self.client.get("/dashboard")
