// Single things: objectives, drifts, events, failures, failing responses, exceptions, the slowest requests, marks, notes.

import { block, el, endpointName } from "./dom";
import { count, instant, short } from "./number";
import type { Run, Said } from "./run";
import type { Exemplar } from "./summary";
import { type Head, more, table } from "./table";
import { openTrace, traceId } from "./traces";

const DRIFTS = 100;
const FAILURES = 200;
const EXAMPLES = 20;
const EXCEPTIONS = 50;
const MARKS = 200;

type Section = HTMLElement | null;

function section(id: string, title: string, ...children: (Node | null)[]): HTMLElement {
  return el("section", { id }, el("h2", {}, title), ...children);
}

const heads = (...heads: [string, Head["kind"]][]): Head[] =>
  heads.map(([name, kind]) => ({ name, kind }));

function said(all: Said[], most: number): Node {
  const rows = all.slice(0, most).map(({ tone, word, about, text }) => ({
    cells: [el("b", { class: tone }, word), ...(about ? [about] : []), text],
    keys: [],
  }));
  const wide = all.some(({ about }) => about);
  return table(
    wide ? heads(["", "text"], ["", "text"], ["", "said"]) : heads(["", "text"], ["", "said"]),
    rows,
    "sayings",
  );
}

export function objectives({ texts }: Run): Section {
  if (texts.objectives.length === 0) return null;
  return section("objectives", "Objectives", said(texts.objectives, texts.objectives.length));
}

export function drifts({ texts }: Run): Section {
  if (texts.drifts.length === 0) return null;
  return section(
    "drifts",
    "Drift in long holds",
    said(texts.drifts, DRIFTS),
    more(texts.drifts.length, DRIFTS),
  );
}

export function events({ summary, texts }: Run): Section {
  if (summary.events.length === 0) return null;
  const rows = summary.events.map((event, i) => {
    const { tone, text } = texts.events[i] ?? { tone: "plain", text: event.reason };
    const outcome = el("div", {}, el("span", { class: tone }, text));
    if (event.output) outcome.append(block(event.output));
    return {
      cells: [instant(event.at_s), event.name, el("code", {}, event.command), outcome],
      keys: [event.at_s, event.name, event.command, text],
    };
  });
  const names = heads(
    ["At", "n"],
    ["Event", "endpoint"],
    ["Command", "said"],
    ["What became of it", "said"],
  );
  return section("events", "Events in the plan", table(names, rows));
}

export function failures({ summary, texts }: Run): Section {
  const all = summary.failures;
  if (all.length === 0) return null;
  const rows = all.slice(0, FAILURES).map((f, i) => ({
    cells: [
      el("span", { class: "fail" }, count(f.count)),
      endpointName(f.method, f.kind, f.name),
      texts.causes[i] ?? "",
      f.text,
      instant(f.first_s),
      instant(f.last_s),
    ],
    keys: [f.count, f.name, texts.causes[i] ?? "", f.text, f.first_s, f.last_s],
  }));
  const names = heads(
    ["Count", "n"],
    ["Endpoint", "endpoint"],
    ["Cause", "text"],
    ["What was said", "said"],
    ["First", "n"],
    ["Last", "n"],
  );
  return section("failures", "Failures", table(names, rows), more(all.length, FAILURES));
}

function answer({ status }: Exemplar): string {
  return status === 0 ? "no response" : `status ${status}`;
}

export function failingResponses({ summary, texts }: Run): Section {
  const all = summary.exemplars.filter(({ why }) => why === "failed");
  if (all.length === 0) return null;
  const list = el("ol", { class: "responses" });
  for (const e of all.slice(0, EXAMPLES)) {
    const about = `${answer(e)}, ${short(e.from_due_ms)} ms from due, at ${instant(e.done_s)}`;
    const item = el(
      "li",
      {},
      el("p", {}, endpointName(e.method, "", e.name), " ", el("span", { class: "soft" }, about)),
    );
    if (e.failure) item.append(el("p", {}, e.failure));
    if (e.shape) item.append(block(e.shape));
    list.append(item);
  }
  const note = el("p", { class: "soft" }, texts.outlines);
  return section("responses", "First failing responses", note, list, more(all.length, EXAMPLES));
}

export function exceptions({ summary }: Run): Section {
  const all = summary.exceptions;
  if (all.length === 0) return null;
  const made = all.slice(0, EXCEPTIONS).map((e) => {
    const head = el("summary", {}, el("b", {}, count(e.count)), ` × ${e.message}`);
    return el("details", { open: true }, head, block(e.traceback));
  });
  return section("exceptions", "Exceptions in the scenario", ...made, more(all.length, EXCEPTIONS));
}

/** With a way to its trace. */
function answered(e: Exemplar, trace: string): HTMLElement {
  const link = el("a", { href: `#${traceId(trace)}` }, "trace");
  link.addEventListener("click", () => openTrace(trace));
  return el("span", {}, answer(e), ", ", link);
}

export function slowest({ summary, view }: Run): Section {
  const traced = new Set((view.traces ?? []).map(({ id }) => id));
  const all = summary.exemplars.filter(({ why }) => why === "slowest");
  if (all.length === 0) return null;
  all.sort((a, b) => b.from_due_ms - a.from_due_ms);
  const rows = all.slice(0, EXAMPLES).map((e) => ({
    cells: [
      short(e.from_due_ms),
      short(e.from_send_ms),
      endpointName(e.method, "", e.name),
      e.trace && traced.has(e.trace) ? answered(e, e.trace) : answer(e),
      instant(e.done_s),
    ],
    keys: [e.from_due_ms, e.from_send_ms, e.name, e.status, e.done_s],
  }));
  const names = heads(
    ["From due, ms", "n"],
    ["From send, ms", "n"],
    ["Endpoint", "endpoint"],
    ["Answer", "text"],
    ["At", "n"],
  );
  return section("slowest", "Slowest requests", table(names, rows), more(all.length, EXAMPLES));
}

export function marks({ summary }: Run): Section {
  const all = summary.marks;
  if (all.length === 0) return null;
  const rows = all
    .slice(0, MARKS)
    .map((mark) => ({ cells: [instant(mark.at_s), mark.text], keys: [] }));
  return section(
    "marks",
    "What happened",
    table(heads(["", "n"], ["", "said"]), rows, "sayings"),
    more(all.length, MARKS),
  );
}

export function notes({ summary }: Run): Section {
  const all = summary.notes;
  if (all.length === 0) return null;
  const list = el("ul", {}, ...all.slice(0, MARKS).map((note) => el("li", {}, note)));
  return section("notes", "Notes", list, more(all.length, MARKS));
}
