// Names of a chart's lines, and their values at the cursor. Its places keep their width whatever the values. Knows no chart.

import { el, shorten } from "./dom";
import { inUnit, NONE } from "./number";
import type { ChartLine } from "./run";

/** More lines than these have less room for each name. */
const MANY = 5;
/** Characters of a name, of few lines and of many. */
const ROOM = 34;
const LESS_ROOM = 22;
/** A shorter word before the one that tells is kept with it: `FROM orders`. */
const SMALL = 6;

/** How far two names are alike. */
function alike(a: string[], b: string[]): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i += 1;
  return i;
}

/** Where the word begins that ends before or at a place. */
function wordAt(name: string[], place: number): number {
  let i = place;
  while (i > 0 && name[i - 1] !== " ") i -= 1;
  return i;
}

/** Of each name so many characters that they can be told apart: where it is long, its beginning and where it differs from the others. */
export function telling(names: string[], most: number): string[] {
  const all = names.map((name) => Array.from(name));
  const made = all.map((name, i) => {
    if (name.length <= most) return name.join("");
    const differs = Math.max(0, ...all.map((other, k) => (k === i ? 0 : alike(name, other))));
    const text = (from: number, until: number) => name.slice(from, until).join("").trim();
    let start = wordAt(name, Math.min(differs, name.length - 1));
    const first = wordAt(name, Math.floor(most * 0.4)) || Math.floor(most * 0.3);
    const before = wordAt(name, Math.max(start - 1, 0));
    const word = name.indexOf(" ", start);
    const room = most - first - 2 - ((word < 0 ? name.length : word) - start);
    if (start - before <= Math.min(SMALL, room)) start = before;
    if (start < most / 2) return `${text(0, most - 1)}…`;
    const until = start + most - first - 2;
    const end = until < name.length ? "…" : "";
    return `${text(0, first)}…${text(start, until)}${end}`;
  });
  const isTwin = (text: string) => made.indexOf(text) !== made.lastIndexOf(text);
  return made.map((text, i) => (isTwin(text) ? shorten(names[i] ?? "", most) : text));
}

export class Legend {
  readonly place = el("ul", { class: "legend" });
  private readonly values: HTMLElement[] = [];

  /** `toggle` shows or hides a line and answers whether it is shown. */
  constructor(
    private readonly lines: ChartLine[],
    private readonly unit: string,
    colours: string[],
    toggle: (line: number) => boolean,
    dashed: boolean[] = [],
  ) {
    this.place.classList.toggle("many", lines.length > MANY);
    const names = telling(
      lines.map(({ name }) => name),
      lines.length > MANY ? LESS_ROOM : ROOM,
    );
    lines.forEach((line, i) => {
      const value = el("output", { class: "value" }, NONE);
      const mark = el("i", { class: dashed[i] ? "swatch dashed" : "swatch" });
      mark.style.background = `var(--${colours[i]})`;
      const name = el("span", { class: "name" }, names[i] ?? line.name);
      const item = el("button", { type: "button", "aria-pressed": "true" }, mark, name);
      if (names[i] !== line.name) {
        // Shown under the pointer, and where keys or a finger are.
        item.setAttribute("aria-label", line.name);
        item.append(el("span", { class: "full", "aria-hidden": "true" }, line.name));
      }
      item.addEventListener("click", () => {
        item.setAttribute("aria-pressed", String(toggle(i)));
      });
      this.values.push(value);
      this.place.append(el("li", {}, item, value));
    });
  }

  /** The values of one instant of the chart, or none. */
  show(index: number | null): void {
    this.lines.forEach((line, i) => {
      const place = this.values[i];
      const value = index === null ? null : (line.values[index] ?? null);
      const text = value === null ? NONE : inUnit(value, this.unit);
      if (place && place.textContent !== text) place.textContent = text;
    });
  }
}
