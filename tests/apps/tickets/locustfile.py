"""A day at the help desk: agents who work through their tickets, and people who open new ones."""

from __future__ import annotations

import random

from locust import HttpUser, between, task

TICKETS = 200_000
PROJECTS = range(1, 21)


def a_project() -> int:
    """One has an outage, of which most people write."""
    return 1 if random.random() < 0.8 else random.choice(PROJECTS)


class Person(HttpUser):
    """Logs in; the token travels in a header."""

    abstract = True
    users = range(1, 2001)

    def on_start(self) -> None:
        email = f"user{random.choice(self.users)}@desk.example"
        answer = self.client.post("/login", json={"email": email, "password": "tickets"})
        self.client.headers["X-Token"] = answer.json()["token"]


class Agent(Person):
    weight = 2
    wait_time = between(0.3, 0.9)
    users = range(1, 200)

    def on_start(self) -> None:
        super().on_start()
        self.tickets: list[int] = []
        self.inbox()

    @task(4)
    def inbox(self) -> None:
        self.tickets = [ticket["id"] for ticket in self.client.get("/inbox").json()]

    @task(5)
    def list_tickets(self) -> None:
        status = random.choice(["open", "open", "pending", "solved"])
        path = f"/projects/{a_project()}/tickets?status={status}"
        self.client.get(path, name="/projects/[id]/tickets")

    @task(6)
    def read(self) -> None:
        self.client.get(f"/tickets/{random.choice(self.tickets)}", name="/tickets/[id]")

    @task(4)
    def comment(self) -> None:
        path = f"/tickets/{random.choice(self.tickets)}/comments"
        self.client.post(path, json={"body": "Solved."}, name="/tickets/[id]/comments")

    @task(3)
    def overview(self) -> None:
        self.client.get(f"/projects/{a_project()}", name="/projects/[id]")

    @task(2)
    def workload(self) -> None:
        self.client.get(f"/projects/{a_project()}/workload", name="/projects/[id]/workload")

    @task(3)
    def print_label(self) -> None:
        self.client.get(f"/tickets/{random.randint(1, TICKETS)}/label", name="/tickets/[id]/label")

    @task(2)
    def share(self) -> None:
        self.client.get(f"/tickets/{random.choice(self.tickets)}/share", name="/tickets/[id]/share")


class Reporter(Person):
    weight = 1
    wait_time = between(0.3, 0.7)

    @task
    def open_ticket(self) -> None:
        ticket = {"title": "No coffee", "body": "The machine says it is empty."}
        path = f"/projects/{a_project()}/tickets"
        self.client.post(path, json=ticket, name="/projects/[id]/tickets")
