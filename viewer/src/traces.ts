// Slow requests that can be opened: what the target's spans say that it did for them.

import { el, endpointName } from "./dom";
import { instant, percent, short } from "./number";
import type { PhaseChoice } from "./phase";
import type { Run, Trace } from "./run";
import { waterfall } from "./waterfall";

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

/** Opens a trace of this page. */
export function openTrace(id: string): void {
  const found = document.getElementById(traceId(id));
  if (found instanceof HTMLDetailsElement) found.open = true;
}

export function traceSection(run: Run, choice: PhaseChoice): HTMLElement | null {
  const all = run.view.traces ?? [];
  if (all.length === 0) return null;
  const place = el("div", { class: "traces" });
  const fill = () => {
    const chosen = all.filter(({ phase }) => choice.chosen === "" || phase === choice.chosen);
    place.replaceChildren(...chosen.map((trace, i) => one(trace, i === 0)));
    if (chosen.length === 0) {
      place.append(el("p", { class: "soft" }, "No trace of this phase was kept."));
    }
  };
  choice.onChange(fill);
  fill();
  return el(
    "section",
    { id: "traces" },
    el("h2", {}, "Slow requests, traced"),
    el("p", { class: "soft" }, run.texts.traces),
    legend(all),
    place,
  );
}

function legend(all: Trace[]): HTMLElement {
  const kinds = new Set(
    all.flatMap(({ spans }) =>
      spans.map(({ about, kind }) => about || (kind === "server" ? "server" : "other")),
    ),
  );
  const known = ABOUT.filter(([kind]) => kinds.has(kind));
  const entry = ([kind, name]: [string, string]) =>
    el("li", {}, el("i", { class: `beam ${kind}` }), name);
  return el("ul", { class: "abouts" }, ...known.map(entry));
}

function one(trace: Trace, open: boolean): HTMLElement {
  const answer = trace.failure ?? (trace.status === 0 ? "no response" : `status ${trace.status}`);
  const calls = trace.spans.filter(({ about }) => about === "db");
  const ms = calls.reduce((sum, span) => sum + span.ms, 0);
  const share = trace.from_due_ms > 0 ? percent(Math.min(ms / trace.from_due_ms, 1)) : "";
  const db = calls.length > 0 ? `${calls.length} database calls, ${short(ms)} ms (${share})` : "";
  const about = [answer, trace.phase, `at ${instant(trace.at_s)}`, db].filter(Boolean).join(" · ");
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
