// What each endpoint asks for, one request at a time: a row for each, which opens to its queries. Judges nothing.

import { statement } from "./cells";
import { el, endpointName, soft } from "./dom";
import { figures, NONE, short } from "./number";
import type { Maybe, Run } from "./run";
import type { ProbedEndpoint, ProbedStatement } from "./summary";
import { type Head, more, type Row, table } from "./table";

/** Queries of an endpoint that are shown. */
const QUERIES = 50;
/** Characters of a query that are shown before it opens: four lines. */
const LONG = 360;

interface Column {
  head: Head;
  value: (of: ProbedEndpoint) => Maybe;
  say: (value: Maybe) => string;
}

/** A count that may be a mean, or nothing where nobody counted. */
function counted(value: Maybe): string {
  return value === null ? NONE : figures(value);
}

function columns(all: ProbedEndpoint[]): Column[] {
  const column = (
    name: string,
    group: string,
    say: Column["say"],
    value: Column["value"],
  ): Column => ({ head: { name, group, kind: "n" }, value, say });
  const [time, database, cache] = ["time, ms", "database", "cache"];
  const together = Math.max(...all.map((of) => of.together));
  const failed = column("Failed", "", counted, (of) => of.failed);
  return [
    column("Asked", "", counted, (of) => of.requests),
    ...(all.some((of) => of.failed > 0) ? [failed] : []),
    column("first", time, short, (of) => of.first_ms),
    column("then", time, short, (of) => of.median_ms),
    column(`${together || "many"} at once`, time, short, (of) => of.together_ms),
    column("queries", database, counted, (of) => of.queries),
    column("rows", database, counted, (of) => of.rows),
    column("blocks", database, counted, (of) => of.blocks),
    column("ms", database, short, (of) => of.database_ms),
    column("commands", cache, counted, (of) => of.commands),
    column("misses", cache, counted, (of) => of.misses),
    column("new keys", cache, counted, (of) => of.new_keys),
  ];
}

function row(of: ProbedEndpoint, columns: Column[]): Row {
  const cell = ({ head, value, say }: Column) => {
    const found = value(of);
    if (found === null) return el("span", { class: "none", title: "not known" }, NONE);
    if (head.name !== "Failed") return say(found);
    return el("span", { class: found > 0 ? "fail" : "none" }, say(found));
  };
  const made: Row = {
    cells: [endpointName(of.method, "", of.name), ...columns.map(cell)],
    keys: [of.name, ...columns.map(({ value }) => value(of))],
  };
  if (of.statements.length > 0 || of.by_command.length > 0) made.more = () => opened(of);
  return made;
}

/** What a request runs, and what each call of it takes. */
function queries(all: ProbedStatement[]): HTMLElement {
  const grows = all.some((of) => of.per_entry !== null);
  const heads: Head[] = [
    { name: "Calls", kind: "n" },
    { name: "Query", kind: "code" },
    { name: "Rows", kind: "n" },
    { name: "Blocks", kind: "n" },
    { name: "ms", kind: "n" },
    ...(grows ? [{ name: "Calls per entry", kind: "n" as const }] : []),
  ];
  const rows = all.map((of) => ({
    cells: [
      calls(of),
      statement(of.text, LONG),
      figures(of.rows),
      figures(of.blocks),
      short(of.ms),
      ...(grows ? [of.per_entry === null ? "" : figures(of.per_entry)] : []),
    ],
    keys: [of.per_request, of.text, of.rows, of.blocks, of.ms, ...(grows ? [of.per_entry] : [])],
  }));
  return table(heads, rows, "queries");
}

/** With the fewest and the most, where requests differ. */
function calls({ per_request, least, most }: ProbedStatement): HTMLElement | string {
  const some = figures(per_request);
  if (least === most) return some;
  const range = `${figures(least)} to ${figures(most)}`;
  return el("span", {}, some, el("small", {}, range));
}

/** What stands beneath an endpoint when it is opened. */
function opened(of: ProbedEndpoint): HTMLElement {
  const parts: string[] = [];
  if (of.first_queries !== null && of.first_queries !== of.queries)
    parts.push(`queries of the first request: ${figures(of.first_queries)}`);
  if (of.entries !== null)
    parts.push(`entries of the longest list in its response: ${figures(of.entries)}`);
  const commands = of.by_command.map((one) => `${figures(one.per_request)} ${one.name}`);
  if (commands.length > 0) parts.push(`commands of the cache: ${commands.join(", ")}`);
  const shown = of.statements.slice(0, QUERIES);
  return el(
    "div",
    { class: "opened wide-opened" },
    el("h4", {}, "Queries of a request", el("small", {}, "rows, blocks and ms of each call")),
    shown.length > 0 ? queries(shown) : soft("None."),
    more(of.statements.length, QUERIES),
    soft(parts.join(" · ")),
  );
}

/** Null where nothing was probed. */
export function probeSection({ summary, texts }: Run): HTMLElement | null {
  const all = summary.probe?.endpoints ?? [];
  if (all.length === 0) return null;
  const shown = columns(all);
  const heads: Head[] = [{ name: "Endpoint", kind: "endpoint" }, ...shown.map(({ head }) => head)];
  const rows = all.map((of) => row(of, shown));
  return el(
    "section",
    { id: "probe" },
    el("h2", {}, "One request"),
    soft(texts.probe),
    table(heads, rows, "endpoints"),
    soft(texts.background),
  );
}
