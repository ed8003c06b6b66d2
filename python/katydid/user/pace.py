"""The slots of a paced user: when its next iteration was due, and which slots it never took.

The user's own grid: a slot every `period`, re-based on the actual start whenever one was late,
since Locust never catches up. What is left on the user, in plain integers, for the clients to hand
to the engine:
- `_due_ns`: the slot that the next iteration serves (perf_counter_ns); its first request takes it
and sets it to 0;
- `_blocked`: slots that passed while the user was still busy, i.e. because of the target;
- `_missed`: slots that passed while the user was asleep and the generator woke it late. With every
slot so counted, served + blocked + missed equals what the original grid asked for: lateness below
one period is carried and counted as a blocked slot when it adds up to one. Does not sleep, knows no
clock of its own: instants come in as arguments.
"""

from __future__ import annotations

from typing import Any


class Pace:
    """The grid of one user, in nanoseconds."""

    __slots__ = ("_late_ns", "_slot_ns", "period_ns")

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self._slot_ns = 0  # the slot of the running iteration; 0: none yet
        self._late_ns = 0  # lateness not yet counted as a slot

    def plan(self, user: Any, now_ns: int, wait_ns: int) -> None:
        """An iteration has ended; the user will wait `wait_ns` (0: it is late) and start the next
        one."""
        slot, period = self._slot_ns, self.period_ns
        if wait_ns > 0 or slot == 0 or period <= 0:
            due = now_ns + wait_ns
        else:
            # At least one slot has passed. The newest is served now, late; those before it were
            # skipped.
            passed = (now_ns - slot) // period
            if passed >= 1:
                due = slot + passed * period
                self._late_ns += now_ns - due
                lost, self._late_ns = divmod(self._late_ns, period)
                user._blocked += passed - 1 + lost
            else:  # woken late before, so that Locust's clock is ahead of the grid: nothing was skipped
                due = now_ns
        user._due_ns = due
        # The next slot counts from the actual start.
        self._slot_ns = now_ns + wait_ns

    def woke(self, user: Any, now_ns: int) -> None:
        """The user's sleep has ended; whole periods of oversleeping are slots that the generator
        missed."""
        period = self.period_ns
        missed = (now_ns - self._slot_ns) // period if period > 0 else 0
        if missed > 0:
            user._missed += missed
            self._slot_ns += missed * period
            user._due_ns = self._slot_ns
