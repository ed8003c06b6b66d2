"""Which events are fired, in which order, with what."""

from locust import HttpUser, constant, events, task


def say(name):
    def listener(*args, **named):
        given = sorted(named)
        if name == "init_command_line_parser":
            return
        print(f"said: {name} {args} {given}", flush=True)

    return listener


for hook in (
    "init",
    "test_start",
    "spawning_complete",
    "request",
    "user_error",
    "test_stopping",
    "test_stop",
    "quitting",
    "quit",
):
    getattr(events, hook).add_listener(say(hook))


@events.quitting.add_listener
def second(environment, **_):
    print(
        f"said: quitting first, as the last one that was added; {environment.stats.total.num_requests}",
        flush=True,
    )


@events.test_start.add_listener
def started(environment, **_):
    print(
        f"said: {environment.runner.state} {type(environment.runner).__name__} {environment.web_ui}",
        flush=True,
    )


class Buyer(HttpUser):
    wait_time = constant(0)
    turns = 0

    def on_start(self):
        print("said: on_start", flush=True)

    def on_stop(self):
        print("said: on_stop", flush=True)

    @task
    def twice(self):
        self.client.get("/one")
        self.turns += 1
        if self.turns == 2:
            self.environment.runner.quit()
        raise ValueError("of the task")
