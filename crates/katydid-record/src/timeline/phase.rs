//! Totals of one phase.

use std::collections::BTreeMap;

use super::{EndpointKey, Generators};
use crate::frame::{EndpointWindow, Frame, Kind, PhaseId, RunTime};
use crate::histogram::Gathered;

/// Phases kept apart; a shape that changes every second makes more than anybody reads.
pub const PHASES: PhaseId = 100;

/// What was seen while one phase was on.
#[derive(Clone, Debug, Default)]
pub struct PhaseTotals {
    /// Its name.
    pub name: String,
    /// `ramp`, `hold`, `spike`…
    pub kind: String,
    /// When it began, µs; `None` until that is known.
    pub began: Option<RunTime>,
    /// End of its last window, µs.
    pub last: RunTime,
    /// Totals by endpoint, without failures' texts.
    pub endpoints: BTreeMap<EndpointKey, PhaseEndpoint>,
    /// The generator's health in it.
    pub generators: Generators,
}

/// Totals of one endpoint in one phase.
#[derive(Clone, Debug, Default)]
pub struct PhaseEndpoint {
    /// Its counts; histograms are empty here.
    pub counts: EndpointWindow,
    from_due: Gathered,
    from_send: Gathered,
    failed_from_due: Gathered,
    aborted_age: Gathered,
    connect: Gathered,
    tls: Gathered,
}

impl PhaseEndpoint {
    fn add(&mut self, window: &EndpointWindow) {
        self.counts.count(window);
        self.from_due.add(&window.from_due);
        self.from_send.add(&window.from_send);
        self.failed_from_due.add(&window.failed_from_due);
        self.aborted_age.add(&window.aborted_age);
        self.connect.add(&window.connect);
        self.tls.add(&window.tls);
    }

    /// As one long window.
    pub fn window(&self) -> EndpointWindow {
        EndpointWindow {
            from_due: self.from_due.to_sparse(),
            from_send: self.from_send.to_sparse(),
            failed_from_due: self.failed_from_due.to_sparse(),
            aborted_age: self.aborted_age.to_sparse(),
            connect: self.connect.to_sparse(),
            tls: self.tls.to_sparse(),
            ..self.counts.clone()
        }
    }
}

impl PhaseTotals {
    pub(super) fn begin(&mut self, at: RunTime, name: &str, kind: &str) {
        if self.began.is_none_or(|known| at <= known) {
            self.began = Some(at);
            name.clone_into(&mut self.name);
            kind.clone_into(&mut self.kind);
        }
    }

    pub(super) fn add(&mut self, key: &EndpointKey, window: &EndpointWindow) {
        if let Some(totals) = self.endpoints.get_mut(key) {
            totals.add(window);
        } else {
            self.endpoints.entry(key.clone()).or_default().add(window);
        }
    }

    pub(super) fn until(&mut self, frame: &Frame) {
        self.last = self.last.max(frame.at + frame.span);
    }

    /// As the whole timeline's total.
    pub fn total(&self) -> EndpointWindow {
        let mut total = EndpointWindow::default();
        for (key, endpoint) in &self.endpoints {
            match key.kind {
                Kind::Request | Kind::Custom => total.merge(&endpoint.window()),
                Kind::Flow => {
                    total.blocked += endpoint.counts.blocked;
                    total.missed += endpoint.counts.missed;
                }
                Kind::Job => {}
            }
        }
        total
    }
}
