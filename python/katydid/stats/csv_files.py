"""Locust's CSV files, for scripts that write them themselves. The command line's `--csv` is written
natively."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable
from typing import Any, Protocol

import gevent

from ..util.date import format_utc_timestamp
from .console import get_readable_percentiles, sort_stats
from .entry import StatsError
from .tunables import tunables


class CSVWriter(Protocol):
    def writerow(self, columns: Iterable[Any]) -> Any: ...


class StatsCSV:
    """The rows of three of the files, into any CSV writer."""

    failures_columns = ("Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen")
    exceptions_columns = ("Count", "Message", "Traceback", "Nodes")

    def __init__(self, environment: Any, percentiles_to_report: list[float]) -> None:
        self.environment = environment
        self.percentiles_to_report = percentiles_to_report
        self.percentiles_na = ["N/A"] * len(percentiles_to_report)
        self.requests_csv_columns = [
            *("Type", "Name", "Request Count", "Failure Count"),
            *(
                "Median Response Time",
                "Average Response Time",
                "Min Response Time",
                "Max Response Time",
            ),
            *("Average Content Size", "Requests/s", "Failures/s"),
            *get_readable_percentiles(percentiles_to_report),
        ]

    def requests_csv(self, csv_writer: CSVWriter) -> None:
        csv_writer.writerow(self.requests_csv_columns)
        self._requests_data_rows(csv_writer)

    def failures_csv(self, csv_writer: CSVWriter) -> None:
        csv_writer.writerow(self.failures_columns)
        self._failures_data_rows(csv_writer)

    def exceptions_csv(self, csv_writer: CSVWriter) -> None:
        csv_writer.writerow(self.exceptions_columns)
        self._exceptions_data_rows(csv_writer)

    def close_files(self) -> None:
        """There are none."""

    def _percentile_fields(self, entry: Any, use_current: bool = False) -> list[Any]:
        if not entry.num_requests:
            return self.percentiles_na
        current = use_current and entry.use_response_times_cache
        read = (
            entry.get_current_response_time_percentile
            if current
            else entry.get_response_time_percentile
        )
        return [int(read(p) or 0) for p in self.percentiles_to_report]

    def _requests_data_rows(self, csv_writer: CSVWriter) -> None:
        stats = self.environment.stats
        for entry in [*sort_stats(stats.entries), stats.total]:
            csv_writer.writerow(
                [
                    *(entry.method, entry.name, entry.num_requests, entry.num_failures),
                    *_times_and_size(entry),
                    *(entry.total_rps, entry.total_fail_per_sec),
                    *self._percentile_fields(entry),
                ]
            )

    def _failures_data_rows(self, csv_writer: CSVWriter) -> None:
        for error in sort_stats(self.environment.stats.errors):
            seen = (error.first_seen, error.last_seen)
            dates = ["" if t is None else format_utc_timestamp(t) for t in seen]
            text = StatsError.parse_error(error.error)
            csv_writer.writerow([error.method, error.name, text, error.occurrences, *dates])

    def _exceptions_data_rows(self, csv_writer: CSVWriter) -> None:
        runner = self.environment.runner
        for exc in runner.exceptions.values() if runner is not None else ():
            csv_writer.writerow(
                [exc["count"], exc["msg"], exc["traceback"], ", ".join(exc["nodes"])]
            )


class StatsCSVFileWriter(StatsCSV):
    """Four files: three written anew every second, the history appended to. Call it in a greenlet."""

    def __init__(
        self,
        environment: Any,
        percentiles_to_report: list[float],
        base_filepath: str,
        full_history: bool = False,
    ) -> None:
        super().__init__(environment, percentiles_to_report)
        self.base_filepath = base_filepath
        self.full_history = full_history
        self._files = {
            part: open(f"{base_filepath}_{part}.csv", "w", newline="")  # noqa: SIM115
            for part in ("stats", "stats_history", "failures", "exceptions")
        }
        self._writers = {part: csv.writer(file) for part, file in self._files.items()}
        self.stats_history_csv_columns = [
            *("Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"),
            *get_readable_percentiles(percentiles_to_report),
            *("Total Request Count", "Total Failure Count", "Total Median Response Time"),
            *("Total Average Response Time", "Total Min Response Time", "Total Max Response Time"),
            "Total Average Content Size",
        ]

    def stats_history_file_name(self) -> str:
        return self.base_filepath + "_stats_history.csv"

    def __call__(self) -> None:
        self.stats_writer()

    def stats_writer(self) -> None:
        rewritten = {
            "stats": (self.requests_csv_columns, self._requests_data_rows),
            "failures": (self.failures_columns, self._failures_data_rows),
            "exceptions": (self.exceptions_columns, self._exceptions_data_rows),
        }
        starts = {}
        for part, (columns, _) in rewritten.items():
            self._writers[part].writerow(columns)
            starts[part] = self._files[part].tell()
        self._writers["stats_history"].writerow(self.stats_history_csv_columns)

        flushed = 0.0
        while True:
            now = time.time()
            for part, (_, rows) in rewritten.items():
                self._files[part].seek(starts[part])
                rows(self._writers[part])
                self._files[part].truncate()
            self._stats_history_data_rows(self._writers["stats_history"], now)
            if now - flushed > tunables().CSV_STATS_FLUSH_INTERVAL_SEC:
                for file in self._files.values():
                    file.flush()
                flushed = now
            gevent.sleep(tunables().CSV_STATS_INTERVAL_SEC)

    def _stats_history_data_rows(self, csv_writer: CSVWriter, now: float) -> None:
        stats, runner = self.environment.stats, self.environment.runner
        users = runner.user_count if runner is not None else 0
        rows = sort_stats(stats.entries) if self.full_history else []
        for entry in [*rows, stats.total]:
            csv_writer.writerow(
                [
                    *(int(now), users, entry.method or "", entry.name),
                    *(f"{entry.current_rps:2f}", f"{entry.current_fail_per_sec:2f}"),
                    *self._percentile_fields(entry, use_current=self.full_history),
                    *(entry.num_requests, entry.num_failures),
                    *_times_and_size(entry),
                ]
            )

    def close_files(self) -> None:
        for file in self._files.values():
            file.close()


def _times_and_size(entry: Any) -> list[Any]:
    return [
        entry.median_response_time,
        entry.avg_response_time,
        entry.min_response_time or 0,
        entry.max_response_time,
        entry.avg_content_length,
    ]
