// Where the time of each endpoint goes: its parts as a bar, all bars on one scale, above their numbers; and whether what was counted fits together. Judges nothing.

import { el, named, soft } from "./dom";
import { count, NONE, short } from "./number";
import type { Maybe, Run } from "./run";
import type { Little, Split } from "./summary";
import { type Head, more, type Row, table } from "./table";

const MOST = 50;
/** By so much more than an endpoint's time its parts may add up to before that is said: what is lost by rounding. */
const OVER = 1.005;

interface Part {
  name: string;
  /** What the name does not say. */
  about: string;
  ms: (of: Split) => Maybe;
}

/** In the order in which they are drawn. */
const PARTS: Part[] = [
  { name: "before", about: "the time until the service began with it", ms: (of) => of.before_ms },
  {
    name: "pool",
    about: "the time until it had a connection to a database",
    ms: (of) => of.pool_ms,
  },
  { name: "database", about: "", ms: (of) => of.database_ms },
  { name: "cache", about: "", ms: (of) => of.cache_ms },
  { name: "services", about: "other services that it calls", ms: (of) => of.services_ms },
  {
    name: "rest",
    about: "the service’s own work, its waits, and what was not seen",
    ms: (of) => of.rest_ms,
  },
];

/** What a part adds to the bar: nothing where it was not seen. */
function length(part: Part, of: Split): number {
  return Math.max(part.ms(of) ?? 0, 0);
}

function sum(of: Split): number {
  return PARTS.reduce((all, part) => all + length(part, of), 0);
}

/** Calls side by side add up to more than the request takes. */
function isOver(of: Split): boolean {
  return sum(of) > of.mean_ms * OVER;
}

function isInferred({ name }: Part, { inferred }: Split): boolean {
  return inferred && name === "database";
}

/** The numbers stand below it. `scale` is what fills the width, ms. */
function bar(of: Split, scale: number): HTMLElement {
  const made = el("div", { class: "split", "aria-hidden": "true" });
  const share = (ms: number) => `${(ms / scale) * 100}%`;
  for (const part of PARTS) {
    const ms = length(part, of);
    if (ms === 0) continue;
    const guess = isInferred(part, of) ? " inferred" : "";
    const piece = el("i", { class: `part ${part.name}${guess}` });
    piece.title = `${part.name} ${guess ? "~" : ""}${short(ms)} ms`;
    piece.style.width = share(ms);
    made.append(piece);
  }
  if (isOver(of)) {
    const end = el("i", { class: "end", title: `all ${short(of.mean_ms)} ms` });
    end.style.left = share(of.mean_ms);
    made.append(end);
  }
  return made;
}

function legend(parts: Part[]): HTMLElement {
  const list = el("ul", { class: "parts" });
  for (const { name, about } of parts) {
    const key = el("i", { class: `part ${name}`, "aria-hidden": "true" });
    list.append(el("li", {}, key, el("b", {}, name), about && `: ${about}`));
  }
  return list;
}

function cell(part: Part, of: Split): HTMLElement | string {
  const ms = part.ms(of);
  if (ms === null) return el("span", { class: "none", title: "not seen: in the rest" }, NONE);
  return isInferred(part, of)
    ? el("span", { title: "inferred, not measured" }, `~${short(ms)}`)
    : short(ms);
}

function row(of: Split, parts: Part[], scale: number): Row {
  const source = el("small", { class: "source" }, of.source);
  const name = el("div", {}, named(of.endpoint), " ", source, bar(of, scale));
  return {
    cells: [name, short(of.mean_ms), ...parts.map((part) => cell(part, of))],
    keys: [of.endpoint, of.mean_ms, ...parts.map(({ ms }) => ms(of))],
  };
}

/** What must be known to read the bars. */
function remarks(all: Split[], unseen: Part[]): string {
  const said: string[] = [];
  if (unseen.length > 0)
    said.push(
      `Not seen, so in the rest: ${unseen.map(({ name, about }) => about || name).join("; ")}.`,
    );
  if (all.some(({ inferred }) => inferred))
    said.push(
      "~ and hatched is inferred: calls per request by a probe, times the statement’s mean.",
    );
  if (all.some(isOver))
    said.push(
      "A line in a bar is where the request ends: its parts add up to more, since calls were made side by side or what is inferred is too much.",
    );
  return said.join(" ");
}

/** Null where nobody saw what endpoints call. */
export function splitSection({ summary }: Run): HTMLElement | null {
  const all = summary.splits.slice(0, MOST);
  if (all.length === 0) return null;
  const isSeen = (part: Part) => all.some((of) => part.ms(of) !== null);
  const parts = PARTS.filter(isSeen);
  const scale = Math.max(...all.map((of) => Math.max(of.mean_ms, sum(of)))) || 1;
  const number = (name: string): Head => ({ name, kind: "n" });
  const heads: Head[] = [
    { name: "Endpoint", kind: "endpoint" },
    number("all"),
    ...parts.map(({ name }) => number(name)),
  ];
  const alone = summary.run.command === "probe";
  const of = alone ? "median of a request made alone, ms" : "mean of a request from send, ms";
  return el(
    "section",
    { id: "splits" },
    el("h2", {}, "Where the time goes", el("small", {}, of)),
    legend(parts),
    table(
      heads,
      all.map((of) => row(of, parts, scale)),
      "splits",
    ),
    more(summary.splits.length, MOST),
    soft(
      remarks(
        all,
        PARTS.filter((part) => !isSeen(part)),
      ),
    ),
  );
}

function checked({ what, phase, counted, looks, computed }: Little): Row {
  const when = phase || "whole run";
  return {
    cells: [what, when, short(counted), count(looks), short(computed)],
    keys: [what, when, counted, looks, computed],
  };
}

/** Null where nothing was counted in two ways. */
export function littleSection({ summary }: Run): HTMLElement | null {
  if (summary.little.length === 0) return null;
  const heads: Head[] = [
    { name: "On average", kind: "said" },
    { name: "Phase", kind: "text" },
    { name: "counted", kind: "n" },
    { name: "looks", kind: "n" },
    { name: "by rate × time", kind: "n" },
  ];
  return el(
    "section",
    { id: "little" },
    el("h2", {}, "Little’s law"),
    table(heads, summary.little.map(checked), "little"),
    soft(
      "How many there were, counted in looks, and by the rate times the time of each. With few looks at small numbers these differ by chance; where they differ by much, one of the two is measured wrong.",
    ),
  );
}
