"""Every exception a locustfile can raise or catch.

Knows nothing of who reacts to them: `user/task.py` gives the control-flow ones their meaning.
"""

from __future__ import annotations

from typing import Any


class LocustError(Exception):
    """Wrong use of the API."""


class ResponseError(Exception):
    """Raised inside a `catch_response` block: the request failed, the task goes on."""


class CatchResponseError(Exception):
    """What `response.failure("text")` reports when it was given something that is not an exception."""


class MissingWaitTimeError(LocustError):
    """Neither the user nor the task set says how long to wait."""


class InterruptTaskSet(Exception):
    """Leaves the current task set; `reschedule` says whether the parent goes on without waiting."""

    def __init__(self, reschedule: bool = True) -> None:
        super().__init__()
        self.reschedule = reschedule


class StopTest(Exception):
    """Ends the whole run."""


class StopUser(Exception):
    """Ends the user that raises it, after its `on_stop`."""


class RescheduleTask(Exception):
    """Ends the current task as `return` would."""


class RescheduleTaskImmediately(Exception):
    """Ends the current task and starts the next one without waiting."""


class JobTimeout(RescheduleTask):
    """A job was not done in time. It is recorded as failed already, so the task just ends."""


class FeedError(LocustError):
    """Test data cannot be used; the text names the file and the line, and says what to do."""


class FeedExhausted(StopUser):
    """Every row was given out; the user that asked for another one ends."""


class RPCError(Exception):
    """The link between master and worker is broken."""


class RPCSendError(Exception):
    """A message could not be sent."""


class RPCReceiveError(Exception):
    """A message could not be received or read; `addr` is its sender, where known."""

    def __init__(self, *args: object, addr: Any = None) -> None:
        super().__init__(*args)
        self.addr = addr


class RunnerAlreadyExistsError(Exception):
    """An environment has one runner, and it was already created."""


class NotBuiltYet(NotImplementedError):
    """A part of Locust that katydid does not have yet."""

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(
            f"{what} is not built into katydid yet." + (f" {instead}" if instead else "")
        )


#: What a listener or a task may raise to steer the user it runs in; never logged as a mistake of
#: the listener.
CONTROL_FLOW = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
