//! Experiments of a probe (`--experiment`): what its findings propose is built in the target, and dropped again; keys of a cache are deleted.
//!
//! Which requests are made meanwhile is for the probe; what came of it, for the analysis.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use katydid_analyze::{experiment, probe, rules};
use katydid_engine::clock;
use katydid_observe::{Indexes, Keys, Trouble};
use katydid_record::frame::{Body, Fact, Mark};
use katydid_record::probe::{ExperimentSummary, ProbedCold};
use katydid_record::redact::redact;
use katydid_record::{Finding, Timeline};
use serde::Serialize;

use super::{Live, said};
use crate::experiments;

/// Experiments of one probe.
const MOST: usize = 3;

/// An experiment that can be made.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Its number.
    pub number: u32,
    /// What it is about: `orders (tenant_id, created_at DESC)`.
    pub about: String,
    /// Whom it should help: `GET /orders`.
    pub endpoints: Vec<String>,
}

/// Who can change what, as its address says; shared with threads that wait for it.
#[derive(Clone, Default)]
pub struct Hands {
    indexes: Arc<BTreeMap<String, Box<dyn Indexes>>>,
    keys: Arc<BTreeMap<String, Box<dyn Keys>>>,
    /// One thing at a time: what is being built when a probe is interrupted is dropped once it is there.
    busy: Arc<Mutex<()>>,
}

impl Hands {
    /// Those of all that is watched, by subject.
    pub fn new(
        indexes: BTreeMap<String, Box<dyn Indexes>>,
        keys: BTreeMap<String, Box<dyn Keys>>,
    ) -> Self {
        Self {
            indexes: Arc::new(indexes),
            keys: Arc::new(keys),
            busy: Arc::default(),
        }
    }

    /// Builds what an experiment is about, or drops it. It says what it did, or in `problem` why it could not.
    pub fn set(&self, made: &mut ExperimentSummary, there: bool) {
        made.undone = false;
        made.problem.clear();
        let _alone = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(indexes) = self.indexes.get(&made.change.on) else {
            "nothing can be built in it".clone_into(&mut made.problem);
            return;
        };
        let done = if there {
            indexes.build(&made.change).map(|built| {
                made.took_s = Some(built.took.as_secs_f64());
                made.bytes = Some(built.bytes);
            })
        } else {
            indexes.remove()
        };
        match done {
            Ok(()) => made.undone = !there,
            Err(trouble) => made.problem = redact(&trouble.to_string()),
        }
    }

    /// Drops what earlier experiments have left in what may be changed; why it could not, by subject.
    pub fn clear(&self, disposable: &[String]) -> Vec<String> {
        let _alone = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.indexes.iter();
        let allowed = all.filter(|(on, _)| experiments::may_be_changed(on, disposable));
        let left = allowed.filter_map(|(on, indexes)| {
            let why = indexes.remove().err()?;
            Some(redact(&format!("{on}: {why}")))
        });
        left.collect()
    }

    /// Caches whose keys may be deleted, by subject.
    pub fn caches(&self, disposable: &[String]) -> Vec<String> {
        let all = self.keys.keys();
        all.filter(|on| experiments::may_be_changed(on, disposable))
            .cloned()
            .collect()
    }

    /// A step of the search for the keys that a request is answered from ([`Keys::search`]), or why it cannot go on.
    pub fn search_keys(&self, on: &str) -> Result<bool, String> {
        self.with_keys(on, false, |keys| keys.search())
    }

    /// Deletes the keys that were found; why it could not.
    pub fn take_keys(&self, on: &str) -> Result<(), String> {
        self.with_keys(on, (), |keys| keys.take())
    }

    /// Ends a search before its end; why something is not back that it has taken.
    pub fn stop_search(&self, on: &str) -> Result<(), String> {
        self.with_keys(on, (), |keys| keys.stop())
    }

