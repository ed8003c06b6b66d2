"""Arguments that a script adds."""

from locust import HttpUser, constant, events, task


@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--tenant", type=str, default="acme", env_var="OWN_TENANT", help="whose")
    parser.add_argument("--many", action="store_true", default=False)
    parser.add_argument("--kind", choices=["a", "b"], default="b", include_in_web_ui=False)


@events.test_start.add_listener
def told(environment, **_):
    options = environment.parsed_options
    print(
        "said:",
        options.tenant,
        options.many,
        options.kind,
        options.num_users,
        options.spawn_rate,
        options.run_time,
        flush=True,
    )
    print(
        "said:",
        sorted(
            set(vars(options))
            & {"host", "headless", "csv_prefix", "tags", "exclude_tags", "stop_timeout"}
        ),
        flush=True,
    )


class Buyer(HttpUser):
    wait_time = constant(0)

    @task
    def one(self):
        self.client.get("/of", headers={"X-Tenant": self.environment.parsed_options.tenant})
        self.environment.runner.quit()
