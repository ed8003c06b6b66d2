"""Healthy and starved runs of katydid, to see that it tells them apart: `bench/validity/run.py`."""
