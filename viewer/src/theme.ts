// Light or dark: as the system says, unless the reader says otherwise. Hands out colours for canvases. Knows no chart.

import { button } from "./dom";

const KEY = "katydid-theme";
const ORDER = ["auto", "light", "dark"] as const;
type Theme = (typeof ORDER)[number];

const colours = new Map<string, string>();
const listeners: (() => void)[] = [];
let chosen: Theme = "auto";
let probe: HTMLElement | null = null;

function stored(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    return ORDER.find((theme) => theme === found) ?? "auto";
  } catch {
    return "auto"; // Storage may be forbidden.
  }
}

function show(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  colours.clear();
  for (const listener of listeners) listener();
}

/** The value of a custom property as a colour that a canvas takes. */
export function colour(name: string): string {
  const known = colours.get(name);
  if (known !== undefined) return known;
  if (probe === null) {
    probe = document.createElement("i");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  colours.set(name, found);
  return found;
}

/** A colour with less of it. */
export function faint(name: string, alpha: number): string {
  return colour(name).replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

/** Called whenever colours have changed. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

/** Follows the system, and paper, which is always light. */
export function startTheme(): void {
  chosen = stored();
  show(chosen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(chosen));
  addEventListener("beforeprint", () => show("light"));
  addEventListener("afterprint", () => show(chosen));
}

/** The next of auto, light, dark. */
export function nextTheme(): void {
  chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length] ?? "auto";
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // Then it holds for this page only.
  }
  show(chosen);
}

export function themeButton(): HTMLElement {
  const made = button("", "Light or dark (t)", nextTheme, "theme");
  const say = () => {
    made.textContent = `Theme: ${chosen}`;
  };
  listeners.push(say);
  say();
  return made;
}
