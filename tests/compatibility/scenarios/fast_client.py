"""FastHttpUser: what goes over the wire, and under which name it is counted."""

from locust import FastHttpUser, constant, events, task


@events.request.add_listener
def told(request_type, name, response_length, exception, **_):
    print(f"said: {request_type} {name} {response_length} {type(exception).__name__}", flush=True)


class Buyer(FastHttpUser):
    wait_time = constant(0)

    @task
    def all_of_it(self):
        c = self.client
        c.get("/plain")
        c.get("/search?q=a%20b")
        c.get("/search", params={"q": "x y"})
        c.get("/item/17", name="/item/[id]")
        c.post("/form", data={"a": "1"})
        c.post("/form", data="as it is")
        c.post("/bytes", data=b"\x00\x01")
        c.post("/json", json={"a": [1, None, "ü"]})
        c.put("/json", json={"a": 1})
        c.patch("/json", json={"a": 1})
        c.head("/plain")
        c.get("/plain", headers={"X-One": "1", "Accept": "text/html"})
        c.get("/auth", auth=("user", "word"))
        c.get("/login/abc")
        c.get("/with-cookie")
        c.get("/redirect/landed")
        c.get("/redirect/landed", allow_redirects=False)
        c.get("/status/404")
        c.get("/status/500", name="broken")
        with self.rest("GET", "/item/7") as answer:
            print("said:", answer.js)
        with self.rest("GET", "/text/notjson"):
            pass
        self.environment.runner.quit()
