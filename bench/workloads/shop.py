"""A seller's day against the answers of a shop: log in, read, list, order, ask for an invoice.

The realistic flow: a session cookie, JSON bodies below 300 bytes, pages of 2 KB that are parsed, verdicts with
catch_response, one listener. Five requests a second of each user.
"""

import random
import time
from collections import Counter

from locust import FastHttpUser, between, events, task

heard = Counter()


@events.request.add_listener
def on_request(name, response_time, exception, **_):
    heard[name, exception is None] += 1


class Seller(FastHttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        time.sleep(random.uniform(0, 1))
        self.orders = []
        who = {"email": f"user{random.randint(1, 999)}@tenant.example", "password": "katydid"}
        self.client.post("/shop/login", json=who)

    @task(4)
    def dashboard(self):
        with self.client.get("/shop/dashboard", catch_response=True) as response:
            if response.status_code != 200 or not response.json()["recent"]:
                response.failure("a dashboard without orders")

    @task(5)
    def list_orders(self):
        page = random.randint(1, 10)
        url = f"/shop/orders?page={page}"
        with self.client.get(url, name="/shop/orders?page=[n]", catch_response=True) as response:
            self.orders = response.json()["orders"]
            if not self.orders:
                response.failure("a page without orders")

    @task(2)
    def submit_order(self):
        order = {
            "customer_id": random.randint(1, 9999),
            "note": "please ring twice",
            "lines": [
                {"product_id": random.randint(1, 999), "quantity": n, "price_cents": 1990}
                for n in (1, 2, 3)
            ],
        }
        with self.client.post("/shop/orders", json=order, catch_response=True) as response:
            if response.status_code != 201:
                response.failure(f"not accepted: {response.status_code}")

    @task(1)
    def invoice(self):
        order = random.choice(self.orders)["id"] if self.orders else 1000
        asked = self.client.post(f"/shop/orders/{order}/invoice", name="/shop/orders/[id]/invoice")
        job = asked.json()["job"]
        with self.client.get(
            f"/shop/jobs/{job}", name="/shop/jobs/[id]", catch_response=True
        ) as got:
            if got.json()["status"] != "done":
                got.failure("the invoice is not done")
