"""A day at the shop: sellers who read a lot and order now and then, and a back office that makes
invoices.

Runs against the demo service (`katydid demo`), under katydid and under Locust alike:

    katydid -f examples/shop.py -H http://127.0.0.1:8000 -u 50 -r 10 -t 1m --headless
"""

import random
import time

from locust import FastHttpUser, HttpUser, between, task

TENANTS = range(1, 51)
# Tenants are as unequal as in real life: the k-th is 1/k as busy as the first.
WEIGHTS = [1 / k for k in TENANTS]
PASSWORD = "katydid"


def credentials():
    tenant = random.choices(TENANTS, WEIGHTS)[0]
    return {
        "email": f"user{random.randint(1, 20)}@tenant-{tenant:02d}.example",
        "password": PASSWORD,
    }


class Shopper(FastHttpUser):
    """A seller at a tenant: looks at the dashboard, leafs through orders, submits one now and
    then.
    """

    weight = 9
    wait_time = between(0.5, 1.5)

    def on_start(self):
        self.orders = []
        self.products = []
        self.client.post("/login", json=credentials())
        self.dashboard()
        self.list_orders()

    @task(4)
    def dashboard(self):
        with self.client.get("/dashboard", catch_response=True) as response:
            if response.status_code == 200:
                self.products = response.json()["top_products"]
                if not self.products:
                    response.failure("a dashboard without products")

    @task(5)
    def list_orders(self):
        page = min(int(random.expovariate(0.7)) + 1, 10)
        status = random.choice(["", "", "&status=new", "&status=paid", "&status=shipped"])
        response = self.client.get(f"/orders?page={page}{status}", name="/orders?page=[n]")
        if response.status_code == 200 and response.json()["orders"]:
            self.orders = response.json()["orders"]

    @task(6)
    def open_order(self):
        if self.orders:
            order = random.choice(self.orders)
            self.client.get(f"/orders/{order['id']}", name="/orders/[id]")

    @task(2)
    def submit_order(self):
        if not (self.orders and self.products):
            return
        chosen = random.sample(self.products, random.randint(1, min(3, len(self.products))))
        order = {
            "customer_id": random.choice(self.orders)["customer_id"],
            "lines": [
                {
                    "product_id": p["id"],
                    "quantity": random.randint(1, 3),
                    "price_cents": p["price_cents"],
                }
                for p in chosen
            ],
        }
        with self.client.post("/orders", json=order, catch_response=True) as response:
            if response.status_code != 201:
                response.failure(f"not accepted: {response.status_code}")


class BackOffice(HttpUser):
    """Asks for the invoice of a recent order and waits until the background job has made it."""

    weight = 1
    wait_time = between(2, 4)
    patience = 20  # seconds for one invoice

    def on_start(self):
        self.client.post("/login", json=credentials())

    @task
    def invoice(self):
        orders = self.client.get("/orders", name="/orders?page=[n]").json()["orders"]
        if not orders:
            return
        order = random.choice(orders)
        asked = self.client.post(f"/orders/{order['id']}/invoice", name="/orders/[id]/invoice")
        if asked.status_code == 202:
            self.wait_for(asked.json()["job_id"])

    def wait_for(self, job_id):
        give_up = time.monotonic() + self.patience
        while True:
            with self.client.get(
                f"/jobs/{job_id}", name="/jobs/[id]", catch_response=True
            ) as response:
                if response.status_code != 200:
                    return
                status = response.json()["status"]
                if status == "done":
                    return
                if status == "failed":
                    response.failure("the invoice job failed")
                    return
                if time.monotonic() > give_up:
                    response.failure(f"no invoice after {self.patience} s")
                    return
            time.sleep(0.25)
