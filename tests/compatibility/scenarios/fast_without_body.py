"""FastHttpUser: methods that may have a body, without one."""

from locust import FastHttpUser, constant, task


class Buyer(FastHttpUser):
    wait_time = constant(0)

    @task
    def nothing(self):
        self.client.delete("/item/17")
        self.client.post("/item")
        self.client.put("/item")
        self.client.options("/item")
        self.environment.runner.quit()
