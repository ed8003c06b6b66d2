// One request as a tree of spans on an axis of time. Draws what it is given; knows no other request.

import { block, el } from "./dom";
import { count, short } from "./number";
import type { Span, Trace } from "./run";

/** So many equal calls one after the other are shown as one. */
const MANY = 3;

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

function item({ span, times }: Row, axis: Axis, services: boolean): HTMLElement {
  const many = times.length > 1;
  const sum = times.reduce((all, { ms }) => all + ms, 0);
  const about = span.about || (span.kind === "server" ? "server" : "other");
  const bars = times.map(({ from_send_ms, ms }) => bar(from_send_ms, ms, axis, about));
  const what = el("span", { class: "what", title: span.name });
  what.style.setProperty("--depth", String(Math.min(span.depth + 1, 24)));
  if (many) what.append(el("b", { class: "times" }, `${count(times.length)} ×`), " ");
  if (span.failed) what.append(el("b", { class: "fail" }, "failed"), " ");
  what.append(...called(span));
  if (services) what.append(" ", el("small", {}, span.service));
  const line: [HTMLElement, HTMLElement, HTMLElement] = [
    what,
    el("span", { class: "track" }, ...bars),
    el("span", { class: "ms" }, many ? `${short(sum)} ms in all` : `${short(sum)} ms`),
  ];
  if (!span.text && !many) {
    return el("li", { class: "span" }, el("div", { class: "line" }, ...line));
  }
  const more = el("details", { class: "span" }, el("summary", { class: "line" }, ...line));
  if (span.text) more.append(block(span.text));
  if (many) {
    const each = times.map(({ ms }) => ms);
    const [least, most] = [Math.min(...each), Math.max(...each)];
    const text = `One after the other, ${short(least)} to ${short(most)} ms each.`;
    more.append(el("p", { class: "soft" }, text));
  }
  return el("li", { class: "span" }, more);
}

/** Its name; of a statement what tells it from others, which columns do not. */
function called({ name, about, text }: Span): (HTMLElement | string)[] {
  if (about !== "db" || !text.includes(" ")) return [name];
  const short = text.replace(/^(\s*select)\b.*?\bfrom\b/is, "$1 … FROM");
  return [el("code", {}, short.slice(0, 160))];
}

function bar(from: number, ms: number, axis: Axis, about: string): HTMLElement {
  const width = Math.max(axis.until - axis.from, 1e-6);
  const made = el("i", { class: `beam ${about}` });
  made.style.left = `${((from - axis.from) / width) * 100}%`;
  made.style.width = `${(ms / width) * 100}%`;
  return made;
}
