"""What a block around a response makes of it."""

from locust import HttpUser, constant, events, task
from locust.exception import RescheduleTask


@events.request.add_listener
def told(request_type, name, exception, context, **_):
    print(f"said: {request_type} {name} {exception!r} {context}", flush=True)


class Buyer(HttpUser):
    wait_time = constant(0)
    turn = 0

    def context(self):
        return {"user": "one"}

    @task
    def by_turns(self):
        self.turn += 1
        c = self.client
        if self.turn == 1:
            with c.get("/a", catch_response=True) as r:
                r.failure("not what was wanted")
            with c.get("/status/500", catch_response=True) as r:
                r.success()
            with c.get("/status/404", catch_response=True) as r:
                pass
            with c.get("/b", catch_response=True, name="named") as r:
                r.request_meta["name"] = "renamed"
                r.request_meta["context"] = {"more": 1}
            with c.get("/c", catch_response=True) as r:
                r.failure(ValueError("of its own"))
                r.success()
            with c.get("/d", catch_response=True, context={"given": 2}) as r:
                assert r.json()["id"] == 7
        elif self.turn == 2:
            with c.get("/left", catch_response=True):
                raise RescheduleTask
        elif self.turn == 3:
            with c.get("/told", catch_response=True) as r:
                r.failure("and then left")
                raise KeyError("x")
        elif self.turn == 4:
            c.request_name = "sticky"
            c.get("/e")
            c.request_name = None
            with c.rename_request("for a while"):
                c.get("/f")
            c.get("/g")
        else:
            self.environment.runner.quit()
