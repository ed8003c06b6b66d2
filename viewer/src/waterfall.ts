// One request as a tree of spans on an axis of time. Draws what it is given; knows no other request.

import { block, el } from "./dom";
import { count, short } from "./number";
import type { Span, Trace } from "./run";

/** So many equal calls one after the other are shown as one. */
const MANY = 3;
/** Names longer than this may be cut: the line can be opened to read all of it. */
const LONG = 28;
/** Lines are moved in no further than this. */
const DEEPEST = 24;

/** The time that is drawn, ms from the sending of the request. */
interface Axis {
  from: number;
  until: number;
}

type Row = { span: Span; times: Span[] };

export function waterfall(trace: Trace): HTMLElement {
  const waited = Math.max(trace.from_due_ms - trace.from_send_ms, 0);
  const ends = trace.spans.map(({ from_send_ms, ms }) => from_send_ms + ms);
  const starts = trace.spans.map(({ from_send_ms }) => from_send_ms);
  const axis = {
    from: Math.min(-waited, ...starts),
    until: Math.max(trace.from_send_ms, ...ends),
  };
  const services = new Set(trace.spans.map(({ service }) => service)).size > 1;
  const list = el("ol", { class: "spans" }, client(trace, waited, axis));
  for (const row of rows(trace.spans)) list.append(item(row, axis, services));
  const left =
    trace.left_out > 0
      ? el("p", { class: "soft" }, `${count(trace.left_out)} more spans came and were not kept.`)
      : null;
  const id = el("p", { class: "soft" }, "Trace ", el("code", { class: "id" }, trace.id));
  return el("div", { class: "waterfall" }, list, left, id);
}

/** What katydid saw: the wait before it was sent, and the request. */
function client(trace: Trace, waited: number, axis: Axis): HTMLElement {
  const name = `${trace.method} ${trace.name}`;
  const bars = [bar(0, trace.from_send_ms, axis, "client")];
  if (waited > 0) bars.unshift(bar(-waited, waited, axis, "waited"));
  const what = waited > 0 ? "from due, as katydid saw it" : "as katydid saw it";
  const line = el(
    "div",
    { class: "line" },
    el("span", { class: "what", title: name }, name, " ", el("small", {}, what)),
    el("span", { class: "track" }, ...bars),
    el("span", { class: "ms" }, `${short(trace.from_due_ms)} ms`),
  );
  return el("li", { class: "span" }, line);
}

/** Spans in order; equal calls without parts of their own, one after the other, in one row. */
function rows(spans: Span[]): Row[] {
  const made: Row[] = [];
  spans.forEach((span, i) => {
    const last = made[made.length - 1];
    const next = spans[i + 1];
    const isLeaf = next === undefined || next.depth <= span.depth;
    if (last && isLeaf && equal(last.span, span)) last.times.push(span);
    else made.push({ span, times: [span] });
  });
  return made.flatMap((row) =>
    row.times.length >= MANY ? [row] : row.times.map((span) => ({ span, times: [span] })),
  );
}

/** Whether it begins when the one before it is over, as far as the digits that the page keeps tell. */
function isAfter({ from_send_ms }: Span, i: number, all: Span[]): boolean {
  const before = all[i - 1];
  if (before === undefined) return true;
  const end = before.from_send_ms + before.ms;
  return from_send_ms >= end - Math.abs(end) * 2e-4;
}

function equal(a: Span, b: Span): boolean {
  return (
    a.depth === b.depth &&
    a.name === b.name &&
    a.service === b.service &&
    a.text === b.text &&
    a.failed === b.failed &&
    a.about !== ""
  );
}

/** What a bar's colour says. */
export function aboutOf({ about, kind }: Span): string {
  return about || (kind === "server" ? "server" : "other");
}

function item({ span, times }: Row, axis: Axis, services: boolean): HTMLElement {
  const many = times.length > 1;
  const line = spanLine({ span, times }, axis, services);
  if (!many && !span.text && span.name.length <= LONG) {
    return el("li", { class: "span" }, el("div", { class: "line" }, ...line));
  }
  const more = el("details", { class: "span" }, el("summary", { class: "line" }, ...line));
  let filled = false;
  more.addEventListener("toggle", () => {
    if (filled) return;
    filled = true;
    more.append(...opened({ span, times }, axis, services));
  });
  return el("li", { class: "span" }, more);
}

/** Its name, its bars and how long it took. */
function spanLine({ span, times }: Row, axis: Axis, services: boolean): HTMLElement[] {
  const many = times.length > 1;
  const sum = times.reduce((all, { ms }) => all + ms, 0);
  const about = aboutOf(span) + (span.failed ? " failed" : "");
  const bars = times.map(({ from_send_ms, ms }) => bar(from_send_ms, ms, axis, about));
  const what = el("span", { class: "what", title: span.name });
  what.style.setProperty("--depth", String(Math.min(span.depth + 1, DEEPEST)));
  if (many) what.append(el("b", { class: "times" }, `${count(times.length)} ×`), " ");
  if (span.failed) what.append(el("b", { class: "fail" }, "failed"), " ");
  what.append(span.called === span.name ? span.name : el("code", {}, span.called));
  if (services) what.append(" ", el("small", {}, span.service));
  return [
    what,
    el("span", { class: "track" }, ...bars),
    el("span", { class: "ms" }, many ? `${short(sum)} ms in all` : `${short(sum)} ms`),
  ];
}

/** What stands below a line that is opened: all of its name and text; of equal calls each one. */
function opened({ span, times }: Row, axis: Axis, services: boolean): HTMLElement[] {
  const made: HTMLElement[] = [];
  const words = [span.name, span.service, span.kind, `from ${short(span.from_send_ms)} ms`];
  if (times.length === 1) made.push(el("p", { class: "soft" }, words.filter(Boolean).join(" · ")));
  if (span.text) made.push(block(span.text));
  if (times.length === 1) return made;
  const each = times.map(({ ms }) => ms);
  const [least, most] = [Math.min(...each), Math.max(...each)];
  const how = times.every(isAfter) ? "One after the other" : "In part side by side";
  const text = `${how}, ${short(least)} to ${short(most)} ms each.`;
  made.push(el("p", { class: "soft" }, text));
  const list = el("ol", { class: "spans each" });
  for (const one of times) {
    const line = spanLine({ span: one, times: [one] }, axis, services);
    list.append(el("li", { class: "span" }, el("div", { class: "line" }, ...line)));
  }
  made.push(list);
  return made;
}

function bar(from: number, ms: number, axis: Axis, about: string): HTMLElement {
  const width = Math.max(axis.until - axis.from, 1e-6);
  const made = el("i", { class: `beam ${about}` });
  made.style.left = `${((from - axis.from) / width) * 100}%`;
  made.style.width = `${(ms / width) * 100}%`;
  return made;
}
