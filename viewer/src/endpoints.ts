// The table of endpoints: counts, both times, how they went over time, and how they are spread when a row is opened.

import { el, endpointName, soft } from "./dom";
import { histogram } from "./histogram";
import { bytes, count, percent, rate, short } from "./number";
import type { PhaseChoice } from "./phase";
import type { EndpointView, Run } from "./run";
import { spark } from "./spark";
import type { Endpoint, Hint, Latency } from "./summary";
import { type Head, type Row, table } from "./table";

/** From so many on there is a box to filter by. */
const MANY = 10;
const NAMES = ["p50", "p95", "p99", "max"] as const;

function heads(what: string, sparks: boolean): Head[] {
  const times = (group: string): Head[] => NAMES.map((name) => ({ name, group, kind: "n" }));
  const over = (name: string): Head[] => (sparks ? [{ name, kind: "spark", sorts: false }] : []);
  return [
    { name: what, kind: "endpoint" },
    { name: "Requests", kind: "n" },
    { name: "Failed", kind: "n" },
    { name: "req/s", kind: "n" },
    ...over("over time"),
    ...times("from due, ms"),
    ...over("p95 over time"),
    ...times("from send, ms"),
  ];
}

/** A percentile, marked when there are few samples behind it. */
function latency(of: Latency, name: (typeof NAMES)[number]): HTMLElement | string {
  const value = of[name];
  if (value === null || !of.wide.includes(name)) return short(value);
  return el(
    "span",
    { class: "wide", title: `${name} of only ${count(of.count)} samples` },
    `~${short(value)}`,
  );
}

function row(e: Endpoint, view: EndpointView | null | undefined, sparks: boolean, name = ""): Row {
  const failed =
    e.failures > 0
      ? el(
          "span",
          { class: "fail" },
          count(e.failures),
          " ",
          el("small", {}, percent(e.failure_ratio)),
        )
      : el("span", { class: "none" }, "0");
  const times = (of: Latency) => NAMES.map((at) => latency(of, at));
  const keys = (of: Latency) => NAMES.map((at) => of[at]);
  const most = (values: (number | null)[]) =>
    short(values.reduce<number>((a, b) => Math.max(a, b ?? 0), 0));
  const over = (values: (number | null)[] | undefined, kind: string, unit: string) =>
    sparks ? [values ? spark(values, kind, `${unit}, at most ${most(values)}`) : null] : [];
  const none = sparks ? [null] : [];
  const made: Row = {
    cells: [
      endpointName(e.method, e.kind, e.name),
      count(e.requests),
      failed,
      rate(e.rps),
      ...over(view?.rps, "requests", "requests per second"),
      ...times(e.from_due),
      ...over(view?.p95, "p95", "p95, ms"),
      ...times(e.from_send),
    ],
    keys: [
      e.name,
      e.requests,
      e.failures,
      e.rps,
      ...none,
      ...keys(e.from_due),
      ...none,
      ...keys(e.from_send),
    ],
    name,
    fixed: name !== "",
  };
  if (view) made.more = () => opened(e, view);
  return made;
}

/** What stands beneath an endpoint when it is opened. */
function opened(e: Endpoint, view: EndpointView): HTMLElement {
  const parts: string[] = [];
  if (e.connect.count > 0)
    parts.push(
      `connecting: ${count(e.connect.count)} times, median ${short(e.connect.p50)} ms, at most ${short(e.connect.max)} ms`,
    );
  if (e.tls.count > 0)
    parts.push(`TLS handshakes: ${count(e.tls.count)}, median ${short(e.tls.p50)} ms`);
  if (e.failed_from_due.count > 0)
    parts.push(
      `failures took ${short(e.failed_from_due.p50)} ms in the median, ${short(e.failed_from_due.max)} ms at most`,
    );
  parts.push(`${bytes(e.bytes_in)} received, ${bytes(e.bytes_out)} sent`);
  const few =
    e.from_due.p999 === null
      ? ""
      : ` · p99.9 ${e.from_due.wide.includes("p999") ? "~" : ""}${short(e.from_due.p999)} ms`;
  const title = `Response times from due, whole run: ${count(e.from_due.count)} successes${few}`;
  return el(
    "div",
    { class: "opened" },
    el("h4", {}, title),
    histogram(view.histogram, e.from_due),
    soft(parts.join(" · ")),
    hints(e.hints ?? []),
  );
}

