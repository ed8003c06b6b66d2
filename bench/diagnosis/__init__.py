"""The truth table of the diagnosis: `bench/diagnosis/truth.py`."""
