// One chart over time: lines or a stack, drawn by uPlot when it comes into view. Knows no source; see `board.ts` for what charts share.

import uPlot from "uplot";
import type { Board, Drawn } from "./board";
import { el } from "./dom";
import { Legend } from "./legend";
import type { Moments } from "./moments";
import { bare, instant, inUnit, NONE } from "./number";
import { paintAbove, paintBelow } from "./paint";
import type { Chart, Maybe } from "./run";
import { isLog, linearRange, logRange } from "./scale";
import type { Loss } from "./summary";
import { colour, faint } from "./theme";

const HEIGHT = 176;
const AXIS = 58;
const PALETTE = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

/** How a chart is drawn where it is not as its data says. */
export interface Look {
  /** Names of custom properties, one for each line. */
  colours?: string[];
  /** Filled down to zero. */
  filled?: boolean;
  /** Logarithmic where the values span far. */
  mayBeLog?: boolean;
  /** The area between the first and the last line is shaded. */
  band?: boolean;
  /** Lines that are thin and dashed, by place; then all are thin. */
  dashed?: boolean[];
}

export class TimeChart implements Drawn {
  readonly place = el("div", { class: "plot", tabindex: 0, role: "img" });
  readonly figure: HTMLElement;
  plot: uPlot | null = null;
  near = false;
  private readonly legend: Legend;
  private readonly colours: string[];
  private readonly log: boolean;

