// Why it is slow: causes with their evidence and fixes, what was ruled out, what nobody looked at. Judges nothing.

import { typed } from "./blind";
import { el, soft } from "./dom";
import { bare, percent, short } from "./number";
import type { Run } from "./run";
import type { Cost, Evidence, Finding, Findings } from "./summary";
import { table } from "./table";

const FINDINGS = 20;

function sentence(cost: Cost): string {
  const { ms, of_ms, share } = cost;
  return `${short(ms)} of ${short(of_ms)} ms per request; ${percent(share)} of the time of all requests`;
}

function evidenceOf(all: Evidence[]): HTMLElement {
  const rows = all.map(({ source, what, value, unit, limit, phase }) => ({
    cells: [
      source,
      phase ? `${what}, ${phase}` : what,
      `${bare(value, "")} ${unit}`.trim(),
      limit === null ? "" : `${bare(limit, "")} ${unit}`.trim(),
    ],
    keys: [],
  }));
  const heads = [
    { name: "Source", kind: "text" as const },
    { name: "What", kind: "said" as const },
    { name: "Value", kind: "n" as const },
    { name: "Speaks from", kind: "n" as const },
  ];
  return el("details", {}, el("summary", {}, "Evidence"), table(heads, rows));
}

function card(finding: Finding): HTMLElement {
  const { title, endpoints, confidence, basis, what, cost, advice, fixes, check } = finding;
  const fixList = el("ul", { class: "fixes" });
  for (const { in: place, text } of fixes)
    fixList.append(el("li", {}, place, typed(text, "Copy what to write")));
  const explained = el("ul", {});
  for (const text of finding.consequences) explained.append(el("li", {}, text));
  return el(
    "li",
    { class: "finding" },
    el("h3", {}, title, endpoints.length > 0 && el("span", {}, endpoints.join(", "))),
    el("p", {}, what),
    cost && el("p", { class: "cost" }, el("b", {}, "Cost: "), sentence(cost)),
    soft(`${confidence}, by ${basis}`),
    el("p", {}, el("b", {}, "Fix: "), advice),
    fixes.length > 0 && fixList,
    el("p", {}, el("b", {}, "Check: "), check),
    finding.consequences.length > 0 && el("p", { class: "soft" }, "This explains:"),
    finding.consequences.length > 0 && explained,
    evidenceOf(finding.evidence),
  );
}

function cards(all: Finding[], name: string): HTMLElement {
  return el("ol", { class: name }, ...all.slice(0, FINDINGS).map(card));
}

function rest({ suspected, ruled_out, not_observed }: Findings): (HTMLElement | null)[] {
  const ruled = ruled_out.map(({ title, why }) => `${title} (${why})`).join("; ");
  const blind = not_observed.map(({ what, remedy }) => `${what} (${remedy})`).join("; ");
  const some = suspected.length > 0;
  return [
    some
      ? el(
          "details",
          {},
          el("summary", {}, `Suspected, by one signal only: ${suspected.length}`),
          cards(suspected, "findings suspected"),
        )
      : null,
    soft(ruled && `Ruled out: ${ruled}.`),
    soft(blind && `Not observed: ${blind}.`),
  ];
}

export function findingSection({ summary }: Run): HTMLElement | null {
  const all = summary.findings;
  if (!all || summary.target.length === 0) return null;
  const none = all.findings.length === 0;
  return el(
    "section",
    { id: "findings" },
    el("h2", {}, "Findings"),
    none ? el("p", {}, "No cause stands out.") : cards(all.findings, "findings"),
    ...rest(all),
  );
}
