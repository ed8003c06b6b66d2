// What each endpoint asks for, one request at a time: a row for each, which opens to its queries. Judges nothing.

import { statement } from "./cells";
import { el, endpointName, soft } from "./dom";
import { count, figures, NONE, short } from "./number";
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
  const every: Column[] = [
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
  // Those of the database stay: that nobody counted there is worth knowing.
  const says = ({ value }: Column) => all.some((of) => value(of) !== null);
  return every.filter((one) => one.head.group === database || says(one));
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
  const note = [besideIt(of), otherUsers(of)].filter(Boolean).join(" · ");
  if (note) made.note = note;
  const parts = [of.statements, firstOnly(of), alone(of), atOnce(of)];
  if (parts.some((part) => part.length > 0)) made.more = () => opened(of);
  return made;
}

/** `8 such requests`, for those that were made at once. */
function those({ together }: ProbedEndpoint): string {
  return `${together || "several"} such requests`;
}

/** What another endpoint takes while many ask for this one. */
function besideIt(of: ProbedEndpoint): string {
  if (of.beside === null) return "";
  const { endpoint, alone_ms, beside_ms } = of.beside;
  return `${endpoint} takes ${short(beside_ms)} ms beside ${those(of)} (${short(alone_ms)} alone)`;
}

function otherUsers({ other }: ProbedEndpoint): string {
  if (other === null || other.tries === 0) return "";
  const { tries, same, queries } = other;
  const user = tries === 1 ? "user" : "users";
  const run =
    queries === null
      ? ""
      : queries > 0
        ? `, with ${figures(queries)} ${queries === 1 ? "query" : "queries"} each`
        : ", without a query";
  return `${count(same)} of ${count(tries)} other ${user} got the same response${run}`;
}

/** Of a request that is made alone, what the table has no room for. */
function alone(of: ProbedEndpoint): string[] {
  const parts: string[] = [];
  if (of.first_queries !== null && of.first_queries !== of.queries)
    parts.push(`queries of the first request: ${figures(of.first_queries)}`);
  if (of.entries !== null)
    parts.push(`entries of the longest list in its response: ${figures(of.entries)}`);
  const commands = of.by_command.map((one) => `${figures(one.per_request)} ${one.name}`);
  if (commands.length > 0) parts.push(`commands of the cache: ${commands.join(", ")}`);
  const { hits, misses } = of;
  if (hits !== null && misses !== null && hits + misses > 0)
    parts.push(`keys it looked for: ${figures(hits)} found, ${figures(misses)} not`);
  return parts;
}

/** Of those that are made at once. */
function atOnce(of: ProbedEndpoint): string[] {
  const parts: string[] = [];
  if (of.slowest_together_ms !== null)
    parts.push(`the slowest took ${short(of.slowest_together_ms)} ms`);
  if (of.together_same !== null)
    parts.push(of.together_same ? "all got the same response" : "responses differed");
  const [one, many] = [of.alone_cpu, of.together_cpu];
  // What took too short is counted as none.
  if (many !== null && many > 0) {
    const before = one !== null && one > 0 ? ` (${short(one)} by one alone)` : "";
    parts.push(`${short(many)} processors in use${before}`);
  }
  return parts;
}

/** Queries that none of the later requests ran. */
function firstOnly({ ever, statements }: ProbedEndpoint): ProbedEndpoint["ever"] {
  const later = new Set(statements.map(({ text }) => text));
  return ever.filter(({ text }) => !later.has(text));
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
      query(of),
      figures(of.rows),
      figures(of.blocks),
      short(of.ms),
      ...(grows ? [of.per_entry === null ? "" : figures(of.per_entry)] : []),
    ],
    keys: [of.per_request, of.text, of.rows, of.blocks, of.ms, ...(grows ? [of.per_entry] : [])],
  }));
  return table(heads, rows, "queries");
}

/** With what its number of calls does, where that is known. */
function query({ text, per_request, request_ms, together }: ProbedStatement): HTMLElement {
  const parts: string[] = [];
  if (together !== null && Math.abs(together - per_request) >= 0.005)
    parts.push(`${figures(together)} per request when many are made at once`);
  if (request_ms !== null) parts.push(`each call makes the request ${short(request_ms)} ms longer`);
  const made = statement(text, LONG);
  return parts.length === 0 ? made : el("div", {}, made, el("small", {}, parts.join(" · ")));
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
  const first = firstOnly(of);
  const together = atOnce(of).join("; ");
  return el(
    "div",
    { class: "opened wide-opened" },
    ...(of.queries === null ? [] : queriesOf(of)),
    ...(first.length > 0 ? queriesOfFirst(first) : []),
    soft(alone(of).join(" · ")),
    soft(together && `${those(of)} at once: ${together}`),
  );
}

function queriesOf({ statements }: ProbedEndpoint): (HTMLElement | null)[] {
  return [
    el("h4", {}, "Queries of a request", el("small", {}, "rows, blocks and ms of each call")),
    statements.length > 0 ? queries(statements.slice(0, QUERIES)) : soft("None."),
    more(statements.length, QUERIES),
  ];
}

function queriesOfFirst(all: ProbedEndpoint["ever"]): (HTMLElement | null)[] {
  const heads: Head[] = [
    { name: "Calls", kind: "n" },
    { name: "Query", kind: "code" },
  ];
  const rows = all.slice(0, QUERIES).map(({ calls, text }) => ({
    cells: [figures(calls), statement(text, LONG)],
    keys: [calls, text],
  }));
  return [
    el("h4", {}, "Queries of the first request only"),
    table(heads, rows, "queries first"),
    more(all.length, QUERIES),
  ];
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