  constructor(
    private readonly chart: Chart,
    private readonly board: Board,
    private readonly moments: Moments,
    private readonly losses: Loss[] = [],
    private readonly look: Look = {},
  ) {
    this.colours = look.colours ?? chart.lines.map((_, i) => PALETTE[i % PALETTE.length] ?? "c1");
    this.log = look.mayBeLog === true && isLog(chart.lines);
    const toggle = (line: number) => this.toggle(line);
    this.legend = new Legend(chart.lines, chart.unit, this.colours, toggle, look.dashed);
    const scale = this.log ? `${chart.unit}, logarithmic` : chart.unit;
    const head = el("figcaption", {}, chart.title, scale ? el("small", {}, scale) : null);
    if (chart.limit !== null) {
      head.append(el("small", { class: "limit" }, `limit ${whole(chart.limit, chart.unit)}`));
    }
    this.figure = el("figure", { "data-chart": chart.id }, head, this.legend.place, this.place);
    this.place.setAttribute(
      "aria-label",
      `${chart.title}: ${chart.lines.map((l) => l.name).join(", ")}`,
    );
    this.place.addEventListener("keydown", (event) => this.step(event));
    this.place.addEventListener("touchmove", (event) => this.touch(event), { passive: true });
    this.place.addEventListener("touchstart", (event) => this.touch(event), { passive: true });
    // A finger that is lifted leaves the values; a mouse that goes takes them along.
    this.place.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") board.point(null);
    });
    board.add(this);
  }

  draw(): uPlot {
    this.plot ??= new uPlot(this.options(), this.data(), this.place);
    return this.plot;
  }

  point(at: number | null): void {
    const u = this.plot;
    if (u === null) return;
    const index = at === null ? null : this.nearest(at);
    this.legend.show(index);
    const left = at === null ? -10 : u.valToPos(at, "x");
    if (Math.abs((u.cursor.left ?? -10) - left) > 0.5)
      u.setCursor({ left, top: at === null ? -10 : 0 }, false);
  }

  /** The index of the last value that began by then. */
  private nearest(at: number): number | null {
    const times = this.chart.t_s;
    let [low, high] = [0, times.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((times[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    const next = times[low + 1];
    const here = times[low];
    if (here === undefined) return null;
    return next !== undefined && next - at < at - here ? low + 1 : low;
  }

  /** Lines as uPlot wants them; those of a stack on top of each other. */
  private data(): uPlot.AlignedData {
    const { t_s, lines, stacked } = this.chart;
    if (!stacked) return [t_s, ...lines.map((line) => line.values)];
    const sums: number[] = new Array(t_s.length).fill(0);
    const stack = lines.map((line, i) => {
      const hidden = this.plot?.series[i + 1]?.show === false;
      return t_s.map((_, at): Maybe => {
        const value = line.values[at] ?? null;
        const any = lines.some((other) => (other.values[at] ?? null) !== null);
        if (!any) return null;
        if (!hidden) sums[at] = (sums[at] ?? 0) + (value ?? 0);
        return sums[at] ?? null;
      });
    });
    return [t_s, ...stack];
  }

  private toggle(line: number): boolean {
    const u = this.draw();
    const shown = u.series[line + 1]?.show !== false;
    u.setSeries(line + 1, { show: !shown });
    if (this.chart.stacked) u.setData(this.data(), false);
    u.redraw(true, true);
    return !shown;
  }

  private options(): uPlot.Options {
    const { stacked, lines, unit, limit } = this.chart;
    const board = this.board;
    const filled = this.look.filled === true;
    const series = lines.map((line, i): uPlot.Series => {
      const name = this.colours[i] ?? "c1";
      return {
        label: line.name,
        stroke: () => colour(name),
        width: this.look.dashed ? 1.2 : 1.5,
        ...(this.look.dashed?.[i] ? { dash: [4, 3] } : {}),
        points: {
          show: true,
          filter: (u, at) => alone(u.data[at] ?? []),
          size: 3,
          fill: () => colour(name),
        },
        ...(stacked ? { fill: () => faint(name, 0.55) } : {}),
        ...(filled ? { fill: () => faint(name, 0.12) } : {}),
      };
    });
    const bands: uPlot.Band[] = [];
    if (stacked)
      bands.push(...lines.slice(1).map((_, i): uPlot.Band => ({ series: [i + 2, i + 1] })));
    if (this.look.band) {
      const fill = () => faint(this.colours[0] ?? "c1", 0.13);
      bands.push({ series: [1, lines.length], fill });
    }
    const axis = { stroke: () => colour("soft"), font: "11px system-ui, sans-serif" };
    const grid = { stroke: () => colour("rule"), width: 1 };
    const ticks = { stroke: () => colour("rule"), width: 1, size: 4 };
    return {
      width: Math.max(Math.floor(this.place.clientWidth), 200),
      height: HEIGHT,
      padding: [18, 12, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        bind: { dblclick: () => () => this.reset() },
      },
      scales: {
        x: { time: false, range: () => board.range },
        y: {
          distr: this.log ? 3 : 1,
          range: (_, least, most) =>
            this.log ? logRange(least, most) : linearRange(least ?? 0, most ?? 0, limit, unit),
        },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          ticks,
          size: 26,
          gap: 3,
          space: 70,
          incrs: TIMES,
          values: (_, at) => at.map((t) => (t === 0 ? "0" : instant(t))),
        },
        {
          ...axis,
          grid,
          ...(this.log
            ? { filter: (_, at: number[]) => at.map((v) => (isRound(v) ? v : null)) }
            : {}),
          ticks: { show: false },
          size: AXIS,
          gap: 6,
          space: 34,
          incrs: unit.startsWith("bytes") ? BINARY : DECIMAL,
          values: (_, at) => at.map((v) => tick(v, unit, this.log)),
        },
      ],
      series: [{}, ...series],
      bands,
      hooks: {
        drawClear: [(u) => paintBelow(u, this.moments, this.losses)],
        draw: [(u) => paintAbove(u, this.moments, limit)],
        setCursor: [(u) => this.moved(u)],
        setSelect: [(u) => this.selected(u)],
      },
    };
  }

  private moved(u: uPlot): void {
    // Only the chart under the pointer leads.
    if (!u.over.matches(":hover")) return;
    const left = u.cursor.left ?? -10;
    this.board.point(left < 0 ? null : u.posToVal(left, "x"));
  }

  private reset(): null {
    this.board.reset();
    return null;
  }

  private selected(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 4) return;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.board.zoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
  }

  private step(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const [from, until] = this.board.range;
    const now = this.board.cursor ?? (from + until) / 2;
    const next = now + (by * (until - from)) / (event.shiftKey ? 10 : 100);
    this.board.point(Math.min(Math.max(next, from), until));
  }

  private touch(event: TouchEvent): void {
    const u = this.plot;
    const finger = event.touches[0];
    if (u === null || finger === undefined || event.touches.length > 1) return;
    const left = finger.clientX - u.over.getBoundingClientRect().left;
    if (left >= 0 && left <= u.over.clientWidth) this.board.point(u.posToVal(left, "x"));
  }
}

/** Points that have no neighbour would not be seen as a line. */
function alone(values: ArrayLike<Maybe | undefined>): number[] {
  const gap = (i: number) => (values[i] ?? null) === null;
  const found: number[] = [];
  for (let i = 0; i < values.length && found.length < 500; i += 1) {
    if (!gap(i) && gap(i - 1) && gap(i + 1)) found.push(i);
  }
  return found;
}

const TIMES = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400,
];
const steps = (base: number, from: number, to: number, of: number[]) =>
  Array.from({ length: to - from }, (_, i) => of.map((m) => m * base ** (from + i))).flat();
const DECIMAL = steps(10, -6, 16, [1, 2, 2.5, 5]);
const BINARY = steps(2, 0, 60, [1]);

/** One, two or five of a power of ten. */
function isRound(value: number): boolean {
  const lead = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
  return [1, 2, 5].includes(Math.round(lead * 100) / 100);
}

function tick(value: Maybe, unit: string, log: boolean): string {
  if (value === null) return "";
  if (log && !isRound(value)) return "";
  if (unit.startsWith("bytes")) return bare(value, unit).replace(/\.0+ /, " ");
  if (value >= 1e6) return `${trimmed(value / 1e6)} M`;
  return value >= 1000
    ? bare(Math.round(value), "")
    : Number.isFinite(value)
      ? trimmed(value)
      : NONE;
}

/** A limit is often a count: `20 sessions`, not `20.0 sessions`. */
function whole(limit: number, unit: string): string {
  return Number.isInteger(limit) && !unit.startsWith("bytes") && unit !== "/s"
    ? `${bare(limit, unit)} ${unit}`.trim()
    : inUnit(limit, unit);
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(3)));
}
