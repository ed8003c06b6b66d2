// What keys do, and the list of them. Knows only what it is told to call.

import { button, el } from "./dom";

export interface Key {
  keys: string[];
  does: string;
  act: () => void;
}

/** Listens from now on; answers what shows the list. */
export function startKeys(keys: Key[]): () => void {
  const rows = [
    ...keys.map(({ keys, does }) => [keys.join(" or "), does]),
    ["← →", "on a chart: move the cursor; with Shift further"],
    ["Enter", "on an endpoint: how its response times are spread, what it asks for"],
    ["?", "these keys"],
  ];
  const list = el("dl");
  for (const [key, does] of rows)
    list.append(el("div", {}, el("dt", {}, el("kbd", {}, key ?? "")), el("dd", {}, does ?? "")));
  const dialog = el("dialog", { "aria-label": "Keys" }, el("h2", {}, "Keys"), list);
  dialog.append(button("Close", "Close", () => dialog.close()));
  document.body.append(dialog);
  const help = () => (dialog.open ? dialog.close() : dialog.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const typing = target.matches?.("input, select, textarea");
    if (typing) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.key === "?") help();
    else if (!dialog.open) {
      const found = keys.find(({ keys }) => keys.includes(event.key));
      if (!found) return;
      event.preventDefault();
      found.act();
    }
  });
  return help;
}
