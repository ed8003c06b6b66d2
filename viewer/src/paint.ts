// What charts show besides their lines: phases, events, marks, what was not seen, the limit. Knows no values.

import type uPlot from "uplot";
import type { Moments } from "./moments";
import type { Loss } from "./summary";
import { colour, faint } from "./theme";

/** Names nearer than this to the last one are left out, CSS pixels. */
const ROOM = 6;

interface Sheet {
  at: CanvasRenderingContext2D;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Device pixels of one CSS pixel. */
  ratio: number;
  x(seconds: number): number;
}

function sheet(u: uPlot): Sheet {
  const { left, top, width, height } = u.bbox;
  const ratio = devicePixelRatio;
  return {
    at: u.ctx,
    left,
    top,
    right: left + width,
    bottom: top + height,
    ratio,
    x: (seconds) => Math.min(Math.max(u.valToPos(seconds, "x", true), left), left + width),
  };
}

function font(s: Sheet, weight = 400): void {
  s.at.font = `${weight} ${11 * s.ratio}px system-ui, sans-serif`;
  s.at.textBaseline = "alphabetic";
}

/** A text that can be read over lines and areas. */
function over(s: Sheet, text: string, x: number, y: number, ink: string): void {
  s.at.strokeStyle = faint("paper", 0.85);
  s.at.lineWidth = 4 * s.ratio;
  s.at.lineJoin = "round";
  s.at.strokeText(text, x, y);
  s.at.fillStyle = ink;
  s.at.fillText(text, x, y);
}

function upright(s: Sheet, x: number, dash: number[], stroke: string): void {
  s.at.strokeStyle = stroke;
  s.at.lineWidth = s.ratio;
  s.at.setLineDash(dash.map((d) => d * s.ratio));
  s.at.beginPath();
  s.at.moveTo(x, s.top);
  s.at.lineTo(x, s.bottom);
  s.at.stroke();
  s.at.setLineDash([]);
}

/** Below the lines: phases in turn lighter and darker, and when nothing was seen. */
export function paintBelow(u: uPlot, moments: Moments, losses: Loss[]): void {
  const s = sheet(u);
  s.at.save();
  moments.phases.forEach(({ from, until }, i) => {
    const [a, b] = [s.x(from), s.x(until)];
    if (b <= a) return;
    if (i % 2 === 1) {
      s.at.fillStyle = colour("band");
      s.at.fillRect(a, s.top, b - a, s.bottom - s.top);
    }
  });
  for (const { from_s, until_s } of losses) {
    const end = until_s ?? u.scales.x?.max ?? from_s;
    const [a, b] = [s.x(from_s), Math.max(s.x(end), s.x(from_s) + s.ratio)];
    hatch(s, a, b);
  }
  s.at.restore();
}

function hatch(s: Sheet, from: number, until: number): void {
  s.at.save();
  s.at.beginPath();
  s.at.rect(from, s.top, until - from, s.bottom - s.top);
  s.at.fillStyle = faint("soft", 0.1);
  s.at.fill();
  s.at.clip();
  s.at.strokeStyle = faint("soft", 0.45);
  s.at.lineWidth = s.ratio;
  const height = s.bottom - s.top;
  s.at.beginPath();
  for (let x = from - height; x < until; x += 7 * s.ratio) {
    s.at.moveTo(x, s.bottom);
    s.at.lineTo(x + height, s.top);
  }
  s.at.stroke();
  s.at.restore();
  s.at.fillStyle = colour("soft");
  font(s);
  const text = "not seen";
  if (s.at.measureText(text).width + 8 * s.ratio < until - from) {
    s.at.fillText(text, from + 4 * s.ratio, s.bottom - 5 * s.ratio);
  }
}

/** Above the lines: names of phases, events, marks, the limit. What the limit is stands in the head: here it would lie over values. */
export function paintAbove(u: uPlot, moments: Moments, limit: number | null): void {
  const s = sheet(u);
  const [low, high] = [u.scales.x?.min ?? 0, u.scales.x?.max ?? 0];
  s.at.save();
  font(s);
  s.at.textAlign = "left";
  const room = ROOM * s.ratio;
  let free = s.left;
  for (const { name, from, until } of moments.phases) {
    if (until <= low || from >= high) continue;
    const x = s.x(from);
    const wide = s.at.measureText(name).width;
    if (from > low) upright(s, x, [2, 3], faint("soft", 0.6));
    if (x + 4 * s.ratio < free || x + wide > s.right || wide > s.x(until) - x + 20 * s.ratio)
      continue;
    s.at.fillStyle = colour("soft");
    s.at.fillText(name, x + 4 * s.ratio, s.top - 5 * s.ratio);
    free = x + wide + room;
  }
  for (const { at } of moments.marks) {
    if (at >= low && at <= high) upright(s, s.x(at), [1, 4], faint("soft", 0.8));
  }
  free = s.left;
  const y = limit === null ? -1 : u.valToPos(limit, "y", true);
  const below =
    y >= s.top - 1 && y - s.top < 16 * s.ratio ? y + 14 * s.ratio : s.top + 11 * s.ratio;
  for (const { name, at } of moments.events) {
    if (at < low || at > high) continue;
    const x = s.x(at);
    upright(s, x, [], colour("warn"));
    const text = `▲ ${name}`;
    const wide = s.at.measureText(text).width;
    const left = x + wide + room > s.right ? x - wide - room : x + 4 * s.ratio;
    if (left < free) continue;
    over(s, text, left, below, colour("warn"));
    free = left + wide + room;
  }
  if (limit !== null) paintLimit(s, u, limit);
  s.at.restore();
}

function paintLimit(s: Sheet, u: uPlot, limit: number): void {
  const y = u.valToPos(limit, "y", true);
  if (!(y >= s.top - 1 && y <= s.bottom)) return;
  s.at.strokeStyle = colour("fail");
  s.at.lineWidth = 1.25 * s.ratio;
  s.at.setLineDash([6 * s.ratio, 4 * s.ratio]);
  s.at.beginPath();
  s.at.moveTo(s.left, y);
  s.at.lineTo(s.right, y);
  s.at.stroke();
  s.at.setLineDash([]);
}
