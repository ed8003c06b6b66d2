// What could not be seen, and what to type to see it. Knows no source.

import { button, el } from "./dom";
import type { Sight } from "./summary";

async function copied(text: string, from: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = "Copied";
  } catch {
    // From a file the clipboard may be closed: then the text is marked, to be copied by hand.
    const code = from.previousElementSibling;
    if (code) getSelection()?.selectAllChildren(code);
    from.textContent = "Marked";
  }
  setTimeout(() => {
    from.textContent = "Copy";
  }, 2000);
}

/** A text to be typed, and what copies it. */
export function typed(text: string, title: string): HTMLElement {
  const copy = button("Copy", title, () => void copied(text, copy));
  return el("div", { class: "remedy" }, el("pre", {}, text), copy);
}

/** Null where everything was seen. */
export function blind(sights: Sight[]): HTMLElement | null {
  if (sights.length === 0) return null;
  const list = el("ul", { class: "blind" });
  for (const { what, note, remedy } of sights) {
    const item = el("li", {}, el("b", {}, what), note ? `: ${note}` : null);
    if (remedy) item.append(typed(remedy, "Copy what opens it"));
    list.append(item);
  }
  return list;
}
