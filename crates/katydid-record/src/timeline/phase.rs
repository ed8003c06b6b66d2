//! Totals of one phase.

use std::collections::BTreeMap;

use super::{EndpointKey, Generators};
use crate::frame::{EndpointWindow, Frame, Kind, PhaseId, RunTime};

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
    pub endpoints: BTreeMap<EndpointKey, EndpointWindow>,
    /// The generator's health in it.
    pub generators: Generators,
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
            totals.merge(window);
            return;
        }
        // Merged, not copied: that leaves out what is the source's alone.
        let mut totals = EndpointWindow::default();
        totals.merge(window);
        self.endpoints.insert(key.clone(), totals);
    }

    pub(super) fn until(&mut self, frame: &Frame) {
        self.last = self.last.max(frame.at + frame.span);
    }

    /// As the whole timeline's total.
    pub fn total(&self) -> EndpointWindow {
        let mut total = EndpointWindow::default();
        for (key, window) in &self.endpoints {
            match key.kind {
                Kind::Request | Kind::Custom => total.merge(window),
                Kind::Flow => {
                    total.blocked += window.blocked;
                    total.missed += window.missed;
                }
                Kind::Job => {}
            }
        }
        total
    }
}
