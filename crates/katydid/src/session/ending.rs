//! How a session ends: the last frames, the exit code, the files.

use katydid_analyze::exit_code::{Outcome, exit_code, worst};
use katydid_analyze::search::told;
use katydid_analyze::{Ending, events, slo, summarize, validity, verdict};
use katydid_engine::clock;
use katydid_record::Timeline;
use katydid_record::frame::{Body, Mark};
use katydid_record::summary::SloOutcome;
use serde::{Deserialize, Serialize};

use super::github::GitHub;
use super::log::Finished;
use super::outputs::Outputs;
use super::{Live, SessionError, said};
use crate::config::Surroundings;

/// How a session is to end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Closing {
    /// `run-time`, `interrupted`, `terminated`, `done`, `quit`.
    pub reason: String,
    /// `environment.process_exit_code`.
    pub script_exit_code: Option<i32>,
    /// `--strict`.
    pub strict: bool,
    /// `--exit-code-on-error`.
    pub exit_code_on_error: Option<i32>,
    /// A listener or greenlet raised.
    pub unhandled: bool,
    /// Failed requests or exceptions, as far as the script knows.
    pub has_errors: bool,
    /// What to write, and where.
    #[serde(flatten)]
    pub outputs: Outputs,
}

/// The end of a session.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    /// For the process.
    pub exit_code: i32,
    /// Where the run was saved.
    pub run_dir: Option<String>,
    /// Whether the generator kept up.
    pub valid: bool,
    /// Of a worker: why its record is not whole.
    pub problems: Vec<String>,
}

impl Live {
    fn end_watch(&mut self) {
        // The slowest of the last second are named before the spans that are still on their way are waited for.
        self.cut(clock::now());
        if let Some(watching) = self.watching.take()
            && !watching.finish()
        {
            let late = "the end of the run was not seen of everything that was watched: an observer did not come to its end";
            self.problems.push(late.to_owned());
        }
    }

    fn end_log(&mut self) -> Option<Finished> {
        if let Some(mut export) = self.export.take() {
            export.finish();
        }
        self.log.finish()
    }

    /// Ends the run: no request survives this, everything is written, and the exit code is decided.
    pub fn finish(&mut self, closing: &Closing) -> Result<Ended, SessionError> {
        if std::mem::replace(&mut self.over, true) {
            return Err(SessionError::Over);
        }
        self.hooks.stop();
        let engine = self.engine.stop();
        self.count_unseen();
        if !self.readers.join() {
            let late = "not all that workers sent was read: the end of their frames is missing";
            self.problems.push(late.to_owned());
        }
        self.end_watch();
        let now = clock::now();
        self.cut(now);
        let manifest = self.manifest.clone();
        let health = self.log.ask(move |timeline: &Timeline| {
            let total = Timeline::total(&timeline.endpoints);
            let valid = validity::of_plan(timeline, &manifest.plan, &total).valid;
            (
                valid,
                total.failed > 0,
                has_exceptions(timeline),
                match timeline.aborted {
                    Some(_) => Some(SloOutcome::Fail),
                    None => worst(&slo::judge(timeline, &manifest.plan, valid))
                        .or_else(|| told::outcome(timeline, &manifest.plan)),
                },
                timeline.aborted.is_some(),
                events::any_failed(timeline) || !timeline.workers_lost.is_empty(),
            )
        });
        let (valid, failed, raised, objectives, aborted, degraded) =
            health.unwrap_or((false, true, true, None, false, false));
        let reason = if aborted {
            "aborted".to_owned()
        } else {
            closing.reason.clone()
        };
        let outcome = |more| Outcome {
            invalid: !valid,
            degraded: more || degraded,
            slos: objectives,
            strict: closing.strict,
            script: closing.script_exit_code,
            failures: failed || raised || closing.has_errors,
            on_failures: closing.exit_code_on_error.unwrap_or(1),
            unhandled: closing.unhandled,
        };
        let mark = Mark::End {
            reason,
            exit_code: exit_code(&outcome(engine.is_err())),
        };
        let at = self.recorder.run_time(now);
        self.sender.send_all(vec![said(at, 0, Body::Mark(mark))]);
        let mut finished = self.end_log().ok_or(SessionError::Over)?;
        finished.problems.append(&mut self.problems);
        if self.worker.is_some() {
            return Ok(Ended {
                exit_code: exit_code(&outcome(!finished.problems.is_empty())),
                run_dir: None,
                valid,
                problems: finished.problems,
            });
        }
        let mut notes = finished.problems;
        if let Err(error) = engine {
            notes.push(error.to_string());
        }
        let ending = Ending {
            complete: notes.is_empty(),
            notes,
        };
        let mut summary = summarize(&self.manifest, &finished.timeline, &ending);
        summary.run.exit_code = exit_code(&outcome(!ending.complete));
        verdict::write(&mut summary);
        let run_dir = self.run_dir.as_deref();
        let problems = closing.outputs.write(
            &self.manifest,
            &finished.timeline,
            &mut summary,
            run_dir,
            &GitHub::around(&Surroundings::of_process()),
        );
        let exit_code = if problems.is_empty() {
            summary.run.exit_code
        } else {
            exit_code(&outcome(true))
        };
        let run_dir = run_dir.map(|dir| dir.display().to_string());
        Ok(Ended {
            exit_code,
            run_dir,
            valid,
            problems: Vec::new(),
        })
    }
}

fn has_exceptions(timeline: &Timeline) -> bool {
    timeline
        .marks
        .values()
        .any(|mark| matches!(mark, Mark::Exception { .. }))
}
