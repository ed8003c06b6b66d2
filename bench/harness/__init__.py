"""The parts of `bench/run.py`: processes and targets, the programs compared, what is measured, what is written."""
