// Value axes: where they begin and end, and whether they are logarithmic. Knows no drawing.

import type { ChartLine } from "./run";

/** How many times the largest value must exceed the smallest for a logarithmic axis. */
const LOG_FROM = 40;

/** The largest value, zero where there is none. */
export function largest(lines: ChartLine[]): number {
  let most = 0;
  for (const { values } of lines) {
    for (const value of values) if (value !== null && value > most) most = value;
  }
  return most;
}

/** Whether times span more than a linear axis can show. */
export function isLog(lines: ChartLine[]): boolean {
  let least = Number.POSITIVE_INFINITY;
  for (const { values } of lines) {
    for (const value of values) if (value !== null && value > 0 && value < least) least = value;
  }
  return largest(lines) >= least * LOG_FROM;
}

/** A round number at or above the value; of bytes a round number of binary units. */
export function roundUp(value: number, unit: string): number {
  if (!(value > 0)) return 1;
  if (unit.startsWith("bytes") && value >= 1024) {
    const size = 1024 ** Math.floor(Math.log(value) / Math.log(1024));
    return roundUp(value / size, "") * size;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  const step = steps.find((step) => step * power >= value * 0.999999) ?? 10;
  // Whole things are not divided.
  return power < 1 && isCounted(unit) ? Math.max(step * power, 1) : step * power;
}

function isCounted(unit: string): boolean {
  return !["", "%", "s", "ms", "bytes", "bytes/s", "/s"].includes(unit);
}

/** From zero, or below where values are, to above the largest; with the limit, unless that is far above. */
export function linearRange(
  least: number,
  most: number,
  limit: number | null,
  unit: string,
): [number, number] {
  const reach = limit !== null && most >= limit * 0.1 ? Math.max(most, limit * 1.04) : most;
  const top = roundUp(reach, unit);
  return [least < 0 ? -roundUp(-least, unit) : 0, limit !== null && reach > most ? reach : top];
}

/** From a round number below the smallest to one above the largest. */
export function logRange(least: number, most: number): [number, number] {
  if (!(least > 0)) return [0.1, 1];
  const power = 10 ** Math.floor(Math.log10(least * 1.0001));
  const low = [5, 2, 1].find((step) => step * power <= least * 1.001) ?? 1;
  return [low * power, Math.max(roundUp(most, ""), low * power * 10)];
}

/** Round numbers from `low` to `high`, about so many. */
export function ticks(low: number, high: number, about: number): number[] {
  const rough = (high - low) / Math.max(about, 1);
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((one) => one * power >= rough * 0.999) ?? 10) * power;
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); i += 1) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}
