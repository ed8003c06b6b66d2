// Numbers as people read them, as `number.rs` writes them. Knows no units but those it writes.

import type { Maybe } from "./run";

/** Stands for what has no value. */
export const NONE = "–";

/** With thousands separated: `1,234`. */
export function count(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A count that may be a mean: whole where it is, to two places otherwise. */
export function figures(value: number): string {
  const whole = Math.round(value);
  if (Math.abs(value - whole) < 0.005 || value >= 100) return count(Math.max(whole, 0));
  return value.toFixed(2);
}

/** About three digits: `0.052`, `0.43`, `4.32`, `12.3`, `123`, `1,234`. */
export function short(value: Maybe): string {
  if (value === null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.0995) return value.toFixed(3);
  if (size < 9.995) return value.toFixed(2);
  if (size < 99.95) return value.toFixed(1);
  return (value < 0 ? "-" : "") + count(size);
}

/** A rate per second: what is not zero never reads as zero. */
export function rate(value: Maybe): string {
  return value !== null && value > 0 && value < 0.01 ? "<0.01" : short(value);
}

/** A ratio in percent: never rounded up to 100 or down to 0. */
export function percent(ratio: Maybe): string {
  if (ratio === null || !Number.isFinite(ratio)) return NONE;
  const value = ratio * 100;
  if (value > 0 && value < 0.01) return "<0.01 %";
  if (value >= 99.5 && value < 100) return ">99 %";
  if (value === 0 || value >= 9.95) return `${value.toFixed(0)} %`;
  return `${value.toFixed(value < 0.995 ? 2 : 1)} %`;
}

/** By how much something changed, with its sign: `−66 %`, `+4.2 %`, `×12`. */
export function change(ratio: Maybe): string {
  if (ratio === null || !Number.isFinite(ratio)) return NONE;
  if (ratio >= 9 && ratio < 1e15) return `×${count(ratio + 1)}`;
  const size = Math.abs(ratio * 100);
  const text = size.toFixed(size >= 9.95 ? 0 : 1);
  if (text === "0.0") return "0 %";
  return `${ratio < 0 ? "−" : "+"}${text} %`;
}

/** Bytes with a binary unit: `512 B`, `44.9 MiB`. */
export function bytes(n: Maybe): string {
  if (n === null || !Number.isFinite(n)) return NONE;
  const sign = n < 0 ? "-" : "";
  let value = Math.abs(n);
  if (value < 1024) return `${sign}${Math.round(value)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  value /= 1024;
  while (value >= 1000 && unit + 1 < units.length) {
    value /= 1024;
    unit += 1;
  }
  return `${sign}${short(value)} ${units[unit]}`;
}

/** A length of time: `0.8 s`, `42 s`, `5 min 3 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${Math.max(seconds, 0).toFixed(1).replace(/\.0$/, "")} s`;
  const whole = Math.round(seconds);
  const minutes = Math.round(seconds / 60);
  const [big, small, units] =
    whole < 3600
      ? [Math.floor(whole / 60), whole % 60, ["min", "s"]]
      : [Math.floor(minutes / 60), minutes % 60, ["h", "min"]];
  return small === 0 ? `${big} ${units[0]}` : `${big} ${units[0]} ${small} ${units[1]}`;
}

/** An instant of the run: `44 s`, `1:18`, `2:05:09`. */
export function instant(seconds: number): string {
  if (seconds < 60) return duration(Math.min(Math.max(seconds, 0), 59.9));
  const whole = Math.floor(seconds);
  const two = (n: number) => n.toString().padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours === 0
    ? `${minutes}:${two(whole % 60)}`
    : `${hours}:${two(minutes)}:${two(whole % 60)}`;
}

/** A value in a unit of the record: `%`, `s`, `ms`, `bytes`, `bytes/s`, `/s`, or what is counted. */
export function inUnit(value: Maybe, unit: string): string {
  if (value === null || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case "":
      return short(value);
    case "bytes":
      return bytes(value);
    case "bytes/s":
      return `${bytes(value)}/s`;
    case "/s":
      return `${rate(value)}/s`;
    default:
      return `${short(value)} ${unit}`;
  }
}

/** As in a column whose head has the unit. */
export function bare(value: number, unit: string): string {
  if (unit === "bytes" || unit === "bytes/s") return bytes(value);
  if (unit === "/s") return rate(value);
  return Number.isInteger(value) ? (value < 0 ? "-" : "") + count(Math.abs(value)) : short(value);
}
