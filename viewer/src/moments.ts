// When what happened: phases, events and marks of a run, as charts shade and name them. Knows no chart.

import { shorten } from "./dom";
import type { Mark, Summary } from "./summary";

export interface Stretch {
  name: string;
  from: number;
  until: number;
}

export interface Moment {
  name: string;
  at: number;
}

export interface Moments {
  phases: Stretch[];
  events: Moment[];
  marks: Moment[];
}

/** More marks than these are not drawn, only listed. */
const MARKS = 40;

export function momentsOf(summary: Summary): Moments {
  const end = summary.run.duration_s;
  const phases = summary.phases.map((phase) => ({
    name: shorten(phase.name, 24),
    from: phase.began_s,
    until: Math.max(phase.ended_s, phase.began_s),
  }));
  const events = summary.events
    .filter((event) => event.late_ms !== null)
    .map((event) => ({ name: shorten(event.name, 24), at: event.at_s }));
  const known = (mark: Mark) => /^(phase |end\b|event )/.test(mark.text);
  const marks = summary.marks
    .filter((mark) => !known(mark) && mark.at_s <= end)
    .map((mark) => ({ name: mark.text, at: mark.at_s }));
  return { phases, events, marks: marks.length > MARKS ? [] : marks };
}

/** The phase that is on at an instant. */
export function phaseAt(moments: Moments, at: number): string | null {
  return moments.phases.find(({ from, until }) => at >= from && at < until)?.name ?? null;
}

/** What happened within so many seconds of an instant. */
export function near(moments: Moments, at: number, within: number): string[] {
  const close = (moment: Moment) => Math.abs(moment.at - at) <= within;
  return [
    ...moments.events.filter(close).map(({ name }) => `▲ ${name}`),
    ...moments.marks.filter(close).map(({ name }) => shorten(name, 80)),
  ];
}
