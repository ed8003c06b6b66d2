// Runs of both sides over time, one over the other, from the beginning of what is compared.

import type { Board } from "./board";
import { type Look, TimeChart } from "./chart";
import type { ComparisonPage, RunCurve } from "./comparison";
import { el, soft } from "./dom";
import type { Moments } from "./moments";
import type { Chart, Maybe } from "./run";

/** More runs of a side are too many lines. */
const MOST = 8;
/** More times are not needed, whatever the runs' intervals. */
const TIMES = 4000;

type Curves = ComparisonPage["curves"];

function isLong({ t_s }: RunCurve): boolean {
  return t_s.length > 1;
}

/** How long the longest takes, s. */
export function spanOf({ before, after }: Curves): number {
  const ends = [...before, ...after].map(({ t_s }) => t_s.at(-1) ?? 0);
  return Math.max(1, ...ends);
}

/** The least time between two values. */
function widthOf(all: RunCurve[]): number {
  const widths = all.flatMap(({ t_s }) => t_s.slice(1).map((t, i) => t - (t_s[i] ?? 0)));
  return widths.reduce((least, one) => (one > 0 ? Math.min(least, one) : least), 3600);
}

/** Runs begin within an interval of each other: their values are drawn at the nearest of shared times. */
class Grid {
  readonly t_s: number[] = [];
  private readonly width: number;

  constructor(all: RunCurve[]) {
    const end = Math.max(...all.map(({ t_s }) => t_s.at(-1) ?? 0));
    this.width = Math.max(widthOf(all), end / TIMES);
    const most = Math.round(end / this.width);
    for (let i = 0; i <= most; i += 1) this.t_s.push(i * this.width);
  }

  /** What is not known of a time between two values is left to the line; what was not seen is a gap. */
  values({ t_s }: RunCurve, of: Maybe[]): Maybe[] {
    const made: (Maybe | undefined)[] = new Array(this.t_s.length).fill(undefined);
    t_s.forEach((t, i) => {
      made[Math.round(t / this.width)] = of[i] ?? null;
    });
    return made as Maybe[];
  }
}

/** Null where there is nothing to draw. */
export function curveSection(
  { curves }: ComparisonPage,
  board: Board,
  moments: Moments,
): HTMLElement | null {
  const sides = [curves.before, curves.after].map((runs) => runs.filter(isLong));
  const drawn = sides.map((runs) => runs.slice(0, MOST));
  const [before = [], after = []] = drawn;
  const all = [...before, ...after];
  if (all.length === 0) return null;
  const grid = new Grid(all);
  const named = (runs: RunCurve[], side: string) =>
    runs.map((_, i) => (runs.length > 1 ? `${side} ${i + 1}` : side));
  const names = [...named(before, "before"), ...named(after, "after")];
  const look: Look = {
    colours: all.map((_, i) => (i < before.length ? "before" : "after")),
    dashed: all.map((_, i) => i < before.length),
  };
  const chart = (id: string, title: string, unit: string, of: (run: RunCurve) => Maybe[]) => {
    const lines = all.map((run, i) => ({
      name: names[i] ?? "",
      values: grid.values(run, of(run)),
    }));
    const made: Chart = { id, title, unit, stacked: false, limit: null, t_s: grid.t_s, lines };
    return new TimeChart(made, board, moments, [], { ...look, mayBeLog: unit === "ms" }).figure;
  };
  const hidden = sides.some((runs) => runs.length > MOST);
  const less = hidden ? ` Of each side the first ${MOST} runs are drawn.` : "";
  return el(
    "section",
    { id: "curves" },
    el("h2", {}, "Over time"),
    soft(`All requests, from the beginning of what is compared. Dashed: before.${less}`),
    el(
      "div",
      { class: "charts" },
      chart("p95", "p95 of successes, from due", "ms", ({ p95 }) => p95),
      chart("rps", "Requests ended", "/s", ({ rps }) => rps),
    ),
  );
}
