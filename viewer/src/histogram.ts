// How response times are spread: bars on a logarithmic axis, with the percentiles that the summary has. Computes none.

import { el, svg } from "./dom";
import { count, short } from "./number";
import type { Latency } from "./summary";

const WIDTH = 640;
const HEIGHT = 132;
const TOP = 30;
const FLOOR = HEIGHT - 22;

/** `buckets` are upper ends in ms and counts; neighbours have a constant ratio. */
export function histogram(buckets: [number, number][], times: Latency): Element {
  const first = buckets[0];
  const last = buckets.at(-1);
  if (first === undefined || last === undefined) {
    return el("p", { class: "soft" }, "No request of it ended well.");
  }
  const ratio = buckets.length > 1 ? (buckets[1]?.[0] ?? 2) / first[0] : 2 ** 0.25;
  const [low, high] = [Math.log(first[0] / ratio), Math.log(last[0])];
  const x = (ms: number) =>
    8 + ((WIDTH - 16) * (Math.log(Math.max(ms, 1e-6)) - low)) / (high - low);
  const most = buckets.reduce((a, [, n]) => Math.max(a, n), 1);
  const picture = svg("svg", {
    class: "histogram",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
  });
  picture.setAttribute("aria-label", `${count(times.count)} response times, ms, logarithmic`);
  for (const [top, n] of buckets) {
    if (n === 0) continue;
    const [a, b] = [x(top / ratio), x(top)];
    const high = Math.max(((FLOOR - TOP) * n) / most, 1);
    const bar = svg("rect", {
      x: a + 0.5,
      y: FLOOR - high,
      width: Math.max(b - a - 1, 0.5),
      height: high,
    });
    const said = `${short(top / ratio)} to ${short(top)} ms: ${count(n)}`;
    bar.append(svg("title", {}, said));
    picture.append(bar);
  }
  picture.append(svg("path", { class: "floor", d: `M8 ${FLOOR}H${WIDTH - 8}` }));
  for (const ms of ticks(Math.exp(low), Math.exp(high))) {
    const at = x(ms).toFixed(1);
    picture.append(svg("path", { class: "floor", d: `M${at} ${FLOOR}v4` }));
    picture.append(
      svg("text", { x: at, y: HEIGHT - 6, "text-anchor": "middle" }, `${tickText(ms)} ms`),
    );
  }
  picture.append(...percentiles(times, x));
  return el("div", {}, picture);
}

function percentiles(times: Latency, x: (ms: number) => number): Element[] {
  const marks: Element[] = [];
  let free = 0;
  for (const name of ["p50", "p95", "p99"] as const) {
    const ms = times[name];
    if (ms === null || ms <= 0) continue;
    const at = x(ms);
    const wide = times.wide.includes(name) ? "~" : "";
    marks.push(svg("path", { class: "percentile", d: `M${at.toFixed(1)} ${TOP - 8}V${FLOOR}` }));
    // Names take turns in two lines where they would touch.
    const line = at < free ? 10 : 20;
    free = line === 20 ? at + 76 : free;
    const flip = at > WIDTH - 76;
    marks.push(
      svg(
        "text",
        {
          class: "percentile",
          x: (flip ? at - 3 : at + 3).toFixed(1),
          y: line,
          "text-anchor": flip ? "end" : "start",
        },
        `${name} ${wide}${short(ms)}`,
      ),
    );
  }
  return marks;
}

function ticks(low: number, high: number): number[] {
  const found: number[] = [];
  const decades = Math.log10(high / low);
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const m of decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7]) {
      const ms = m * 10 ** power;
      if (ms >= low * 1.02 && ms <= high * 0.98) found.push(ms);
    }
  }
  return found;
}

function tickText(ms: number): string {
  return ms >= 1000 ? count(ms) : String(Number(ms.toPrecision(3)));
}
