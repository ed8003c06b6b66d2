// The page: reads what is in it, makes the sections of a run, and connects what they share. Knows none of them from inside.

import "uplot/dist/uPlot.min.css";
import "./style/page.css";
import "./style/tables.css";
import "./style/charts.css";
import "./style/findings.css";
import "./style/splits.css";
import "./style/traces.css";
import "./style/search.css";
import "./style/compared.css";
import "./style/print.css";
import * as about from "./about";
import { Board } from "./board";
import { showComparison } from "./compared";
import { endpointSection, phaseSection } from "./endpoints";
import { findingSection } from "./findings";
import * as happened from "./happened";
import { layOut, type Part } from "./layout";
import { loadSection } from "./load";
import { type Moments, momentsOf } from "./moments";
import { PhaseChoice } from "./phase";
import { probeSection } from "./probe";
import { type Run, readPage } from "./run";
import { searchSection } from "./search";
import { shortName, sourceSection } from "./source";
import { littleSection, splitSection } from "./split";
import { startTheme } from "./theme";
import { traceSection } from "./traces";

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
    ["Search", searchSection(run)],
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
  const filter = () => document.getElementById("filter")?.focus();
  const page = {
    name: texts.name,
    head: about.head(run),
    parts: parts(run, board, moments, choice),
    foot: `Run ${summary.run.id} · katydid ${summary.run.tool_version}`,
    board,
    moments,
    tools: [choice.select()],
    keys: [{ keys: ["/"], does: "filter endpoints", act: filter }],
  };
  layOut(page, app);
}

startTheme();
const app = document.getElementById("app");
const page = readPage();
if (app && page) {
  if ("comparison" in page) showComparison(page, app);
  else show(page, app);
}
