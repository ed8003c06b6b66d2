// Which part of the run the tables are about: one choice for all of them. Knows no table.

import { el } from "./dom";

export class PhaseChoice {
  /** Name of the phase; empty for the whole run. */
  chosen = "";
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly names: string[]) {}

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Null where there is nothing to choose. */
  select(): HTMLElement | null {
    if (this.names.length < 2) return null;
    const select = el("select", { id: "phase" }, el("option", { value: "" }, "whole run"));
    for (const name of this.names) select.append(el("option", { value: name }, name));
    select.addEventListener("change", () => {
      this.chosen = select.value;
      for (const listener of this.listeners) listener();
    });
    return el("label", { class: "phase" }, el("span", {}, "Tables"), select);
  }
}
