"""A day at the help desk: agents who work through their tickets, and people who open new ones.

katydid -f locustfile.py -H http://127.0.0.1:8000 -u 20 -r 5 -t 25s --headless
"""
# mypy: ignore-errors

import random

from locust import HttpUser, between, task

TICKETS = 200_000
PROJECTS = range(1, 21)


def a_project():
    """One has an outage, of which most people write."""
    return 1 if random.random() < 0.8 else random.choice(PROJECTS)


class Person(HttpUser):
    """Who has logged in; the token travels in a header."""

    abstract = True
    users = range(1, 2001)

    def on_start(self):
        email = f"user{random.choice(self.users)}@desk.example"
        answer = self.client.post("/login", json={"email": email, "password": "tickets"})
        self.client.headers["X-Token"] = answer.json()["token"]


class Agent(Person):
    """Looks at lists and tickets, and comments on them."""

    wait_time = between(0.2, 0.6)
    users = range(1, 200)

    def on_start(self):
        super().on_start()
        self.tickets = []
        self.inbox()

    @task(4)
    def inbox(self):
        self.tickets = [ticket["id"] for ticket in self.client.get("/inbox").json()]

    @task(5)
    def list_tickets(self):
        status = random.choice(["open", "open", "pending", "solved"])
        path = f"/projects/{a_project()}/tickets?status={status}"
        self.client.get(path, name="/projects/[id]/tickets")

    @task(4)
    def read(self):
        self.client.get(f"/tickets/{random.choice(self.tickets)}", name="/tickets/[id]")

    @task(8)
    def comment(self):
        path = f"/tickets/{random.choice(self.tickets)}/comments"
        self.client.post(path, json={"body": "Solved."}, name="/tickets/[id]/comments")

    @task(12)
    def overview(self):
        self.client.get(f"/projects/{a_project()}", name="/projects/[id]")

    @task(8)
    def workload(self):
        self.client.get(f"/projects/{a_project()}/workload", name="/projects/[id]/workload")

    @task(5)
    def print_label(self):
        self.client.get(f"/tickets/{random.randint(1, TICKETS)}/label", name="/tickets/[id]/label")

    @task(3)
    def share(self):
        self.client.get(f"/tickets/{random.choice(self.tickets)}/share", name="/tickets/[id]/share")


class Reporter(Person):
    """Opens tickets, most of them of the outage."""

    wait_time = between(0.2, 0.4)

    @task
    def open_ticket(self):
        ticket = {"title": "No coffee", "body": "The machine says it is empty."}
        path = f"/projects/{a_project()}/tickets"
        self.client.post(path, json=ticket, name="/projects/[id]/tickets")
