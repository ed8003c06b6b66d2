// The charts of the load: users, throughput, response times, errors. From the summary's series, which are finished.

import type { Board } from "./board";
import { type Look, TimeChart } from "./chart";
import { el, soft } from "./dom";
import type { Moments } from "./moments";
import type { Chart, ChartLine, Maybe, Run } from "./run";

interface Drawing {
  id: string;
  title: string;
  unit: string;
  lines: ChartLine[];
  look: Look;
}

/** Null where there was too little to draw. */
export function loadSection(run: Run, board: Board, moments: Moments): HTMLElement | null {
  const { series } = run.summary;
  if (series.t_s.length < 2) return null;
  // An interval's values stand in its middle.
  const middle = series.t_s.map((t, i) => t + (series.length_s[i] ?? series.width_s) / 2);
  const line = (name: string, values: Maybe[]): ChartLine => ({ name, values });
  const drawings: Drawing[] = [
    {
      id: "rps",
      title: "Throughput",
      unit: "/s",
      lines: [line("requests ended", series.rps)],
      look: { colours: ["requests"], filled: true },
    },
    {
      id: "latency",
      title: "Response time of successes, from due",
      unit: "ms",
      lines: [line("p50", series.p50), line("p95", series.p95), line("p99", series.p99)],
      look: { colours: ["p50", "p95", "p99"], mayBeLog: true, band: true },
    },
    {
      id: "users",
      title: "Users, and requests in flight",
      unit: "",
      lines: [line("users", series.users), line("in flight", series.in_flight)],
      look: { colours: ["users", "inflight"] },
    },
    {
      id: "errors",
      title: "Errors",
      unit: "/s",
      lines: [line("failed requests", series.failures_per_s)],
      look: { colours: ["fail"], filled: true },
    },
  ];
  const grid = el("div", { class: "charts" });
  for (const { look, ...drawing } of drawings) {
    const chart: Chart = { ...drawing, stacked: false, limit: null, t_s: middle };
    grid.append(new TimeChart(chart, board, moments, [], look).figure);
  }
  return el("section", { id: "load" }, el("h2", {}, "The load"), soft(run.texts.resolution), grid);
}
