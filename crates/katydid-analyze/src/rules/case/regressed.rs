//! What endpoints seem to call, where it is not known.

use katydid_record::Timeline;

use super::{Call, Database, EndpointCase, limits, sql};
use crate::regression::regression;
use crate::target::Part;

/// Gives endpoints of which it is not known what they call what goes with their requests.
pub fn regress(
    timeline: &Timeline,
    whole: &Part,
    database: &Database<'_>,
    endpoints: &mut [EndpointCase],
) {
    let Some(told) = regression(timeline, database.subject, whole) else {
        return;
    };
    for (key, id, per_request) in told.calls {
        let of = database.statements.iter().find(|of| of.id == id);
        let endpoint = endpoints
            .iter_mut()
            .find(|of| of.key == key && !of.has_calls() && of.tags == 0);
        if let (Some(of), Some(endpoint)) = (of, endpoint) {
            endpoint.windows = told.windows;
            endpoint.perhaps.push(Call {
                key: sql(of.text),
                per_request,
                each_ms: of.mean_ms() + limits::ROUND_TRIP_MS,
            });
        }
    }
}
