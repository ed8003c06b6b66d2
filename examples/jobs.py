"""Background work, measured to its end: an invoice counts from the moment it is asked for until it is there.

`feed`, `zipf` and `job` are katydid's own, so this one does not run under Locust:

    katydid -f examples/jobs.py -H http://127.0.0.1:8000 -u 20 -r 10 -t 1m
"""

from katydid import HttpUser, between, feed, job, task, zipf

accounts = feed("users.csv")
recent = zipf(10)  # the newest orders are asked for most


class BackOffice(HttpUser):
    wait_time = between(0.5, 1.5)

    def on_start(self):
        self.client.post("/login", json=accounts.next())

    @task
    def invoice(self):
        orders = self.client.get("/orders", name="/orders?page=[n]").json()["orders"][:10]
        if len(orders) < 10:
            return
        order = recent.choose(orders)
        with job("invoice", timeout=20) as j:
            asked = self.client.post(f"/orders/{order['id']}/invoice", name="/orders/[id]/invoice")
            number = asked.json()["job_id"]
            status = j.until(lambda: self.ended(number), every=0.25)
            if status == "failed":
                j.fail("the invoice job failed")

    def ended(self, number):
        status = self.client.get(f"/jobs/{number}", name="/jobs/[id]").json()["status"]
        return status if status in ("done", "failed") else None
