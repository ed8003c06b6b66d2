// What changed, by endpoint: before, after, and the interval of the change on an axis that all rows share. Judges nothing.

import { amount, by, interval, MEASURES, OUTCOMES, subject } from "./amount";
import type { Change, Comparison, ComparisonPage } from "./comparison";
import { el, named, soft, svg } from "./dom";
import { change, percent, short } from "./number";
import { type Axis, axis, dot, line, range, scaleOf, share, tip, upright } from "./range";
import { type Head, more, type Row, table } from "./table";

const MOST = 200;
/** What may be written below the axis, the most telling first. */
const MARKS = [
  0, -0.5, 1, -0.9, 9, -0.2, 0.25, -0.75, 3, -0.1, 0.1, -0.05, 0.05, 0.5, -0.02, 0.02, -0.99, 99,
  -0.01, 0.01,
];
/** Between two of them at least, as a share of the width; and where there is much room. */
const APART = [0.17, 0.14];

const log = (change: number) => Math.log1p(Math.max(change, -0.99999));

/** Differences cannot stand on an axis of ratios. */
function isRatio({ measure, change }: Change): boolean {
  return measure !== "bad" && change !== null;
}

/** The axis on which half of the intervals have room, and all changes. */
function axisOf(all: Change[], noise: number): Axis {
  const shown = all.filter(isRatio);
  const changes = shown.map(({ change }) => log(change ?? 0));
  const lows = shown.map(({ low, change }) => log(low ?? change ?? 0));
  const highs = shown.map(({ high, change }) => log(high ?? change ?? 0));
  const reaches = lows.map((low, i) => Math.max(Math.abs(low), Math.abs(highs[i] ?? 0)));
  reaches.sort((a, b) => a - b);
  const least = Math.max(2.5 * noise, 0.02);
  const far = changes.reduce((most, one) => Math.max(most, Math.abs(one)), least);
  const reach = Math.max(1.15 * far, 1.1 * (reaches[Math.floor(reaches.length / 2)] ?? 0));
  const low = Math.max(-reach, Math.min(-least, ...lows));
  const high = Math.min(reach, Math.max(least, ...highs));
  const made = axis(low, high, log, []);
  for (const apart of APART) {
    for (const mark of MARKS) {
      const at = made.at(mark);
      const isNear = made.ticks.some((other) => Math.abs(made.at(other.at) - at) < apart);
      if (at < 0.03 || at > 0.97 || isNear) continue;
      const text = change(mark).replace(".0 ", " ");
      made.ticks.push({ at: mark, text, extra: apart !== APART[0] });
    }
  }
  return made;
}

/** The dot is the change, the line its interval, the shaded band what is no change. */
function picture(of: Change, on: Axis, noise: number): SVGElement | null {
  if (!isRatio(of) || of.change === null) return null;
  const [a, b] = [on.at(-noise), on.at(noise)];
  const band = svg("rect", { class: "noise", x: share(a), width: share(b - a), height: "100%" });
  const parts: Element[] = [band, upright(on.at(0), "zero")];
  const { low, high, outcome } = of;
  if (low !== null && high !== null) {
    const [from, until] = [on.at(low), on.at(high)];
    parts.push(line(Math.max(from, 0), Math.min(until, 1), outcome));
    if (from < 0) parts.push(tip(true, outcome));
    if (until > 1) parts.push(tip(false, outcome));
  }
  parts.push(dot(on.at(of.change), outcome));
  return range(`${change(of.change)}, interval ${interval(of)}`, ...parts);
}

/** An endpoint by its name, all of them in bold. */
export function subjectOf(of: Change): HTMLElement {
  return of.endpoint === null ? el("b", {}, subject(of)) : named(of.endpoint);
}

/** The measure only where it is not what the table is about. */
function title(of: Change): HTMLElement {
  const what = of.measure === "p95" ? "" : MEASURES[of.measure];
  const link = what && subject(of) ? " of " : "";
  const first = of.primary && el("small", { class: "first" }, "judged first");
  return el("div", {}, what, link, subjectOf(of), " ", first);
}

export function outcomeOf({ outcome }: Change): HTMLElement {
  return el("span", { class: `outcome ${outcome}` }, OUTCOMES[outcome]);
}

/** By how much, and the interval below it. */
export function changed(of: Change): HTMLElement {
  const ends = of.low === null ? null : el("small", {}, interval(of));
  return el("div", { class: "changed" }, by(of.measure, of.change), ends);
}

function row(of: Change, on: Axis, noise: number): Row {
  const value = (one: number | null) =>
    /^p\d/.test(of.measure) ? short(one) : amount(of.measure, one);
  return {
    cells: [
      title(of),
      value(of.before),
      value(of.after),
      changed(of),
      picture(of, on, noise),
      outcomeOf(of),
    ],
    keys: [subject(of), of.before, of.after, of.change, of.change, OUTCOMES[of.outcome]],
    name: of.primary ? "primary" : "",
  };
}

const HEADS: Head[] = [
  { name: "Endpoint", kind: "endpoint" },
  { name: "Before", kind: "n" },
  { name: "After", kind: "n" },
  { name: "Change", kind: "n" },
  { name: "", kind: "range", sorts: false },
  { name: "", kind: "text", sorts: false },
];

/** Phases in the order of what changed in them. */
export function phasesOf(all: Change[]): (string | null)[] {
  return [...new Set(all.map(({ phase }) => phase))];
}

/** p95 of each endpoint, and what is judged first; null where nothing was compared. */
export function changeSection({ comparison, texts }: ComparisonPage): HTMLElement | null {
  const { noise } = comparison;
  const shown = comparison.changes.filter(({ measure, primary }) => measure === "p95" || primary);
  if (shown.length === 0) return null;
  shown.sort((a, b) => Number(b.primary) - Number(a.primary));
  const on = axisOf(shown, noise);
  const phases = phasesOf(shown);
  const made = el("section", { id: "changes" }, el("h2", {}, "What changed: p95 from due, ms"));
  for (const phase of phases) {
    const all = shown.filter((of) => of.phase === phase);
    const rows = all.slice(0, MOST).map((of) => row(of, on, noise));
    rows.push({ cells: ["", "", "", "", scaleOf(on), ""], keys: [], fixed: true, name: "scale" });
    if (phase !== null) made.append(el("h3", {}, phase));
    made.append(table(HEADS, rows, "changes"));
    const left = more(all.length, MOST, "comparison.json");
    if (left) made.append(left);
  }
  made.append(legend(comparison));
  const about = soft([texts.intervals, finds(comparison)].filter(Boolean).join(" "));
  if (about) made.append(about);
  return made;
}

function legend({ noise }: Comparison): HTMLElement {
  const band = el("i", { class: "noise", "aria-hidden": "true" });
  return el(
    "p",
    { class: "soft read" },
    "The dot is the change, the line its interval, on a logarithmic axis; left is faster. An open dot: nothing can be said. ",
    band,
    ` within ±${percent(noise)}, which is no change.`,
  );
}

/** What this many runs can find. */
function finds({ changes }: Comparison): string {
  const first = changes.find(({ primary }) => primary);
  if (!first || first.detectable === null || first.measure === "bad") return "";
  return `Of what is judged first this many runs find a change of ${percent(first.detectable)} or more in four of five cases.`;
}
