//! The report as one self-contained page.

use katydid_record::{Manifest, Summary};

/// The page.
pub fn html(summary: &Summary, manifest: &Manifest) -> String {
    let _ = manifest;
    format!("<!doctype html><title>{}</title>", summary.run.id.len())
}
