// What every page has: an index, a bar with tools, its sections, keys, paper on which all is open. Knows no section.

import type { Board } from "./board";
import { button, el } from "./dom";
import { type Key, startKeys } from "./keys";
import { type Moments, near, phaseAt } from "./moments";
import { Nav, type Stop } from "./nav";
import { instant } from "./number";
import { nextTheme, onTheme, themeButton } from "./theme";

/** A section and its name in the index; null where there is nothing of it. */
export type Part = [name: string, section: HTMLElement | null];

export interface Page {
  name: string;
  head: HTMLElement;
  parts: Part[];
  foot: string;
  board: Board;
  moments: Moments;
  /** Tools of its own. */
  tools: (HTMLElement | null)[];
  /** Keys of its own. */
  keys: Key[];
}

/** The instant under the cursor, in words; and what is zoomed in on. */
function reading(board: Board, moments: Moments): HTMLElement {
  const at = el("output", { class: "at", "aria-live": "off" });
  const reset = button("Reset zoom", "Show the whole run (Esc)", () => board.reset(), "reset");
  const say = () => {
    reset.hidden = !board.zoomed;
    const [from, until] = board.range;
    const zoomed = board.zoomed ? `${instant(from)} to ${instant(until)}` : "";
    if (board.cursor === null) at.textContent = zoomed;
    else {
      const phase = phaseAt(moments, board.cursor);
      const close = near(moments, board.cursor, (until - from) / 150);
      at.textContent = [`at ${instant(board.cursor)}`, phase, ...close].filter(Boolean).join(" · ");
    }
  };
  board.onChange(say);
  say();
  return el("div", { class: "reading" }, at, reset);
}

/** Paper has nothing to open: all is open while it is printed, but of traces those that the reader left open. */
function openForPrint(): void {
  const closed = "details:not([open], .trace, .trace:not([open]) *)";
  let opened: HTMLDetailsElement[] = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>(closed)];
    for (const one of opened) {
      one.open = true;
      one.classList.add("printed");
      // What is filled when it opens would be told too late.
      one.dispatchEvent(new Event("toggle"));
    }
  });
  addEventListener("afterprint", () => {
    for (const one of opened) {
      one.open = false;
      one.classList.remove("printed");
    }
  });
}

/** Shows it, and says that it is ready. */
export function layOut(page: Page, app: HTMLElement): void {
  const { board } = page;
  openForPrint();
  const main = el("main", {}, page.head);
  const stops: Stop[] = [{ id: "top", name: "Summary" }];
  for (const [name, section] of page.parts) {
    if (section === null) continue;
    main.append(section);
    stops.push({ id: section.id, name, inner: section.classList.contains("source") });
  }
  main.append(el("footer", {}, page.foot));
  const nav = new Nav(stops);
  const help = startKeys([
    { keys: ["j"], does: "next section", act: () => nav.go(1) },
    { keys: ["k"], does: "section before", act: () => nav.go(-1) },
    ...page.keys,
    { keys: ["Escape"], does: "show the whole run in the charts", act: () => board.reset() },
    { keys: ["t"], does: "light, dark, or as the system", act: nextTheme },
  ]);
  const tools = el(
    "div",
    { class: "tools" },
    reading(board, page.moments),
    ...page.tools,
    themeButton(),
    button("?", "Keys", help, "help"),
  );
  app.append(
    el("div", { class: "side" }, nav.place),
    el("div", { class: "bar" }, el("strong", {}, page.name), tools),
    main,
  );
  onTheme(() => board.recolour());
  nav.follow();
  document.documentElement.dataset.ready = "true";
}
