"""HttpUser: what goes over the wire, and under which name it is counted."""

from locust import HttpUser, constant, events, task


@events.request.add_listener
def told(request_type, name, response_length, exception, **_):
    print(f"said: {request_type} {name} {response_length} {type(exception).__name__}", flush=True)


class Buyer(HttpUser):
    wait_time = constant(0)

    @task
    def all_of_it(self):
        c = self.client
        c.get("/plain")
        c.get("/search?q=a b&r=ü")
        c.get("/search", params={"q": "x y", "n": [1, 2]})
        c.get("/item/17", name="/item/[id]")
        c.post("/form", data={"a": "1", "b": "ä&="})
        c.post("/form", data="as it is")
        c.post("/bytes", data=b"\x00\x01")
        c.post("/json", json={"a": [1, None, "ü"]})
        c.put("/json", json=[])
        c.patch("/json", json="text")
        c.delete("/item/17")
        c.head("/plain")
        c.options("/plain")
        c.request("GET", "/plain", headers={"X-One": "1", "Accept": "text/html"})
        c.get("/auth", auth=("user", "word"))
        c.post("/upload", files={"f": ("n.txt", "content", "text/plain")})
        c.get("/login/abc")
        c.get("/with-cookie")
        c.get("/with-more", cookies={"own": "1"})
        c.get("/redirect/landed")
        c.get("/redirect/landed", allow_redirects=False)
        c.post("/redirect/landed", data={"a": 1})
        c.headers["X-Sticky"] = "yes"
        c.get("/sticky")
        c.get("/status/500", name="broken")
        c.get("/slow/1", timeout=0.2, name="slow")
        self.environment.runner.quit()
