"""The locustfile of all cases. What users do comes from the environment; see `cases.py`."""

import os
import time

from gevent import monkey
from locust import FastHttpUser, between, constant, constant_pacing, task

KIND, _, NUMBERS = os.environ["VALIDITY_WAIT"].partition(" ")
WAITS = {"constant": constant, "between": between, "pacing": constant_pacing}
PATH = os.environ["VALIDITY_PATH"]
BURN_S = float(os.environ["VALIDITY_BURN_MS"]) / 1e3
BLOCK_S = float(os.environ["VALIDITY_BLOCK_MS"]) / 1e3
blocking_sleep = monkey.get_original("time", "sleep")


def hog():
    while True:
        pass


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


for _ in range(int(os.environ["VALIDITY_HOGS"])):
    native = monkey.get_original("_thread", "start_new_thread")
    native(hog, ())


class Visitor(FastHttpUser):
    if KIND != "none":
        wait_time = WAITS[KIND](*map(float, NUMBERS.split()))

    @task
    def visit(self):
        self.client.get(PATH, name="visit")
        if BURN_S:
            burn(BURN_S)
        if BLOCK_S:
            blocking_sleep(BLOCK_S)
