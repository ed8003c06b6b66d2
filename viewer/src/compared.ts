// The page of a comparison: its head, and sections of what changed. Knows none of them from inside but the small ones.

import { amount, by, called, interval, MEASURES, subject } from "./amount";
import { Board } from "./board";
import { changed, changeSection, outcomeOf, phasesOf, subjectOf } from "./changes";
import type { Change, Comparison, ComparisonPage, Side } from "./comparison";
import { curveSection, spanOf } from "./curves";
import { type Child, el } from "./dom";
import { layOut } from "./layout";
import type { Moments } from "./moments";
import { NONE, percent } from "./number";
import { pairSection } from "./pairs";
import { type Head, more, table } from "./table";

const MOST = 300;
/** More ids than these are folded. */
const IDS = 12;

type Section = HTMLElement | null;

export function showComparison(page: ComparisonPage, app: HTMLElement): void {
  const { comparison } = page;
  const board = new Board(spanOf(page.curves));
  const moments: Moments = { phases: [], events: [], marks: [] };
  document.body.classList.toggle("invalid", comparison.verdict === "INVALID");
  const runs = comparison.before.runs.length + comparison.after.runs.length;
  layOut(
    {
      name: "Comparison",
      head: head(page),
      parts: [
        ["What changed", changeSection(page)],
        ["Pair by pair", pairSection(comparison)],
        ["Over time", curveSection(page, board, moments)],
        ["Counted", counts(page)],
        ["Findings", findings(page)],
        ["Other measures", others(comparison)],
        ["Notes", notes(comparison)],
      ],
      foot: `Comparison of ${runs} runs · katydid`,
      board,
      moments,
      tools: [],
      keys: [],
    },
    app,
  );
}

function head({ comparison, texts }: ComparisonPage): HTMLElement {
  const { verdict, reason, dropped } = comparison;
  const badge = verdict && el("b", { class: `verdict ${texts.tone}` }, verdict);
  const who = el("p", { class: "who" }, el("span", {}, texts.design));
  if (comparison.primary) who.append(el("span", {}, `judged first: ${comparison.primary}`));
  const made = el("header", { id: "top" }, el("h1", {}, "Comparison ", badge || null), who);
  if (verdict === "INVALID") {
    const lines = [reason, ...dropped.filter((why) => !reason.includes(why))];
    const body = el("div", {}, ...lines.slice(0, IDS).map((text) => el("p", {}, text)));
    made.append(el("div", { class: "banner bad", role: "alert" }, el("h2", {}, verdict), body));
  } else if (reason) made.append(el("p", { class: "reason" }, `${reason}.`.replace(/\.\.$/, ".")));
  const first = comparison.changes.find(({ primary }) => primary);
  if (first) made.append(figures(first));
  const { before, after } = comparison;
  made.append(el("div", { class: "sides" }, side("Before", before), side("After", after)));
  return made;
}

/** What is judged first. */
function figures(of: Change): HTMLElement {
  const sure = of.confidence === null ? "Interval" : `${percent(of.confidence)} interval`;
  const cells: [string, string][] = [
    [`Before, ${called(of)}`, amount(of.measure, of.before)],
    ["After", amount(of.measure, of.after)],
    ["Change", by(of.measure, of.change)],
    [sure, interval(of)],
  ];
  const list = el("dl", { class: "figures few" });
  for (const [label, value] of cells)
    list.append(el("div", {}, el("dt", {}, label), el("dd", {}, value)));
  return list;
}

function side(word: string, { label, runs }: Side): HTMLElement {
  const ids = el("ul", { class: "runs" });
  for (const { id, counts } of runs) {
    const out = counts ? null : el("small", { class: "warn" }, " does not count");
    ids.append(el("li", {}, el("code", {}, id), out));
  }
  const folded = el("details", {}, el("summary", {}, `${runs.length} runs`), ids);
  const shown = runs.length > IDS ? folded : ids;
  return el("div", {}, el("h3", {}, word, " ", el("code", {}, label || NONE)), shown);
}

function list(all: Child[]): HTMLElement {
  return el("ul", { class: "remarks" }, ...all.slice(0, MOST).map((one) => el("li", {}, one)));
}

function counts({ comparison, texts }: ComparisonPage): Section {
  if (texts.counts.length === 0) return null;
  const said = texts.counts.map((text, i): Child => {
    const worse = comparison.counts[i]?.worse === true;
    return el("span", {}, text, worse && el("b", { class: "fail" }, " WORSE"));
  });
  return el("section", { id: "counts" }, el("h2", {}, "Counted"), list(said));
}

function findings({ texts }: ComparisonPage): Section {
  if (texts.findings.length === 0) return null;
  const said = texts.findings.map(({ word, names }) =>
    el("span", {}, el("b", {}, word), `: ${names.slice(0, MOST).join("; ")}`),
  );
  return el("section", { id: "findings" }, el("h2", {}, "Findings"), list(said));
}

/** What is not in the first tables. */
function others({ changes }: Comparison): Section {
  const all = changes.filter(({ measure, primary }) => measure !== "p95" && !primary);
  if (all.length === 0) return null;
  const isOfPhases = phasesOf(all).length > 1;
  const phase: Head[] = isOfPhases ? [{ name: "Phase", kind: "text" }] : [];
  const heads: Head[] = [
    { name: "Endpoint", kind: "endpoint" },
    { name: "Measure", kind: "said" },
    ...phase,
    { name: "Before", kind: "n" },
    { name: "After", kind: "n" },
    { name: "Change", kind: "n" },
    { name: "", kind: "text", sorts: false },
  ];
  const rows = all.slice(0, MOST).map((of) => {
    const within = isOfPhases ? [of.phase ?? "whole run"] : [];
    return {
      cells: [
        subjectOf(of),
        MEASURES[of.measure],
        ...within,
        amount(of.measure, of.before),
        amount(of.measure, of.after),
        changed(of),
        outcomeOf(of),
      ],
      keys: [
        subject(of),
        MEASURES[of.measure],
        ...within,
        of.before,
        of.after,
        of.change,
        of.outcome,
      ],
    };
  });
  const names = [...new Set(all.map(({ measure }) => MEASURES[measure]))].join(", ");
  return el(
    "section",
    { id: "others" },
    el(
      "details",
      {},
      el("summary", {}, el("h2", {}, "Other measures"), " ", el("span", { class: "soft" }, names)),
      table(heads, rows, "others"),
      more(all.length, MOST, "comparison.json"),
    ),
  );
}

function notes({ notes, dropped, verdict }: Comparison): Section {
  const out = verdict === "INVALID" ? [] : dropped.map((why) => `Does not count: ${why}.`);
  const all = [...out, ...notes];
  if (all.length === 0) return null;
  return el("section", { id: "notes" }, el("h2", {}, "Notes"), list(all));
}