    fn with_keys<T>(
        &self,
        on: &str,
        otherwise: T,
        work: impl FnOnce(&dyn Keys) -> Result<T, Trouble>,
    ) -> Result<T, String> {
        let keys = self.keys.get(on);
        keys.map_or(Ok(otherwise), |keys| {
            work(keys.as_ref()).map_err(|trouble| {
                let opens = match trouble.remedy() {
                    "" => String::new(),
                    remedy => format!(" ({remedy})"),
                };
                redact(&format!("{on}: {trouble}{opens}"))
            })
        })
    }
}

impl Live {
    /// The experiments that findings so far propose and that may be made, `disposable` being what may be changed. Those that may not are told with why.
    pub fn plan_experiments(&mut self, disposable: &[String]) -> Vec<Planned> {
        self.freshen();
        let found = self.log.ask(|timeline: &Timeline| {
            let probe = probe::probe(timeline);
            rules::diagnose(timeline, probe.as_ref(), true).findings
        });
        let findings = found.map(|all| all.findings).unwrap_or_default();
        let mut planned = Vec::new();
        for finding in findings {
            planned.extend(self.plan_one(finding, disposable));
        }
        planned
    }

    fn plan_one(&mut self, finding: Finding, disposable: &[String]) -> Option<Planned> {
        let change = finding.change?;
        let number = self.experiments.len() as u32;
        let problem = if !experiments::may_be_changed(&change.on, disposable) {
            format!("{} is not declared disposable", change.on)
        } else if self
            .experiments
            .iter()
            .filter(|of| of.problem.is_empty())
            .count()
            >= MOST
        {
            format!("{MOST} are made at most")
        } else {
            String::new()
        };
        let may_be_made = problem.is_empty();
        self.experiments.push(ExperimentSummary {
            change,
            problem,
            undone: true,
            ..ExperimentSummary::default()
        });
        self.tell_experiment(number);
        may_be_made.then_some(Planned {
            number,
            about: finding.about,
            endpoints: finding.endpoints,
        })
    }

    /// What is known of an experiment; none has this number otherwise.
    pub fn experiment(&self, number: u32) -> Option<ExperimentSummary> {
        self.experiments.get(number as usize).cloned()
    }

    /// This is known of an experiment by now, also in the record. What should have been dropped and is there, is said.
    pub fn experiment_is(&mut self, number: u32, made: ExperimentSummary, there: bool) {
        if !there && !made.undone {
            let text = format!(
                "{}: the index katydid_experiment could not be dropped, and is still there: {}",
                made.change.on, made.problem
            );
            self.mark(Mark::Warning { text });
        }
        if let Some(known) = self.experiments.get_mut(number as usize) {
            *known = made;
        }
        self.tell_experiment(number);
    }

    /// An experiment did not come to its end; why.
    pub fn experiment_failed(&mut self, number: u32, why: &str) {
        if let Some(made) = self.experiments.get_mut(number as usize) {
            made.problem = redact(why);
        }
        self.tell_experiment(number);
    }

    /// Who can change what.
    pub fn hands(&self) -> Hands {
        self.hands.clone()
    }

    /// What is known of the keys that were deleted before bursts of an endpoint, also in the record: how many forms of them there are.
    pub fn cold(&mut self, on: &str, endpoint: &str, problem: &str) -> usize {
        let keys = self.hands.keys.get(on);
        let known = ProbedCold {
            keys: keys.map(|keys| keys.forms()).unwrap_or_default(),
            problem: redact(problem),
            ..ProbedCold::default()
        };
        self.tell(probe::COLD, endpoint, &known);
        known.keys.len()
    }

    /// Writes into the record what is known of an experiment by now.
    fn tell_experiment(&mut self, number: u32) {
        if let Some(made) = self.experiments.get(number as usize).cloned() {
            self.tell(experiment::FACT, &number.to_string(), &made);
        }
    }

    fn tell(&mut self, topic: &str, of: &str, what: &impl Serialize) {
        let fact = Fact {
            topic: topic.to_owned(),
            subject: of.to_owned(),
            text: serde_json::to_string(what).unwrap_or_default(),
        };
        let at = self.recorder.run_time(clock::now());
        self.sender.send(vec![said(at, 0, Body::Facts(vec![fact]))]);
    }
}
