// Tables that can be sorted: heads, rows of cells, and rows that stay at the end. Knows nothing of what is in them.

import { type Child, el } from "./dom";

export interface Head {
  name: string;
  /** Stands above several heads. */
  group?: string;
  /** `n` right-aligned numbers, `said` texts that wrap, `code` statements, `spark` and `range` pictures. */
  kind: "n" | "endpoint" | "said" | "code" | "spark" | "range" | "text";
  /** False: not to be sorted by. */
  sorts?: boolean;
}

export interface Row {
  cells: Child[];
  /** What each cell is sorted by; null is last. */
  keys: (string | number | null)[];
  name?: string;
  /** Stays below the others. */
  fixed?: boolean;
  /** A line beneath the row. */
  note?: string;
  /** Shown beneath the row when it is opened. */
  more?: () => HTMLElement;
  /** Tones of cells, by place. */
  tones?: Record<number, string>;
}

export function table(heads: Head[], rows: Row[], name = ""): HTMLElement {
  const body = el("tbody");
  let by = -1;
  let down = true;
  const buttons: HTMLElement[] = [];

  const fill = () => {
    const free = rows.filter((row) => !row.fixed);
    const sorted = by < 0 ? free : [...free].sort((a, b) => compare(a.keys[by], b.keys[by], down));
    body.replaceChildren();
    for (const row of [...sorted, ...rows.filter((row) => row.fixed)]) {
      body.append(rowElement(row, heads));
    }
  };
  const sort = (column: number) => {
    down = by === column ? !down : heads[column]?.kind === "n";
    by = column;
    buttons.forEach((head, i) => {
      if (i === by) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    fill();
  };
  const headRow = el("tr");
  heads.forEach((head, i) => {
    const made = el("th", { class: head.kind, scope: "col" });
    if (head.sorts === false || rows.length < 2) made.append(head.name);
    else {
      const press = el("button", { type: "button", class: "sort" }, head.name);
      press.addEventListener("click", () => sort(i));
      made.append(press);
    }
    buttons.push(made);
    headRow.append(made);
  });
  fill();
  const head = el("thead", {}, groups(heads), heads.some(({ name }) => name) ? headRow : null);
  return el("div", { class: "scroll" }, el("table", { class: name || null }, head, body));
}

function groups(heads: Head[]): HTMLElement | null {
  if (!heads.some(({ group }) => group)) return null;
  const row = el("tr", { class: "groups" });
  for (let i = 0; i < heads.length; ) {
    const group = heads[i]?.group ?? "";
    let width = 1;
    while (i + width < heads.length && (heads[i + width]?.group ?? "") === group) width += 1;
    row.append(el(group ? "th" : "td", { colspan: width }, group ? el("span", {}, group) : null));
    i += width;
  }
  return row;
}

function compare(
  a: Row["keys"][number] | undefined,
  b: Row["keys"][number] | undefined,
  down: boolean,
): number {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined) return -1;
  const order =
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en");
  return down ? -order : order;
}

function rowElement(row: Row, heads: Head[]): DocumentFragment {
  const made = el("tr", { class: row.name || null });
  row.cells.forEach((cell, i) => {
    const tone = row.tones?.[i];
    const kind = [heads[i]?.kind ?? "text", tone].filter(Boolean).join(" ");
    made.append(el("td", { class: kind }, cell));
  });
  const both = document.createDocumentFragment();
  both.append(made);
  if (row.note) {
    made.classList.add("noted");
    const line = el("td", { colspan: heads.length }, el("div", {}, row.note));
    both.append(el("tr", { class: "note" }, line));
  }
  if (row.more) opens(made, both.lastElementChild ?? made, row.more, heads.length);
  return both;
}

/** `last` is the row, or the line beneath it. */
function opens(row: HTMLElement, last: Element, more: () => HTMLElement, width: number): void {
  let shown: HTMLElement | null = null;
  row.classList.add("opens");
  row.tabIndex = 0;
  row.setAttribute("aria-expanded", "false");
  const toggle = () => {
    if (shown) shown.remove();
    shown = shown ? null : el("tr", { class: "more" }, el("td", { colspan: width }, more()));
    if (shown) last.after(shown);
    row.setAttribute("aria-expanded", String(shown !== null));
  };
  row.addEventListener("click", (event) => {
    // Who marks a text does not want to open the row.
    if (getSelection()?.type !== "Range" && !(event.target as Element).closest("button")) toggle();
  });
  row.addEventListener("keydown", (event) => {
    if (event.target !== row || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    toggle();
  });
}

/** Says how many rows are left out. */
export function more(all: number, shown: number, file = "summary.json"): HTMLElement | null {
  if (all <= shown) return null;
  const hidden = (all - shown).toLocaleString("en-US");
  return el("p", { class: "soft" }, `${hidden} more are in ${file}.`);
}
