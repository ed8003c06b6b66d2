// Pictures in rows of a table, all on one axis. Places are shares of the width, so they fit any. Knows no values.

import { svg } from "./dom";

/** Room at both ends, as a share. */
const EDGE = 0.03;

export interface Tick {
  at: number;
  text: string;
  /** Only where there is much room. */
  extra?: boolean;
}

/** Where values stand, and what is written below. */
export interface Axis {
  /** Within 0 and 1: in the picture. */
  at(value: number): number;
  ticks: Tick[];
}

/** An axis from `low` to `high`, after this change of scale. */
export function axis(
  low: number,
  high: number,
  scaled: (value: number) => number,
  ticks: Tick[],
): Axis {
  const span = high - low || 1;
  return {
    at: (value) => EDGE + ((1 - 2 * EDGE) * (scaled(value) - low)) / span,
    ticks,
  };
}

/** As a length. */
export function share(at: number): string {
  return `${(at * 100).toFixed(2)}%`;
}

/** A row's picture. The numbers stand beside it, so readers aloud do without. */
export function range(title: string, ...children: (Element | null)[]): SVGElement {
  const made = svg("svg", { class: "range", "aria-hidden": "true" }, ...children);
  made.append(svg("title", {}, title));
  return made;
}

export function line(from: number, until: number, name: string): Element {
  return svg("line", { class: name, x1: share(from), x2: share(until), y1: "50%", y2: "50%" });
}

/** From top to bottom. */
export function upright(at: number, name: string): Element {
  return svg("line", { class: name, x1: share(at), x2: share(at), y1: 0, y2: "100%" });
}

export function dot(at: number, name: string): Element {
  return svg("circle", { class: name, cx: share(at), cy: "50%", r: 4.5 });
}

/** Where a line goes on beyond the picture: a tip at its left or right end. */
export function tip(isLeft: boolean, name: string): Element {
  const path = svg("path", { class: name, d: isLeft ? "M0 0l8 -5v10z" : "M0 0l-8 -5v10z" });
  const place = { x: isLeft ? 0 : "100%", y: "50%", overflow: "visible" };
  return svg("svg", place, path);
}

/** The axis itself. */
export function scaleOf({ at, ticks }: Axis): SVGElement {
  const marks = ticks.map((tick) => {
    const x = share(at(tick.at));
    const name = tick.extra ? "extra" : null;
    return svg(
      "g",
      { class: name },
      svg("line", { class: "tick", x1: x, x2: x, y1: 0, y2: 4 }),
      svg("text", { x, y: 16, "text-anchor": "middle" }, tick.text),
    );
  });
  const whole = { class: "tick", x1: 0, x2: "100%", y1: 0.5, y2: 0.5 };
  return svg("svg", { class: "range scale", "aria-hidden": "true" }, svg("line", whole), ...marks);
}
