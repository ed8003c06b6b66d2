// The steps of a search as points: how much was bad over the load. Shapes say what a step was for. Computes nothing but places.

import { el, svg } from "./dom";
import { bare, duration, percent } from "./number";
import { ticks } from "./scale";
import type { Search, SearchStep } from "./summary";

const HEIGHT = 330;
const LEFT = 58;
const RIGHT = 16;
const TOP = 44;
const FLOOR = HEIGHT - 44;
/** Between the line of zero and the least share that has a place on the logarithmic axis. */
const GAP = 24;
/** Nothing is lower than so many times less than what is allowed. */
const DEPTH = 100;
/** Width of a character of a label, about. */
const CHAR = 6.4;

/** The objective whose requests are shown: the one that breaks first, or the first. */
export function objectiveOf(search: Search): Search["objectives"][number] | undefined {
  return search.objectives[search.binding ?? 0];
}

/** Of the shown objective; where nothing came back until it was cut all was bad. */
function badOf(step: SearchStep, search: Search): number | null {
  return step.bad[search.binding ?? 0] ?? (step.cut ? 1 : null);
}

/** The shape of a kind of step, around zero. */
export function marker(kind: SearchStep["purpose"] | "cut"): SVGElement {
  switch (kind) {
    case "coarse":
      return svg("circle", { class: "coarse", r: 4.5 });
    case "confirm":
      return svg("path", { class: "confirm", d: "M0 -7L7 0L0 7L-7 0Z" });
    case "cut":
      return svg("path", { class: "cut", d: "M-7 -7L7 7M-7 7L7 -7" });
    default:
      return svg("circle", { class: "fine", r: 4 });
  }
}

/** Drawn as wide as there is room, and again when that changes. On paper it is scaled. */
export function fitted(draw: (width: number) => SVGElement): HTMLElement {
  const place = el("div", { class: "fitted" });
  let drawn = 0;
  new ResizeObserver(([size]) => {
    const width = Math.floor(size?.contentRect.width ?? 0);
    if (width < 50 || width === drawn) return;
    drawn = width;
    place.replaceChildren(draw(width));
  }).observe(place);
  place.append(draw(900));
  return place;
}

interface Axes {
  x(height: number): number;
  y(share: number): number;
  shares: number[];
}

function axesOf(search: Search, width: number): Axes {
  const budget = objectiveOf(search)?.budget ?? 0;
  const heights = search.steps.filter(isDrawn).map(({ height }) => height);
  const most = Math.max(...heights, search.high ?? 0) * 1.04 || 1;
  const shares = search.steps.filter(isDrawn).map((step) => badOf(step, search) ?? 0);
  const deepest = budget > 0 ? budget / DEPTH : 1e-4;
  const least = Math.min(budget || 1, ...shares.filter((share) => share > 0));
  const low = 10 ** Math.floor(Math.log10(Math.max(least, deepest)) + 1e-9);
  const top = Math.max(...shares) > 0.3 || budget > 0.1 ? 1 : 0.5;
  const room = FLOOR - GAP - TOP;
  const found: number[] = [];
  for (let share = low; share < top * 0.99; share *= 10) found.push(share);
  return {
    x: (height) => LEFT + ((width - LEFT - RIGHT) * height) / most,
    y: (share) => {
      if (share <= 0) return FLOOR - 8;
      const part = Math.log(Math.max(share, low) / low) / Math.log(top / low);
      return FLOOR - GAP - part * room;
    },
    shares: [...found, top],
  };
}

/** Calm ones let the target recover; those beyond the limit are overloads on purpose; those that do not count say nothing of it. */
export function isDrawn(step: SearchStep): boolean {
  return step.counts && ["coarse", "fine", "confirm"].includes(step.purpose);
}

export function scatter(search: Search, width: number): SVGElement {
  const axes = axesOf(search, width);
  return svg(
    "svg",
    {
      class: "scatter",
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": `${search.answer} The steps are in the table below.`,
    },
    ...grid(axes, search, width),
    ...answer(axes, search, width),
    ...allowed(axes, search, width),
    ...points(axes, search),
  );
}

