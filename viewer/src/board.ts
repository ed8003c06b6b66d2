// The time axis that all charts share: what is zoomed in on, where the cursor is, which charts are drawn. Knows no values.

import type uPlot from "uplot";

/** Something that is drawn only once it comes into view. */
export interface Drawn {
  readonly place: HTMLElement;
  /** Draws it, if it is not. */
  draw(): uPlot;
  /** The chart, once it is drawn. */
  plot: uPlot | null;
  /** Whether it can be seen at the moment. */
  near: boolean;
  /** Shows the values at an instant, or none. */
  point(at: number | null): void;
}

export class Board {
  /** The whole run, s. */
  readonly whole: [number, number];
  range: [number, number];
  cursor: number | null = null;
  private readonly charts = new Map<Element, Drawn>();
  private readonly listeners: (() => void)[] = [];
  private readonly watcher: IntersectionObserver;
  private readonly sizes: ResizeObserver;
  private frame = 0;

  constructor(span: number) {
    this.whole = [0, span];
    this.range = [0, span];
    this.watcher = new IntersectionObserver((seen) => this.came(seen), { rootMargin: "300px" });
    this.sizes = new ResizeObserver((sizes) => {
      for (const { target, contentRect } of sizes) this.fit(target, contentRect.width);
    });
    addEventListener("beforeprint", () => this.drawAll());
  }

  get zoomed(): boolean {
    return this.range[0] > this.whole[0] || this.range[1] < this.whole[1];
  }

  add(chart: Drawn): void {
    this.charts.set(chart.place, chart);
    this.watcher.observe(chart.place);
    this.sizes.observe(chart.place);
  }

  /** Called when range or cursor have changed. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Shows this part of the run in all charts. */
  zoom(from: number, until: number): void {
    const [low, high] = this.whole;
    const least = Math.min((high - low) / 2, 2);
    if (until - from < least) {
      const middle = (from + until) / 2;
      [from, until] = [middle - least / 2, middle + least / 2];
    }
    this.range = [Math.max(from, low), Math.min(until, high)];
    for (const { plot } of this.charts.values()) {
      plot?.setScale("x", { min: this.range[0], max: this.range[1] });
    }
    this.tell();
  }

  reset(): void {
    this.zoom(...this.whole);
  }

  /** Shows the values of all charts at this instant. */
  point(at: number | null): void {
    if (at === this.cursor) return;
    this.cursor = at;
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const chart of this.charts.values()) {
        if (chart.plot !== null && chart.near) chart.point(this.cursor);
      }
      this.tell();
    });
  }

  /** Redraws in new colours. */
  recolour(): void {
    for (const { plot } of this.charts.values()) plot?.redraw(false);
  }

  drawAll(): void {
    for (const chart of this.charts.values()) chart.draw();
  }

  private came(seen: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of seen) {
      const chart = this.charts.get(target);
      if (chart === undefined) continue;
      chart.near = isIntersecting;
      if (!isIntersecting) continue;
      chart.draw();
      chart.point(this.cursor);
    }
  }

  private fit(place: Element, width: number): void {
    const plot = this.charts.get(place)?.plot;
    const whole = Math.floor(width);
    if (plot && whole > 0 && plot.width !== whole)
      plot.setSize({ width: whole, height: plot.height });
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
