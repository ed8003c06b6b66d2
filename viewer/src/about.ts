// About the run itself: its head and first numbers, the generator's health, the plan, the machine. Texts come from Rust.

import type { Board } from "./board";
import { TimeChart } from "./chart";
import { el, soft } from "./dom";
import type { Moments } from "./moments";
import { count, percent, rate, short } from "./number";
import type { Fact, Run } from "./run";
import type { Latency } from "./summary";

/** Name, what ran, and what must be known before any number is read. */
export function head({ summary, texts }: Run): HTMLElement {
  const { run } = summary;
  const tones: Record<string, string> = {
    PASS: "good",
    FOUND: "good",
    FAIL: "bad",
    FAILURES: "bad",
    INVALID: "bad",
    INCOMPLETE: "warn",
  };
  const verdict =
    run.verdict && el("b", { class: `verdict ${tones[run.verdict] ?? "plain"}` }, run.verdict);
  const who = el("p", { class: "who" });
  for (const part of texts.who) who.append(el("span", {}, part));
  const made = el("header", { id: "top" }, el("h1", {}, texts.name, " ", verdict || null), who);
  const said = texts.banners.some(({ lines }) => lines.includes(run.reason));
  if (run.reason && !said) made.append(el("p", { class: "reason" }, run.reason));
  for (const { tone, word, lines } of texts.banners) {
    const body = el("div", {}, ...lines.map((line) => el("p", {}, line)));
    made.append(
      el(
        "div",
        { class: `banner ${tone}`, role: tone === "bad" ? "alert" : "note" },
        el("h2", {}, word),
        body,
      ),
    );
  }
  made.append(figures(summary.total));
  return made;
}

/** The numbers that a reader looks for first. */
function figures(total: Run["summary"]["total"]): HTMLElement {
  const due = total.from_due;
  const ms = (name: "p50" | "p95" | "p99", of: Latency): (Node | string)[] => {
    const value = of[name];
    if (value === null) return [short(value)];
    return [`${of.wide.includes(name) ? "~" : ""}${short(value)}`, " ", el("small", {}, "ms")];
  };
  const failed: (Node | string)[] = [count(total.failures)];
  if (total.failures > 0) failed.push(" ", el("small", {}, percent(total.failure_ratio)));
  const cells: [string, (Node | string)[], string][] = [
    ["Requests", [count(total.requests)], ""],
    ["Requests per second", [rate(total.rps)], ""],
    ["Failed", failed, total.failures > 0 ? "fail" : ""],
    ["Median, from due", ms("p50", due), ""],
    ["p95, from due", ms("p95", due), ""],
    ["p99, from due", ms("p99", due), ""],
  ];
  const list = el("dl", { class: "figures" });
  for (const [label, value, name] of cells) {
    list.append(el("div", {}, el("dt", {}, label), el("dd", { class: name || null }, ...value)));
  }
  return list;
}

function facts(all: Fact[]): HTMLElement {
  const list = el("dl", { class: "facts" });
  for (const { name, value, tone } of all) {
    const unseen = value === "not observed" ? "soft" : "";
    const said = tone === "plain" ? unseen : tone;
    list.append(el("div", {}, el("dt", {}, name), el("dd", { class: said || null }, value)));
  }
  return list;
}

export function generator(
  { summary, view, texts }: Run,
  board: Board,
  moments: Moments,
): HTMLElement {
  const section = el(
    "section",
    { id: "generator" },
    el("h2", {}, "The load generator’s own health"),
  );
  for (const warning of summary.generator.warnings)
    section.append(el("p", { class: "warn" }, warning));
  section.append(facts(texts.generator), soft(texts.lag) ?? "");
  const charts = (view.generator ?? []).map(
    (chart) => new TimeChart(chart, board, moments, []).figure,
  );
  if (charts.length > 0) section.append(el("div", { class: "charts" }, ...charts));
  return section;
}

export function plan({ texts }: Run): HTMLElement {
  const command = texts.command ? el("pre", { class: "command" }, texts.command) : "";
  return el("section", { id: "plan" }, el("h2", {}, "Plan"), facts(texts.plan), command);
}

export function machine({ texts }: Run): HTMLElement | null {
  if (texts.machine.length === 0) return null;
  return el(
    "section",
    { id: "machine" },
    el("h2", {}, "The machine that made the load"),
    facts(texts.machine),
  );
}

export function method({ texts }: Run): HTMLElement {
  return el(
    "section",
    { id: "method" },
    el("h2", {}, "How to read the times"),
    el("p", {}, texts.method),
  );
}
