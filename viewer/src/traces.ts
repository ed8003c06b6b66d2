// Slow requests that can be opened: what the target's spans say that it did for them.

import { el, endpointName } from "./dom";
import { instant, percent, short } from "./number";
import type { PhaseChoice } from "./phase";
import type { Run, Trace } from "./run";
import { aboutOf, waterfall } from "./waterfall";

/** What calls are about, as their colours say. */
const ABOUT: [string, string][] = [
  ["server", "a service answers"],
  ["db", "database or cache"],
  ["http", "HTTP call"],
  ["messaging", "message"],
  ["rpc", "remote call"],
  ["other", "other work"],
];

export function traceId(id: string): string {
  return `trace-${id}`;
}

/** Opens a trace of this page, also where it is not of the chosen phase: it was asked for. */
export function openTrace(id: string): void {
  const found = document.getElementById(traceId(id));
  if (!(found instanceof HTMLDetailsElement)) return;
  found.hidden = false;
  found.open = true;
}

export function traceSection(run: Run, choice: PhaseChoice): HTMLElement | null {
  const all = run.view.traces ?? [];
  if (all.length === 0) return null;
  const made = all.map((trace, i) => ({ phase: trace.phase, place: one(trace, i === 0) }));
  const none = el("p", { class: "soft" }, "No trace of this phase was kept.");
  const about = el("small", {});
  const fill = () => {
    about.textContent = choice.chosen || "whole run";
    for (const { phase, place } of made)
      place.hidden = choice.chosen !== "" && phase !== choice.chosen;
    none.hidden = made.some(({ place }) => !place.hidden);
  };
  choice.onChange(fill);
  fill();
  return el(
    "section",
    { id: "traces" },
    el("h2", {}, "Slow requests, traced", about),
    el("p", { class: "soft" }, run.texts.traces),
    legend(all),
    el("div", { class: "traces" }, ...made.map(({ place }) => place), none),
  );
}

function legend(all: Trace[]): HTMLElement {
  const kinds = new Set(all.flatMap(({ spans }) => spans.map(aboutOf)));
  const known = ABOUT.filter(([kind]) => kinds.has(kind));
  const entry = ([kind, name]: [string, string]) =>
    el("li", {}, el("i", { class: `beam ${kind}` }), name);
  return el("ul", { class: "abouts" }, ...known.map(entry));
}

function one(trace: Trace, open: boolean): HTMLElement {
  const answer = trace.failure ?? (trace.status === 0 ? "no response" : `status ${trace.status}`);
  const share = percent(trace.from_due_ms > 0 ? trace.db_ms / trace.from_due_ms : null);
  const db = `${trace.db_calls} database calls, ${short(trace.db_ms)} ms (${share})`;
  const about = [answer, trace.phase, `at ${instant(trace.at_s)}`, trace.db_calls > 0 && db]
    .filter(Boolean)
    .join(" · ");
  const head = el(
    "summary",
    {},
    el("b", { class: "took" }, `${short(trace.from_due_ms)} ms`),
    " ",
    endpointName(trace.method, "", trace.name),
    " ",
    el("span", { class: trace.failure === null ? "soft" : "fail" }, about),
  );
  const made = el("details", { class: "trace", id: traceId(trace.id) }, head);
  let drawn = false;
  const draw = () => {
    if (drawn || !made.open) return;
    drawn = true;
    made.append(waterfall(trace));
  };
  made.addEventListener("toggle", draw);
  made.open = open;
  draw();
  return made;
}
