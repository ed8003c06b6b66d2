// A table of a watched source as a table of the page: units in the heads, statements that open. Knows no source.

import { el, soft } from "./dom";
import { bare, NONE } from "./number";
import type { Cell, Column, Table } from "./summary";
import { type Head, type Row, table } from "./table";

/** Statements longer than this can be opened. */
const LONG = 90;

function head({ name, unit }: Column): Head {
  if (unit === "code") return { name, kind: "code" };
  if (unit === "text") return { name, kind: "said" };
  const inCells = unit === "" || unit.startsWith("bytes") || name.endsWith(unit);
  return { name: inCells ? name : `${name}, ${unit}`, kind: "n" };
}

function cell(value: Cell, unit: string): HTMLElement | string {
  if (value === null) return el("span", { class: "none", title: "not known" }, NONE);
  if (unit === "code") return statement(String(value));
  if (typeof value === "number") return bare(value, unit);
  return typeof value === "boolean" ? (value ? "yes" : "no") : value;
}

/** A statement as one line; one that is longer opens. */
export function statement(text: string, long = LONG): HTMLElement {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length <= long && !text.trim().includes("\n")) return el("code", {}, line);
  const code = el("code", { class: "clipped" }, line);
  const made = el("button", { type: "button", class: "statement", "aria-expanded": "false" }, code);
  made.title = "Show all of it";
  made.addEventListener("click", () => {
    const opened = made.getAttribute("aria-expanded") !== "true";
    made.setAttribute("aria-expanded", String(opened));
    code.textContent = opened ? text.trim() : line;
  });
  return made;
}

function key(value: Cell): Row["keys"][number] {
  return typeof value === "boolean" ? Number(value) : value;
}

/** A table with its title and what must be known to read it. */
export function sourceTable(found: Table, about: string): HTMLElement {
  const rows = found.rows.map((row) => ({
    cells: found.columns.map(({ unit }, i) => cell(row[i] ?? null, unit)),
    keys: found.columns.map((_, i) => key(row[i] ?? null)),
  }));
  const title = el("h4", {}, found.title, about ? el("small", {}, about) : null);
  const place = el("div", { class: "source-table", "data-table": found.id });
  place.append(title, table(found.columns.map(head), rows, "generic"));
  const note = soft(found.note);
  if (note) place.append(note);
  return place;
}
