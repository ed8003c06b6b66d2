//! What an observer is.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use katydid_record::Watched;
use katydid_record::probe::Change;
use thiserror::Error;

use crate::batch::Batch;

/// A future behind a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why something could not be seen. Texts have no secrets in them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Trouble {
    /// It does not answer, or not any more. It is tried again.
    #[error("{0}")]
    Lost(String),
    /// It answers, and refuses: trying again would not help before somebody changes something. It is tried again rarely.
    #[error("{why}")]
    Refused {
        /// What it said.
        why: String,
        /// What would open it, as a command, or empty.
        remedy: String,
    },
}

impl Trouble {
    /// It does not answer.
    #[allow(clippy::needless_pass_by_value)] // so that it can stand in `map_err`
    pub fn lost(why: impl ToString) -> Self {
        Self::Lost(why.to_string())
    }

    /// What would open it, as a command, or empty.
    pub fn remedy(&self) -> &str {
        match self {
            Self::Lost(_) => "",
            Self::Refused { remedy, .. } => remedy,
        }
    }
}

/// Something that can be watched: made from an address, before anything is connected.
pub trait Source: Send {
    /// Its key across sources, without secrets: `postgres 127.0.0.1:5432/shop`.
    fn subject(&self) -> String;

    /// Distance of its looks.
    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Connects and finds out what can be seen. Also after a loss; the observer that was lost is gone then. The caller sets a time
    /// limit.
    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>>;

    /// What can build an index in it for an experiment, where it has indexes.
    fn indexes(&self) -> Option<Box<dyn Indexes>> {
        None
    }

    /// What can take keys out of it for an experiment, where it is a cache.
    fn keys(&self) -> Option<Box<dyn Keys>> {
        None
    }
}

/// Builds an index for an experiment and drops it: what no observer does. Only `--experiment index` asks for it.
pub trait Indexes: Send + Sync {
    /// Builds the index.
    ///
    /// # Errors
    /// Why there is none now, in a sentence.
    fn build(&self, change: &Change) -> Result<Built, Trouble>;

    /// Drops it again, and what was left of earlier experiments.
    ///
    /// # Errors
    /// Why it is still there, in a sentence.
    fn remove(&self) -> Result<(), Trouble>;
}

/// Finds the keys that a request is answered from, and deletes them for an experiment: what no observer does. Only `--experiment cold` asks for it.
pub trait Keys: Send + Sync {
    /// A step of a search: asked for before a request is made, and after. True: it is to be made once more. False: what there is has been found.
    ///
    /// # Errors
    /// Why it cannot be found, in a sentence.
    fn search(&self) -> Result<bool, Trouble>;

    /// The forms of the keys that were found, without what may be somebody's.
    fn forms(&self) -> Vec<String>;

    /// Deletes what stands at the keys that were found.
    ///
    /// # Errors
    /// Why it is still there, in a sentence.
    fn take(&self) -> Result<(), Trouble>;

    /// Gives back all that was there before the search, whether it came to its end or not. Always asked for.
    ///
    /// # Errors
    /// Why a key is not back, in a sentence.
    fn stop(&self) -> Result<(), Trouble>;
}

/// An index that was built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Built {
    /// How long that took.
    pub took: Duration,
    /// Its size.
    pub bytes: f64,
}

/// Something that is being watched.
pub trait Observer: Send {
    /// What it is, and what can be seen of it.
    fn watched(&self) -> Watched;

    /// Looks once and puts into `batch` what it saw. Called at the source's distance, and at the edges of phases
    /// ([`Batch::is_edge`]). The caller sets a time limit; after an error the observer is dropped and opened anew.
    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>>;

    /// What counts exactly what is asked of it tells its counters, as a probe asks between two requests; the rest has nothing to say.
    /// The caller sets a time limit.
    fn count<'a>(&'a mut self, _batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async { Ok(()) })
    }

    /// What is better seen once the load is over, or before it: what would disturb it. Called before the load begins and after its end,
    /// with a time limit of its own.
    fn survey<'a>(&'a mut self, _batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async { Ok(()) })
    }

    /// The load is over: waits for what is still on its way, before the last look. The caller sets a time limit.
    fn linger(&mut self) -> Boxed<'_, ()> {
        Box::pin(async {})
    }

    /// Processor time that it has spent outside of its looks.
    fn spent_beside(&self) -> Duration {
        Duration::ZERO
    }
}
