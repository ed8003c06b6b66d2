// A line the size of a word. Knows no axis: the largest value is as high as there is room.

import { svg } from "./dom";
import type { Maybe } from "./run";

const WIDTH = 84;
const HEIGHT = 20;

/** Null where there is nothing to draw. `low` is the value at the bottom. */
export function spark(values: Maybe[], name: string, label: string): SVGElement | null {
  const most = values.reduce<number>((a, b) => (b !== null && b > a ? b : a), 0);
  if (values.length < 2 || most <= 0) return null;
  const x = (i: number) => 1 + ((WIDTH - 2) * i) / (values.length - 1);
  const y = (value: number) => HEIGHT - 1.5 - (HEIGHT - 3) * (value / most);
  let path = "";
  let pen = "M";
  values.forEach((value, i) => {
    if (value === null) {
      pen = "M";
      return;
    }
    path += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    // A lone point becomes a dot.
    if (pen === "M" && (values[i + 1] ?? null) === null) path += "h0.01";
    pen = "L";
  });
  const line = svg("path", { d: path });
  return svg(
    "svg",
    {
      class: `spark ${name}`,
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: WIDTH,
      height: HEIGHT,
      role: "img",
      "aria-label": label,
    },
    line,
  );
}
