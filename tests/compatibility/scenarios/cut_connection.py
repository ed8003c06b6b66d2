"""A connection that ends where the answer should be."""

from locust import HttpUser, constant, events, task


@events.request.add_listener
def told(request_type, name, exception, **_):
    print(f"said: {request_type} {name} {type(exception).__name__}", flush=True)


class Buyer(HttpUser):
    wait_time = constant(0)

    @task
    def cut(self):
        self.client.get("/plain")
        self.client.get("/cut")
        self.client.post("/cut", json={})
        self.environment.runner.quit()
