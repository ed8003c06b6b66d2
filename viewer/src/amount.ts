// What is compared, as people read it: measures, their values, by how much they changed, what became of them. Knows no page.

import type { Change, Measure, Outcome } from "./comparison";
import { bytes, change, NONE, percent, rate, short } from "./number";
import type { Maybe } from "./run";

export const MEASURES: Record<Measure, string> = {
  p50: "p50",
  p95: "p95",
  p99: "p99",
  bad: "failed",
  goodput: "answered requests",
  target_cpu: "processor time of the target per request",
  target_memory: "memory of the target",
  capacity: "greatest load that keeps the objectives",
};

export const OUTCOMES: Record<Outcome, string> = {
  better: "better",
  worse: "WORSE",
  same: "same",
  unclear: "unclear",
  indicative: "indicative",
  not_compared: "not compared",
};

/** Where there is more than one measure in a table. */
export function amount(measure: Measure, value: Maybe): string {
  if (value === null || !Number.isFinite(value)) return NONE;
  switch (measure) {
    case "bad":
      return percent(value);
    case "goodput":
    case "capacity":
      return `${rate(value)}/s`;
    case "target_memory":
      return bytes(value);
    default:
      return `${short(value)} ms`;
  }
}

/** A change: a ratio, of shares a difference. */
export function by(measure: Measure, value: Maybe): string {
  const text = change(value);
  return measure === "bad" ? text.replace(/ %$/, " points") : text;
}

/** Its ends: `−71 … −61 %`. */
export function interval({ measure, low, high }: Change): string {
  if (low === null || high === null) return NONE;
  return `${change(low).replace(/ %$/, "")} … ${by(measure, high)}`;
}

/** Of which requests it is; empty of what is not of requests. */
export function subject({ endpoint, measure }: Change): string {
  const isOfAll = ["capacity", "target_cpu", "target_memory"].includes(measure);
  return endpoint ?? (isOfAll ? "" : "all requests");
}

/** `p95 of GET /dashboard`. */
export function called(of: Change): string {
  return [MEASURES[of.measure], subject(of)].filter(Boolean).join(" of ");
}
