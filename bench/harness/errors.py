"""What can go wrong in a measurement: the run of one program, never the whole table."""


class BenchError(Exception):
    """One program could not be started, did not end, or did not do its work; the text says which."""
