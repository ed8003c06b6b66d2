// The page: reads the run, lays out its sections, and connects what they share. Knows none of them from inside.

import "uplot/dist/uPlot.min.css";
import "./style/page.css";
import "./style/tables.css";
import "./style/charts.css";
import "./style/findings.css";
import "./style/splits.css";
import "./style/traces.css";
import "./style/print.css";
import * as about from "./about";
import { Board } from "./board";
import { button, el } from "./dom";
import { endpointSection, phaseSection } from "./endpoints";
import { findingSection } from "./findings";
import * as happened from "./happened";
import { startKeys } from "./keys";
import { loadSection } from "./load";
import { type Moments, momentsOf, near, phaseAt } from "./moments";
import { Nav, type Stop } from "./nav";
import { instant } from "./number";
import { PhaseChoice } from "./phase";
import { probeSection } from "./probe";
import { type Run, readRun } from "./run";
import { shortName, sourceSection } from "./source";
import { littleSection, splitSection } from "./split";
import { nextTheme, onTheme, startTheme, themeButton } from "./theme";
import { traceSection } from "./traces";

type Part = [name: string, section: HTMLElement | null];

function parts(run: Run, board: Board, moments: Moments, choice: PhaseChoice): Part[] {
  const { summary } = run;
  const { target } = summary;
  const kinds = target.map(shortName);
  const sources = target.map((one, i): Part => {
    const name = kinds[i] ?? "";
    const double = kinds.filter((kind) => kind === name).length > 1;
    const said = double ? one.subject : name;
    return [said, sourceSection(one, run.view.target[i], `source-${i}`, board, moments, choice)];
  });
  const asked: Part = ["One request", probeSection(run)];
  const alone = summary.run.command === "probe";
  return [
    ["Findings", findingSection(run)],
    ...(alone ? [asked] : []),
    ["Where the time goes", splitSection(run)],
    ["Objectives", happened.objectives(run)],
    ["Load", loadSection(run, board, moments)],
    ...sources,
    ["Generator", about.generator(run, board, moments)],
    ["Little’s law", littleSection(run)],
    ["Drift", happened.drifts(run)],
    ["Endpoints", endpointSection(run, choice)],
    ...(alone ? [] : [asked]),
    ["Phases", phaseSection(run)],
    ["Events", happened.events(run)],
    ["Failures", happened.failures(run)],
    ["Failing responses", happened.failingResponses(run)],
    ["Exceptions", happened.exceptions(run)],
    ["Slowest requests", happened.slowest(run)],
    ["Traces", traceSection(run, choice)],
    ["Plan", about.plan(run)],
    ["Machine", about.machine(run)],
    ["What happened", happened.marks(run)],
    ["Notes", happened.notes(run)],
    ["Method", about.method(run)],
  ];
}

/** The instant under the cursor, in words; and what is zoomed in on. */
function reading(board: Board, moments: Moments): HTMLElement {
  const at = el("output", { class: "at", "aria-live": "off" });
  const reset = button("Reset zoom", "Show the whole run (Esc)", () => board.reset(), "reset");
  const say = () => {
    reset.hidden = !board.zoomed;
    const [from, until] = board.range;
    const zoomed = board.zoomed ? `${instant(from)} to ${instant(until)}` : "";
    if (board.cursor === null) at.textContent = zoomed;
    else {
      const phase = phaseAt(moments, board.cursor);
      const close = near(moments, board.cursor, (until - from) / 150);
      at.textContent = [`at ${instant(board.cursor)}`, phase, ...close].filter(Boolean).join(" · ");
    }
  };
  board.onChange(say);
  say();
  return el("div", { class: "reading" }, at, reset);
}

/** Paper has nothing to open: all is open while it is printed, but of traces those that the reader left open. */
function openForPrint(): void {
  const closed = "details:not([open], .trace, .trace:not([open]) *)";
  let opened: HTMLDetailsElement[] = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>(closed)];
    for (const one of opened) {
      one.open = true;
      one.classList.add("printed");
      // What is filled when it opens would be told too late.
      one.dispatchEvent(new Event("toggle"));
    }
  });
  addEventListener("afterprint", () => {
    for (const one of opened) {
      one.open = false;
      one.classList.remove("printed");
    }
  });
}

function show(run: Run, app: HTMLElement): void {
  const { summary, texts } = run;
  const board = new Board(Math.max(summary.run.duration_s, 1));
  const moments = momentsOf(summary);
  const names = texts.phases.map(({ place }) => summary.phases[place]?.name ?? "");
  const choice = new PhaseChoice([...new Set(names)]);
  document.body.classList.toggle(
    "invalid",
    texts.banners.some(({ tone }) => tone === "bad"),
  );
  openForPrint();
  const main = el("main", {}, about.head(run));
  const stops: Stop[] = [{ id: "top", name: "Summary" }];
  for (const [name, section] of parts(run, board, moments, choice)) {
    if (section === null) continue;
    main.append(section);
    stops.push({ id: section.id, name, inner: section.classList.contains("source") });
  }
  main.append(el("footer", {}, `Run ${summary.run.id} · katydid ${summary.run.tool_version}`));
  const nav = new Nav(stops);
  const help = startKeys([
    { keys: ["j"], does: "next section", act: () => nav.go(1) },
    { keys: ["k"], does: "section before", act: () => nav.go(-1) },
    {
      keys: ["/"],
      does: "filter endpoints",
      act: () => document.getElementById("filter")?.focus(),
    },
    { keys: ["Escape"], does: "show the whole run in the charts", act: () => board.reset() },
    { keys: ["t"], does: "light, dark, or as the system", act: nextTheme },
  ]);
  const tools = el(
    "div",
    { class: "tools" },
    reading(board, moments),
    choice.select(),
    themeButton(),
    button("?", "Keys", help, "help"),
  );
  app.append(
    el("div", { class: "side" }, nav.place),
    el("div", { class: "bar" }, el("strong", {}, texts.name), tools),
    main,
  );
  onTheme(() => board.recolour());
  nav.follow();
  document.documentElement.dataset.ready = "true";
}

startTheme();
const app = document.getElementById("app");
const run = readRun();
if (app && run) show(run, app);
