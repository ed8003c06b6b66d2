// The page's data: types that mirror what Rust puts into it, and reading it. Knows no page. See `view.rs`, `summary.rs`, `html/texts.rs`.

import type { ComparisonPage } from "./comparison";
import type { Summary } from "./summary";

/** Seen, or not. */
export type Maybe = number | null;

export type Tone = "good" | "bad" | "warn" | "plain";

export interface Said {
  tone: Tone;
  word: string;
  about: string;
  text: string;
}

export interface Banner {
  tone: Tone;
  word: string;
  lines: string[];
}

export interface Fact {
  name: string;
  value: string;
  tone: Tone;
}

export interface PhaseText {
  place: number;
  about: string;
  invalid: string | null;
}

export interface Texts {
  title: string;
  name: string;
  who: string[];
  banners: Banner[];
  resolution: string | null;
  objectives: Said[];
  drifts: Said[];
  by_access: boolean;
  apart: string | null;
  remarks: string;
  wide: string | null;
  phases: PhaseText[];
  phases_note: string;
  spikes: Said[];
  events: Said[];
  causes: string[];
  outlines: string;
  traces: string;
  probe: string;
  background: string | null;
  generator: Fact[];
  lag: string;
  plan: Fact[];
  command: string;
  machine: Fact[];
  method: string;
}

export interface EndpointView {
  t_s: number[];
  rps: number[];
  failures_per_s: number[];
  p95: Maybe[];
  histogram: [number, number][];
}

export interface Span {
  name: string;
  called: string;
  service: string;
  kind: string;
  about: string;
  depth: number;
  from_send_ms: number;
  ms: number;
  failed: boolean;
  text: string;
}

export interface Trace {
  id: string;
  method: string;
  name: string;
  phase: string;
  at_s: number;
  from_due_ms: number;
  from_send_ms: number;
  status: number;
  failure: string | null;
  spans: Span[];
  left_out: number;
  db_calls: number;
  db_ms: number;
}

export interface ChartLine {
  name: string;
  values: Maybe[];
}

export interface Chart {
  id: string;
  title: string;
  unit: string;
  stacked: boolean;
  limit: Maybe;
  t_s: number[];
  lines: ChartLine[];
}

export interface SourceView {
  subject: string;
  charts: Chart[];
}

export interface View {
  endpoints: EndpointView[];
  target: SourceView[];
  generator?: Chart[];
  traces?: Trace[];
}

export interface Run {
  summary: Summary;
  view: View;
  texts: Texts;
}

/** What is in this page; null where there is nothing. */
export function readPage(): Run | ComparisonPage | null {
  const text = document.getElementById("run")?.textContent?.trim();
  return text ? (JSON.parse(text) as Run | ComparisonPage) : null;
}
