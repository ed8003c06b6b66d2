// `comparison.json` as types, and what the page has besides. Knows no page. See `comparison.rs`, `html.rs`, `html/compared.rs`.

import type { Maybe, Tone } from "./run";

export type Measure =
  | "p95"
  | "p50"
  | "p99"
  | "bad"
  | "goodput"
  | "target_cpu"
  | "target_memory"
  | "capacity";

export type Outcome = "better" | "worse" | "same" | "unclear" | "indicative" | "not_compared";

/** One measure of one endpoint in one phase, on both sides. */
export interface Change {
  phase: string | null;
  endpoint: string | null;
  measure: Measure;
  primary: boolean;
  before: Maybe;
  after: Maybe;
  /** after / before − 1; of `bad` after − before. */
  change: Maybe;
  low: Maybe;
  high: Maybe;
  confidence: Maybe;
  detectable: Maybe;
  outcome: Outcome;
  pairs: [before: Maybe, after: Maybe][];
}

export interface CountChange {
  worse: boolean;
}

export interface Side {
  label: string;
  runs: { id: string; started: string; counts: boolean }[];
}

export interface Comparison {
  verdict: string;
  reason: string;
  before: Side;
  after: Side;
  counted: number;
  dropped: string[];
  primary: string;
  noise: number;
  margin: number;
  changes: Change[];
  counts: CountChange[];
  notes: string[];
}

/** One run over time, from the beginning of the phase that is compared. */
export interface RunCurve {
  id: string;
  t_s: number[];
  p95: Maybe[];
  rps: Maybe[];
}

export interface ComparisonPage {
  comparison: Comparison;
  curves: { before: RunCurve[]; after: RunCurve[] };
  texts: {
    title: string;
    tone: Tone;
    design: string;
    intervals: string;
    counts: string[];
    findings: { word: string; names: string[] }[];
  };
}
