// The index of sections, and going from one to the next. Knows no section.

import { el } from "./dom";

export interface Stop {
  id: string;
  name: string;
  /** Below another. */
  inner?: boolean;
}

export class Nav {
  readonly place = el("nav", { "aria-label": "Sections" });
  private readonly links = new Map<string, HTMLElement>();
  private here = 0;
  /** Where the page stood when a key went to a section: until it moves, that is the one being read. */
  private stood: number | null = null;

  constructor(private readonly stops: Stop[]) {
    const list = el("ul");
    for (const { id, name, inner } of stops) {
      const link = el("a", { href: `#${id}` }, name);
      this.links.set(id, link);
      list.append(el("li", { class: inner ? "inner" : null }, link));
    }
    this.place.append(list);
  }

  /** Marks the section that is being read, from now on. */
  follow(): void {
    let waiting = false;
    const look = () => {
      waiting = false;
      if (this.stood !== null && Math.abs(scrollY - this.stood) < 2) return;
      this.stood = null;
      const edge = innerHeight * 0.25;
      let now = 0;
      this.stops.forEach(({ id }, i) => {
        const top = document.getElementById(id)?.getBoundingClientRect().top;
        if (top !== undefined && top <= edge) now = i;
      });
      this.mark(now);
    };
    addEventListener(
      "scroll",
      () => {
        if (waiting) return;
        waiting = true;
        requestAnimationFrame(look);
      },
      { passive: true },
    );
    look();
  }

  /** To the section so many further on. */
  go(by: number): void {
    const next = Math.min(Math.max(this.here + by, 0), this.stops.length - 1);
    const section = document.getElementById(this.stops[next]?.id ?? "");
    if (!section) return;
    for (let up: Element | null = section; up; up = up.parentElement) {
      if (up instanceof HTMLDetailsElement) up.open = true;
    }
    section.scrollIntoView();
    this.stood = scrollY;
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
    this.mark(next);
  }

  private mark(now: number): void {
    this.here = now;
    const id = this.stops[now]?.id ?? "";
    for (const [other, link] of this.links) {
      if (other === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    // Within the index only: the page must not move.
    const link = this.links.get(id);
    const list = this.place;
    if (!link) return;
    const [box, at] = [list.getBoundingClientRect(), link.getBoundingClientRect()];
    if (at.left < box.left || at.right > box.right) list.scrollLeft += at.left - box.left - 16;
    if (at.top < box.top || at.bottom > box.bottom) list.scrollTop += at.top - box.top - 40;
  }
}
