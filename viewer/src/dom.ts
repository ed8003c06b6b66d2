// Elements from names, attributes and children. Texts become text nodes, never markup. Knows nothing of runs.

export type Child = Node | string | null | false;

type Attributes = Record<string, string | number | boolean | null>;

const SVG = "http://www.w3.org/2000/svg";

function filled<E extends Element>(made: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== false) made.append(child);
  }
  return made;
}

/** An HTML element. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Nothing where there is no text. */
export function soft(text: string | null): HTMLElement | null {
  return text ? el("p", { class: "soft" }, text) : null;
}

/** At most so many characters, the middle replaced by an ellipsis. */
export function shorten(text: string, most: number): string {
  const chars = Array.from(text);
  if (chars.length <= most) return text;
  const keep = most - 1;
  const head = chars.slice(0, Math.ceil(keep / 2));
  return `${head.join("")}…${chars.slice(chars.length - Math.floor(keep / 2)).join("")}`;
}

/** Several lines, at most `most` of them; the rest is said. */
export function block(text: string, most = 60): HTMLElement {
  const lines = text.split("\n");
  const shown = lines.slice(0, most).map((line) => shorten(line, 1000));
  if (lines.length > most) shown.push(`… ${lines.length - most} more lines`);
  return el("pre", {}, shown.join("\n"));
}

/** An endpoint: its method set apart, its name, which may be broken after a slash. */
export function endpointName(method: string, kind: string, name: string): HTMLElement {
  const word = method || (kind === "flow" || kind === "job" ? kind : "");
  const parts: Child[] = word ? [el("b", { class: "method" }, shorten(word, 24)), " "] : [];
  for (const part of shorten(name, 240).split(/(?<=\/)/)) parts.push(part, el("wbr"));
  return el("span", { class: "endpoint-name" }, ...parts);
}

/** `GET /orders` as a name with its method set apart. */
export function named(title: string): HTMLElement {
  const [, method = "", name = title] = /^([A-Z]+) (.*)$/s.exec(title) ?? [];
  return endpointName(method, "", name);
}

/** A button that does something. */
export function button(text: string, title: string, act: () => void, name = ""): HTMLElement {
  const made = el("button", { type: "button", title, class: name || null }, text);
  made.addEventListener("click", act);
  return made;
}