/** What responses said of themselves, in the order of the summary. */
function hints(all: Hint[]): HTMLElement | null {
  if (all.length === 0) return null;
  const heads: Head[] = [
    { name: "Header", kind: "endpoint" },
    { name: "Responses", kind: "n" },
    { name: "Share", kind: "n" },
    { name: "Mean, ms", kind: "n" },
  ];
  const rows = all.map((hint) => ({
    cells: [hint.name, count(hint.count), percent(hint.share), short(hint.mean_ms)],
    keys: [hint.name, hint.count, hint.share, hint.mean_ms],
  }));
  const title = el("h4", {}, "What responses said of themselves");
  return el("div", { class: "hints" }, title, table(heads, rows));
}

/** Of requests; flows and jobs are not in the total and stand below it. */
function counted({ kind }: Endpoint): boolean {
  return kind === "request" || kind === "custom";
}

function endpointTable(run: Run, phase: string, filter: string): HTMLElement {
  const { summary, view, texts } = run;
  const found = phase ? summary.phases.find(({ name }) => name === phase) : null;
  const whole = !found;
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const meant = (e: Endpoint) =>
    words.every((word) => `${e.method} ${e.name}`.toLowerCase().includes(word));
  const all = (found?.endpoints ?? summary.endpoints).map((e, i) => ({
    e,
    view: whole ? view.endpoints[i] : null,
  }));
  const shown = all.filter(({ e }) => meant(e));
  const totals = words.length > 0 ? [] : [found?.total ?? summary.total];
  if (whole && texts.by_access && words.length === 0) totals.push(summary.reads, summary.writes);
  const rows = [
    ...shown.filter(({ e }) => counted(e)).map(({ e, view }) => row(e, view, whole)),
    ...totals.map((e) => row(e, null, whole, "total")),
    ...shown.filter(({ e }) => !counted(e)).map(({ e, view }) => row(e, view, whole, "apart")),
  ];
  return rows.length > 0
    ? table(heads("Endpoint", whole), rows, "endpoints")
    : el("p", { class: "soft" }, "No endpoint is called so.");
}

export function endpointSection(run: Run, choice: PhaseChoice): HTMLElement {
  const { summary, texts } = run;
  const place = el("div");
  const box = el("input", {
    type: "search",
    id: "filter",
    placeholder: "Filter endpoints",
    "aria-label": "Filter endpoints",
  });
  const about = el("small", { class: "about" });
  const fill = () => {
    about.textContent = choice.chosen || "whole run";
    place.replaceChildren(endpointTable(run, choice.chosen, box.value));
  };
  box.addEventListener("input", fill);
  choice.onChange(fill);
  fill();
  const head = el(
    "div",
    { class: "head" },
    el("h2", {}, "Endpoints", about),
    summary.endpoints.length > MANY && box,
  );
  return el(
    "section",
    { id: "endpoints" },
    head,
    place,
    texts.apart ? el("p", { class: "warn" }, texts.apart) : null,
    soft(texts.remarks),
    soft(texts.wide),
  );
}

/** The phases, where there is more than one. */
export function phaseSection(run: Run): HTMLElement | null {
  const { summary, texts } = run;
  const phases = texts.phases.flatMap((text) => {
    const phase = summary.phases[text.place];
    return phase ? [{ phase, text }] : [];
  });
  if (phases.length < 2 && texts.spikes.length === 0) return null;
  const rows = phases.map(({ phase }) =>
    row({ ...phase.total, method: "", name: phase.name }, null, false),
  );
  const section = el(
    "section",
    { id: "phases" },
    el("h2", {}, "Phases"),
    table(heads("Phase", false), rows, "endpoints"),
  );
  for (const { phase, text } of phases) {
    const bad = text.invalid ? [el("b", { class: "fail" }, " INVALID "), text.invalid] : [];
    const length = phases.length > 1 ? [el("b", {}, phase.name), `: ${text.about}`] : [];
    if (length.length > 0) section.append(el("p", { class: "line" }, ...length, ...bad));
  }
  for (const { tone, word, about, text } of texts.spikes) {
    const then = el("b", { class: tone === "bad" ? "fail" : null }, word);
    section.append(el("p", { class: "line" }, el("b", {}, about), `: ${text}. `, then, "."));
  }
  section.append(el("p", { class: "soft" }, texts.phases_note));
  return section;
}
