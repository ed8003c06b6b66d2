"""The statistics, as a script reads them."""

from locust import HttpUser, constant, events, task


@events.quitting.add_listener
def read(environment, **_):
    stats = environment.stats
    for key in sorted(stats.entries):
        entry = stats.entries[key]
        print(
            "said:",
            key,
            entry.num_requests,
            entry.num_failures,
            entry.num_none_requests,
            entry.total_content_length,
        )
        print("said:", entry.fail_ratio, entry.avg_content_length, sorted(entry.to_dict()))
    print(
        "said:", stats.total.name, stats.total.num_requests, stats.num_requests, stats.num_failures
    )
    print(
        "said:",
        stats.get("/one", "GET").num_requests,
        stats.get("/none", "GET").num_requests,
        flush=True,
    )


class Buyer(HttpUser):
    wait_time = constant(0)

    @task
    def some(self):
        for _ in range(5):
            self.client.get("/one")
        self.client.post("/two", json={})
        self.client.get("/status/404")
        self.environment.events.request.fire(
            request_type="own",
            name="thing",
            response_time=12.5,
            response_length=3,
            exception=None,
            context={},
        )
        self.environment.events.request.fire(
            request_type="own",
            name="thing",
            response_time=None,
            response_length=0,
            exception=KeyError("x"),
            context={},
        )
        self.environment.runner.quit()
