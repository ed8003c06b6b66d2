// Pair by pair, what is judged first: before and after on one axis. Judges nothing.

import { amount, by, called } from "./amount";
import type { Change, Comparison } from "./comparison";
import { el } from "./dom";
import { type Axis, axis, dot, line, range, scaleOf } from "./range";
import type { Maybe } from "./run";
import { ticks } from "./scale";
import { type Head, more, type Row, table } from "./table";

const MOST = 100;
/** Where values differ by less than this, as a share, the axis does not begin with zero. */
const NEAR = 0.5;

function axisOf({ measure, pairs }: Change): Axis {
  const values = pairs.flat().filter((value) => value !== null && Number.isFinite(value));
  const known = values as number[];
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const room = (most - least) * 0.05;
  const low = least > NEAR * most ? least - room : Math.min(least, 0);
  const high = most + room || 1;
  const marks = ticks(low, high, 4).map((at) => ({ at, text: amount(measure, at) }));
  return axis(low, high, (value) => value, marks);
}

function picture(before: Maybe, after: Maybe, on: Axis, said: string): SVGElement | null {
  if (before === null || after === null) return null;
  const [a, b] = [on.at(before), on.at(after)];
  return range(
    said,
    line(Math.min(a, b), Math.max(a, b), "pair"),
    dot(a, "before"),
    dot(b, "after"),
  );
}

/** Of one pair; the summary has that of all. */
function changeOf(of: Change, before: Maybe, after: Maybe): Maybe {
  if (before === null || after === null) return null;
  return of.measure === "bad" ? after - before : after / before - 1;
}

/** Null where there were no pairs. */
export function pairSection({ changes }: Comparison): HTMLElement | null {
  const of = changes.find(({ primary, pairs }) => primary && pairs.length > 0);
  if (!of) return null;
  const on = axisOf(of);
  const rows: Row[] = of.pairs.slice(0, MOST).map(([before, after], i) => {
    const values = [amount(of.measure, before), amount(of.measure, after)];
    const change = changeOf(of, before, after);
    return {
      cells: [
        `${i + 1}`,
        ...values,
        by(of.measure, change),
        picture(before, after, on, values.join(" → ")),
      ],
      keys: [i, before, after, change, change],
    };
  });
  rows.push({ cells: ["", "", "", "", scaleOf(on)], keys: [], fixed: true, name: "scale" });
  const heads: Head[] = [
    { name: "Pair", kind: "n" },
    { name: "Before", kind: "n" },
    { name: "After", kind: "n" },
    { name: "Change", kind: "n" },
    { name: "", kind: "range", sorts: false },
  ];
  const phase = of.phase === null ? "" : ` in ${of.phase}`;
  const what = `${called(of)}${phase}`;
  return el(
    "section",
    { id: "pairs" },
    el("h2", {}, "Pair by pair", el("small", {}, what)),
    table(heads, rows, "pairs"),
    more(of.pairs.length, MOST, "comparison.json"),
    el("p", { class: "soft read" }, "Open: before. Filled: after."),
  );
}
