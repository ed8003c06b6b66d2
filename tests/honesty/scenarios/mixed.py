"""Several methods and paths, some of them failing; HttpUser and FastHttpUser."""

from katydid import FastHttpUser, HttpUser, constant, task


class Fast(FastHttpUser):
    wait_time = constant(0.01)

    @task(4)
    def null(self) -> None:
        self.client.get("/null")

    @task(3)
    def delayed(self) -> None:
        self.client.get("/delay?ms=15", name="/delay")

    @task(2)
    def posted(self) -> None:
        self.client.post("/echo", json={"a": 1})

    @task(1)
    def failing(self) -> None:
        self.client.get("/error?share=0.5", name="/error")

    @task(1)
    def removed(self) -> None:
        self.client.delete("/null")


class Slow(HttpUser):
    wait_time = constant(0.01)
    tasks = list(Fast.tasks)