function grid({ x, y, shares }: Axes, search: Search, width: number): Element[] {
  const made: Element[] = [];
  const end = width - RIGHT;
  const label = (at: number, text: string) =>
    svg("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, text);
  for (const share of shares) {
    const at = y(share);
    made.push(svg("path", { class: "rule", d: `M${LEFT} ${at.toFixed(1)}H${end}` }));
    made.push(label(at, `${Number((share * 100).toPrecision(3))} %`));
  }
  made.push(label(y(0), "0"), svg("path", { class: "floor", d: `M${LEFT} ${FLOOR}H${end}` }));
  const most = search.steps.filter(isDrawn).reduce((a, { height }) => Math.max(a, height), 0);
  for (const height of ticks(0, Math.max(most, search.high ?? 0), width / 90)) {
    // There is no half a user.
    if (search.unit === "users" && !Number.isInteger(height)) continue;
    const at = x(height).toFixed(1);
    made.push(svg("path", { class: "floor", d: `M${at} ${FLOOR}v4` }));
    made.push(svg("text", { x: at, y: FLOOR + 17, "text-anchor": "middle" }, bare(height, "")));
  }
  const middle = (LEFT + end) / 2;
  made.push(svg("text", { x: middle, y: HEIGHT - 8, "text-anchor": "middle" }, search.unit));
  return made;
}

/** A label near a place, that ends where the picture does. */
function beside(text: string, at: number, line: number, width: number, name: string): Element {
  const flip = at + 6 + text.length * CHAR > width;
  const x = (flip ? at - 6 : at + 6).toFixed(1);
  return svg("text", { class: name, x, y: line, "text-anchor": flip ? "end" : "start" }, text);
}

function answer({ x }: Axes, search: Search, width: number): Element[] {
  const { height, low, high, confirmed, knee, unit } = search;
  const made: Element[] = [];
  const upright = (at: number, name: string, from = TOP - 6) =>
    svg("path", { class: name, d: `M${at.toFixed(1)} ${from}V${FLOOR}` });
  if (low !== null && high !== null) {
    const [a, b] = [x(low), x(high)];
    const box = { x: a, y: TOP - 6, width: Math.max(b - a, 1), height: FLOOR - TOP + 6 };
    made.push(svg("rect", { class: "interval", ...box }), upright(a, "edge"), upright(b, "edge"));
    if (height === null) {
      const text = `between ${bare(low, "")} and ${bare(high, "")} ${unit}`;
      made.push(beside(text, a, 12, width, "said"));
    }
  }
  if (knee) {
    const at = x(knee.height);
    made.push(upright(at, "knee"), beside("knee", at, FLOOR - 26, width, "bend"));
  }
  if (height !== null) {
    const ends = low !== null && high !== null ? ` (${bare(low, "")} to ${bare(high, "")})` : "";
    made.push(upright(x(height), "height", 4));
    made.push(beside(`${bare(height, "")} ${unit}${ends}`, x(height), 12, width, "said"));
  }
  if (confirmed !== null) {
    const at = x(confirmed);
    const flag = svg("path", {
      class: "held",
      d: `M${at.toFixed(1)} ${TOP - 6}l-5 -9h10z`,
    });
    const text = `${bare(confirmed, "")} was held`;
    const label = { class: "said", x: (at - 10).toFixed(1), y: 36, "text-anchor": "end" };
    const fits = at - 10 - text.length * CHAR > 0;
    made.push(flag, fits ? svg("text", label, text) : beside(text, at + 4, 36, width, "said"));
  }
  return made;
}

function allowed({ y }: Axes, search: Search, width: number): Element[] {
  const objective = objectiveOf(search);
  if (!objective) return [];
  const at = y(objective.budget).toFixed(1);
  const text = `${percent(objective.budget).replace(".0 ", " ")} allowed`;
  const label = { class: "allowed", x: LEFT + 6, y: Number(at) - 5 };
  return [
    svg("path", { class: "allowed", d: `M${LEFT} ${at}H${width - RIGHT}` }),
    svg("text", label, text),
  ];
}

function points({ x, y }: Axes, search: Search): Element[] {
  const order = ["coarse", "fine", "confirm"];
  const steps = search.steps.filter(isDrawn);
  steps.sort((a, b) => order.indexOf(a.purpose) - order.indexOf(b.purpose));
  return steps.flatMap((step) => {
    const bad = badOf(step, search);
    if (bad === null) return [];
    const place = `translate(${x(step.height).toFixed(1)} ${y(bad).toFixed(1)})`;
    const used = step.in_use ? `; ${step.in_use.text}` : "";
    const cut = step.cut ? ", ended early" : "";
    const said = `${step.purpose}, ${bare(step.height, "")} ${search.unit} for ${duration(step.lasted_s)}${cut}: ${percent(bad)} bad${used}`;
    const point = svg("g", { class: "step", transform: place }, marker(step.purpose));
    if (step.cut) point.append(marker("cut"));
    point.append(svg("title", {}, said));
    return [point];
  });
}
