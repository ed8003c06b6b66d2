"""Steps that must come in order: log in, read the dashboard, open the newest order, then start
again.
"""

from locust import HttpUser, SequentialTaskSet, between, task


class Morning(SequentialTaskSet):
    @task
    def log_in(self):
        self.client.post("/login", json={"email": "user1@tenant-01.example", "password": "katydid"})

    @task
    def dashboard(self):
        self.client.get("/dashboard")

    @task
    def open_newest_order(self):
        newest = self.client.get("/orders").json()["orders"][0]
        self.client.get(f"/orders/{newest['id']}", name="/orders/[id]")


class Clerk(HttpUser):
    wait_time = between(0.2, 0.8)
    tasks = [Morning]  # noqa: RUF012
