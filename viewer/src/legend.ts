// Names of a chart's lines, and their values at the cursor. Its places keep their width whatever the values. Knows no chart.

import { el } from "./dom";
import { inUnit, NONE } from "./number";
import type { ChartLine } from "./run";

/** More lines than these have less room for each name. */
const MANY = 5;

export class Legend {
  readonly place = el("ul", { class: "legend" });
  private readonly values: HTMLElement[] = [];

  /** `toggle` shows or hides a line and answers whether it is shown. */
  constructor(
    private readonly lines: ChartLine[],
    private readonly unit: string,
    colours: string[],
    toggle: (line: number) => boolean,
  ) {
    this.place.classList.toggle("many", lines.length > MANY);
    lines.forEach((line, i) => {
      const value = el("output", { class: "value" }, NONE);
      const mark = el("i", { class: "swatch" });
      mark.style.background = `var(--${colours[i]})`;
      const name = el("span", { class: "name", title: line.name }, line.name);
      const item = el("button", { type: "button", "aria-pressed": "true" }, mark, name);
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
