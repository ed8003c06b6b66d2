// One thing that was watched: what it is, its charts, its tables, what was not seen of it. Generic over whatever came.

import { blind } from "./blind";
import type { Board } from "./board";
import { sourceTable } from "./cells";
import { TimeChart } from "./chart";
import { el } from "./dom";
import type { Moments } from "./moments";
import { count, duration, instant, percent, short } from "./number";
import type { PhaseChoice } from "./phase";
import type { SourceView } from "./run";
import type { Loss, Target } from "./summary";

/** Name of a source where there is little room. */
export function shortName({ kind, subject, title }: Target): string {
  if (kind === "host") return "Host";
  // `PostgreSQL 18.6, database shop`, `uvicorn, port 8000 (3 processes)`.
  const name = title.split(",")[0]?.replace(/ [\d.]+$/, "");
  return name || subject;
}

/** How it was looked at, and what that cost. */
function looked(target: Target): string[] {
  const parts = [`${count(target.looks)} looks`];
  if (target.every_s > 0) parts.push(`one every ${duration(target.every_s)}`);
  if (target.read_median_ms !== null) {
    parts.push(
      `a look took ${short(target.read_median_ms)} ms in the median, ${short(target.read_max_ms)} ms at most`,
    );
  }
  if (target.cost_share !== null)
    parts.push(`looking took ${percent(target.cost_share)} of one core in katydid`);
  if (target.stalls > 0) parts.push(`${count(target.stalls)} looks took too long and were dropped`);
  return parts;
}

function lost({ from_s, until_s, why }: Loss): HTMLElement {
  const when =
    until_s === null
      ? `Not seen from ${instant(from_s)} to the end`
      : until_s === from_s
        ? `At ${instant(from_s)} its counters began anew`
        : `Not seen from ${instant(from_s)} to ${instant(until_s)}`;
  return el("p", { class: "warn" }, why ? `${when}: ${why}` : `${when}.`);
}

export function sourceSection(
  target: Target,
  view: SourceView | undefined,
  id: string,
  board: Board,
  moments: Moments,
  choice: PhaseChoice,
): HTMLElement {
  const section = el("section", { id, class: "source" });
  const inside = el("details", { open: true });
  const title = target.title || target.subject;
  const subject = title === target.subject ? null : el("code", {}, target.subject);
  inside.append(el("summary", {}, el("h2", {}, title), " ", subject));
  inside.append(el("p", { class: "soft looks" }, looked(target).join(" · ")));
  for (const loss of target.losses.slice(0, 20)) inside.append(lost(loss));
  const charts = view?.charts ?? [];
  if (charts.length > 0) {
    const grid = el("div", { class: "charts" });
    for (const chart of charts) {
      grid.append(new TimeChart(chart, board, moments, target.losses).figure);
    }
    inside.append(grid);
  } else inside.append(el("p", { class: "soft" }, "There is nothing to draw of it."));
  inside.append(tables(target, choice));
  const dark = target.sights.filter((sight) => !sight.seen);
  const unseen = blind(dark);
  if (unseen) {
    const names = dark.map(({ what }) => what).join(", ");
    inside.append(
      el(
        "details",
        { class: "unseen" },
        el("summary", {}, el("b", {}, "Not seen"), `: ${names}`),
        unseen,
      ),
    );
  }
  section.append(inside);
  return section;
}

/** Its tables of the chosen phase. */
function tables(target: Target, choice: PhaseChoice): HTMLElement {
  const place = el("div", { class: "tables" });
  const ids = [...new Set(target.tables.map(({ id }) => id))];
  const fill = () => {
    place.replaceChildren();
    for (const id of ids) {
      const all = target.tables.filter((table) => table.id === id);
      const perPhase = all.some(({ phase }) => phase !== "");
      const found = all.find(({ phase }) => phase === (perPhase ? choice.chosen : ""));
      const about = choice.chosen && perPhase ? choice.chosen : "whole run";
      if (found) place.append(sourceTable(found, about));
      else if (all[0]) {
        place.append(
          el("h4", {}, all[0].title, el("small", {}, about)),
          el("p", { class: "soft" }, "No rows in this phase."),
        );
      }
    }
  };
  choice.onChange(fill);
  fill();
  return place;
}
