// The search for the greatest load that keeps the objectives: its answer, a picture of its steps, and the steps. Judges nothing.

import { el, svg } from "./dom";
import { bare, duration, NONE, percent } from "./number";
import type { Run } from "./run";
import { fitted, isDrawn, marker, objectiveOf, scatter } from "./scatter";
import type { Search, SearchStep } from "./summary";
import { type Head, more, table } from "./table";

const MOST = 300;

/** Null of a run that was no search. */
export function searchSection({ summary }: Run): HTMLElement | null {
  const { search } = summary;
  if (!search) return null;
  const section = el("section", { id: "search" }, el("h2", {}, "Search"));
  // The head of the page has it already.
  if (search.answer !== summary.run.reason) section.append(el("p", {}, search.answer));
  const remarks = search.remarks.map((remark) => el("li", {}, remark));
  if (remarks.length > 0) section.append(el("ul", { class: "remarks" }, ...remarks));
  const drawn = search.steps.filter(isDrawn);
  if (drawn.length > 0) section.append(picture(search));
  if (search.steps.length > 0) section.append(steps(search));
  return section;
}

function picture(search: Search): HTMLElement {
  const objective = objectiveOf(search);
  const title = objective ? `Bad requests by load: ${objective.text}` : "Bad requests by load";
  const head = el("figcaption", {}, title, el("small", {}, "share of requests, logarithmic"));
  const place = fitted((width) => scatter(search, width));
  return el("figure", { class: "scatter", "data-chart": "search" }, head, keys(search), place);
}

/** What is meant by shapes and lines, of those that are there. */
function keys(search: Search): HTMLElement {
  const list = el("ul", { class: "keys" });
  const add = (mark: SVGElement, text: string) =>
    list.append(
      el(
        "li",
        {},
        svg("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, mark),
        el("span", {}, text),
      ),
    );
  const has = (is: (step: SearchStep) => boolean) =>
    search.steps.some((step) => isDrawn(step) && is(step));
  if (has(({ purpose }) => purpose === "coarse"))
    add(marker("coarse"), "coarse step: where it breaks, roughly");
  if (has(({ purpose }) => purpose === "fine")) add(marker("fine"), "fine step: near the limit");
  if (has(({ purpose }) => purpose === "confirm"))
    add(marker("confirm"), "confirm step: the lower end, held longer");
  if (has(({ cut }) => cut)) add(marker("cut"), "crossed: ended early");
  if (objectiveOf(search)) add(svg("path", { class: "allowed", d: "M-9 0H9" }), "what is allowed");
  if (search.low !== null && search.high !== null) {
    const band = svg("path", { class: "interval", d: "M-6 -8H6V8H-6Z" });
    const edges = svg("path", { class: "edge", d: "M-6 -8V8M6 -8V8" });
    add(svg("g", {}, band, edges), search.height === null ? "it breaks in here" : "95 % interval");
  }
  return list;
}

/** What was in use nearest its limit, or nothing. */
function inUse({ in_use: used }: SearchStep): string {
  return used ? `${used.text} (${percent(used.share)})` : "";
}

function remark({ counts, cut }: SearchStep): HTMLElement | null {
  const text = counts ? cut && "ended early" : "does not count";
  return text ? el("small", { class: "soft" }, ` ${text}`) : null;
}

/** Names of phases begin with what they are for. */
function called({ phase, purpose }: SearchStep): string {
  return phase.startsWith(purpose) ? phase : `${purpose} ${phase}`.trim();
}

function steps(search: Search): HTMLElement {
  const { unit, objectives } = search;
  const heads: Head[] = [
    { name: "Step", kind: "said" },
    { name: unit, kind: "n" },
    { name: "Lasted", kind: "n" },
    ...objectives.map(({ text }): Head => ({ name: text, group: "Bad", kind: "n" })),
    { name: "Nearest its limit", kind: "said" },
  ];
  const rows = search.steps.slice(0, MOST).map((step, i) => ({
    cells: [
      el("span", {}, called(step), remark(step)),
      bare(step.height, ""),
      duration(step.lasted_s),
      ...objectives.map(({ budget }, k) => bad(step.bad[k] ?? null, budget)),
      inUse(step),
    ],
    keys: [
      i,
      step.height,
      step.lasted_s,
      ...objectives.map((_, k) => step.bad[k] ?? null),
      step.in_use?.share ?? null,
    ],
  }));
  return el(
    "details",
    {},
    el("summary", {}, `All steps: ${search.steps.length}`),
    table(heads, rows, "steps"),
    more(search.steps.length, MOST),
  );
}

/** More than is allowed is bold. */
function bad(share: number | null, budget: number): HTMLElement | string {
  if (share === null) return NONE;
  return share > budget ? el("b", { class: "fail" }, percent(share)) : percent(share);
}
