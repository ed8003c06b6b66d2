// `summary.json` as types: what the page reads of it. Latencies are ms, times seconds of the run's clock. Knows no page.

import type { Maybe } from "./run";

export interface Latency {
  count: number;
  mean: Maybe;
  min: Maybe;
  p50: Maybe;
  p90: Maybe;
  p95: Maybe;
  p99: Maybe;
  p999: Maybe;
  max: Maybe;
  wide: string[];
}

/** What responses said of themselves in a header. */
export interface Hint {
  name: string;
  count: number;
  share: number;
  mean_ms: Maybe;
}

/** What a cause costs the endpoint that it hurts most. */
export interface Cost {
  ms: number;
  of_ms: number;
  share: number;
}

export interface Evidence {
  source: string;
  what: string;
  value: number;
  unit: string;
  limit: Maybe;
  phase: string;
}

export interface Finding {
  title: string;
  confidence: "suspected" | "strong" | "confirmed";
  basis: string;
  endpoints: string[];
  what: string;
  cost: Cost | null;
  evidence: Evidence[];
  advice: string;
  fixes: { in: string; text: string }[];
  check: string;
  consequences: string[];
}

/** `findings.json`. */
export interface Findings {
  findings: Finding[];
  suspected: Finding[];
  ruled_out: { title: string; why: string }[];
  not_observed: { what: string; remedy: string }[];
}

export interface Endpoint {
  kind: "request" | "flow" | "job" | "custom";
  method: string;
  name: string;
  requests: number;
  failures: number;
  failure_ratio: number;
  rps: number;
  bytes_in: number;
  bytes_out: number;
  from_due: Latency;
  from_send: Latency;
  failed_from_due: Latency;
  connect: Latency;
  tls: Latency;
  hints?: Hint[];
}

export interface Phase {
  name: string;
  kind: string;
  began_s: number;
  ended_s: number;
  total: Endpoint;
  endpoints: Endpoint[];
}

export interface PlanEvent {
  name: string;
  command: string;
  at_s: number;
  late_ms: Maybe;
  output: string;
  reason: string;
}

export interface Failure {
  kind: Endpoint["kind"];
  method: string;
  name: string;
  text: string;
  count: number;
  first_s: number;
  last_s: number;
}

export interface Exception {
  count: number;
  message: string;
  traceback: string;
}

export interface Exemplar {
  why: string;
  method: string;
  name: string;
  done_s: number;
  from_due_ms: number;
  from_send_ms: number;
  status: number;
  failure: string | null;
  shape: string | null;
  trace?: string | null;
}

export interface Loss {
  from_s: number;
  until_s: Maybe;
  why: string;
}

export interface Sight {
  what: string;
  seen: boolean;
  note: string;
  remedy: string;
}

export interface Column {
  name: string;
  unit: string;
}

export type Cell = string | number | boolean | null;

export interface Table {
  id: string;
  title: string;
  phase: string;
  columns: Column[];
  rows: Cell[][];
  note: string;
}

export interface Target {
  subject: string;
  kind: string;
  title: string;
  every_s: number;
  looks: number;
  read_median_ms: Maybe;
  read_max_ms: Maybe;
  cost_share: Maybe;
  stalls: number;
  losses: Loss[];
  sights: Sight[];
  tables: Table[];
}

export interface Series {
  width_s: number;
  t_s: number[];
  length_s: number[];
  users: number[];
  rps: number[];
  failures_per_s: number[];
  in_flight: number[];
  p50: Maybe[];
  p95: Maybe[];
  p99: Maybe[];
}

export interface Mark {
  at_s: number;
  text: string;
}

/** Where the mean time of an endpoint's requests goes, from send; null where nobody saw it. */
export interface Split {
  endpoint: string;
  mean_ms: number;
  before_ms: Maybe;
  pool_ms: Maybe;
  database_ms: number;
  cache_ms: Maybe;
  services_ms: Maybe;
  rest_ms: number;
  source: string;
  inferred: boolean;
}

/** How many there were on average, counted and by Little's law. */
export interface Little {
  what: string;
  phase: string;
  counted: number;
  looks: number;
  computed: number;
}

/** What an endpoint asks for, of a request; null where nobody counts it. */
export interface ProbedEndpoint {
  method: string;
  name: string;
  requests: number;
  failed: number;
  first_ms: Maybe;
  median_ms: Maybe;
  together_ms: Maybe;
  together: number;
  slowest_together_ms: Maybe;
  together_cpu: Maybe;
  together_same: boolean | null;
  beside: { endpoint: string; alone_ms: number; beside_ms: number } | null;
  other: { tries: number; same: number; queries: Maybe } | null;
  alone_cpu: Maybe;
  entries: Maybe;
  queries: Maybe;
  first_queries: Maybe;
  rows: Maybe;
  blocks: Maybe;
  database_ms: Maybe;
  commands: Maybe;
  hits: Maybe;
  misses: Maybe;
  new_keys: Maybe;
  ever: { text: string; calls: number }[];
  statements: ProbedStatement[];
  by_command: { name: string; per_request: number }[];
}

export interface ProbedStatement {
  text: string;
  per_request: number;
  least: number;
  most: number;
  rows: number;
  blocks: number;
  ms: number;
  per_entry: Maybe;
  request_ms: Maybe;
  together: Maybe;
}

/** Of a search for the greatest load that keeps the objectives: one step. */
export interface SearchStep {
  phase: string;
  purpose:
    | "coarse"
    | "fine"
    | "calm"
    | "confirm"
    | "beyond"
    | "base"
    | "spike"
    | "back"
    | "up"
    | "down";
  height: number;
  lasted_s: number;
  counts: boolean;
  cut: boolean;
  /** For each objective the share of bad requests. */
  bad: Maybe[];
  in_use: { text: string; share: number } | null;
}

export interface Search {
  outcome: string;
  answer: string;
  remarks: string[];
  unit: string;
  height: Maybe;
  low: Maybe;
  high: Maybe;
  confirmed: Maybe;
  knee: { height: number; quantile: number; base_ms: number } | null;
  binding: Maybe;
  objectives: { text: string; budget: number }[];
  levels: { height: number; steps: number; bad: number }[];
  steps: SearchStep[];
}

export interface Summary {
  run: {
    id: string;
    valid: boolean;
    verdict: string;
    reason: string;
    duration_s: number;
    command: string;
    tool_version: string;
  };
  generator: { warnings: string[] };
  total: Endpoint;
  reads: Endpoint;
  writes: Endpoint;
  endpoints: Endpoint[];
  phases: Phase[];
  events: PlanEvent[];
  failures: Failure[];
  exceptions: Exception[];
  exemplars: Exemplar[];
  target: Target[];
  series: Series;
  marks: Mark[];
  notes: string[];
  findings: Findings | null;
  splits: Split[];
  little: Little[];
  probe: { endpoints: ProbedEndpoint[] } | null;
  search?: Search | null;
}
