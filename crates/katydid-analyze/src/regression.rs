//! Which endpoint runs which statement, where nobody counted it: by how the database's counts go with the requests of each endpoint.
//!
//! In each window of five seconds, from one look at the statements to the next, calls = sum over endpoints of (calls per request × requests) + a rate of
//! its own × seconds. Least squares over all windows, each weighed by one over the root of its requests (counts scatter by that), gives calls per request with their standard
//! errors. Endpoints that go up and down together cannot be told apart: then errors are large, and nothing is said.

use katydid_record::timeline::{Series, Sparks, Subject};
use katydid_record::{EndpointKey, Kind, Timeline};

use crate::target::Part;

/// The least length of a window, s: shorter ones are cut by requests that begin in one and end in the next.
const WINDOW_S: f64 = 4.5;
/// Windows beyond the numbers that are looked for.
const SPARE: usize = 12;
/// Endpoints with fewer requests say nothing.
const REQUESTS: f64 = 50.0;
/// Endpoints that are told apart at most, those with the most requests.
const ENDPOINTS: usize = 40;
/// Calls per request that are told, and the least of them over their standard error.
const CALLS: f64 = 0.8;
const SURE: f64 = 6.0;

/// What was told by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regression {
    /// From so many windows.
    pub windows: usize,
    /// Endpoint, statement by its short name, calls per request.
    pub calls: Vec<(EndpointKey, String, f64)>,
}

/// Of a database, in a part of the run; `None` where there is not enough of it.
pub fn regression(timeline: &Timeline, database: &Subject, part: &Part) -> Option<Regression> {
    let looks = looks(database, part)?;
    let endpoints = endpoints(timeline, looks[0], looks[looks.len() - 1]);
    let windows: Vec<(u64, u64)> = looks
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|(from, until)| !database.is_broken(*from, *until))
        .collect();
    let columns = endpoints.len() + 1;
    if endpoints.is_empty() || windows.len() < columns + SPARE {
        return None;
    }
    let rows: Vec<Vec<f64>> = windows
        .iter()
        .map(|(from, until)| {
            let mut row: Vec<f64> = endpoints
                .iter()
                .map(|(_, sparks)| ended(sparks, *from, *until))
                .collect();
            row.push((until - from) as f64 / 1e6);
            row
        })
        .collect();
    let weights: Vec<f64> = rows
        .iter()
        .map(|row| 1.0 / row[..columns - 1].iter().sum::<f64>().max(1.0))
        .collect();
    let inverse = inverse(gram(&rows, &weights))?;
    let mut calls = Vec::new();
    for (labels, series) in database.named("statement.calls") {
        let Some(statement) = labels.get("statement") else {
            continue;
        };
        let counts: Vec<f64> = windows
            .iter()
            .map(|(from, until)| at(series, *until) - at(series, *from))
            .collect();
        for (place, (per_request, error)) in fit(&rows, &weights, &counts, &inverse)
            .into_iter()
            .enumerate()
        {
            if let Some((key, _)) = endpoints.get(place)
                && per_request >= CALLS
                && per_request >= SURE * error
            {
                calls.push(((*key).clone(), statement.clone(), per_request));
            }
        }
    }
    Some(Regression {
        windows: windows.len(),
        calls,
    })
}

/// Instants of looks at the statements, so far apart as a window is long.
fn looks(database: &Subject, part: &Part) -> Option<Vec<u64>> {
    let mut kept: Vec<u64> = Vec::new();
    for (at, _) in database.plain("statements.calls")?.points() {
        let is_within = (part.from..=part.until).contains(at);
        let is_far = kept
            .last()
            .is_none_or(|last| (at - last) as f64 / 1e6 >= WINDOW_S);
        if is_within && is_far {
            kept.push(*at);
        }
    }
    (kept.len() > SPARE).then_some(kept)
}

fn endpoints(timeline: &Timeline, from: u64, until: u64) -> Vec<(&EndpointKey, &Sparks)> {
    let all = timeline.sparks.iter();
    let mut counted: Vec<(f64, &EndpointKey, &Sparks)> = all
        .filter(|(key, _)| key.kind == Kind::Request)
        .map(|(key, sparks)| (ended(sparks, from, until), key, sparks))
        .filter(|(requests, ..)| *requests >= REQUESTS)
        .collect();
    counted.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    counted.truncate(ENDPOINTS);
    counted
        .into_iter()
        .map(|(_, key, sparks)| (key, sparks))
        .collect()
}

/// Requests that ended between two instants; of a second that is cut by one of them its part.
fn ended(sparks: &Sparks, from: u64, until: u64) -> f64 {
    let (from, until) = (from as f64 / 1e6, until as f64 / 1e6);
    let seconds = from as usize..=until as usize;
    let part = |second: usize| {
        let second = second as f64;
        (until.min(second + 1.0) - from.max(second)).max(0.0)
    };
    let count = |second: usize| sparks.ended.get(second).copied().map_or(0.0, f64::from);
    seconds.map(|second| count(second) * part(second)).sum()
}

/// A counter's value at an instant: the newest until then. One that begins later was zero.
fn at(series: &Series, instant: u64) -> f64 {
    let points = series.points();
    let after = points.partition_point(|(at, _)| *at <= instant);
    after.checked_sub(1).map_or(0.0, |place| points[place].1)
}

fn gram(rows: &[Vec<f64>], weights: &[f64]) -> Vec<Vec<f64>> {
    let columns = rows[0].len();
    let mut gram = vec![vec![0.0; columns]; columns];
    for (row, weight) in rows.iter().zip(weights) {
        for (i, a) in row.iter().enumerate() {
            for (j, b) in row.iter().enumerate() {
                gram[i][j] += weight * a * b;
            }
        }
    }
    gram
}

/// By Gauss and Jordan, with the largest pivot; `None` where it has none to speak of.
fn inverse(mut of: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = of.len();
    let largest = (0..size).map(|i| of[i][i]).fold(0.0, f64::max);
    for (i, row) in of.iter_mut().enumerate() {
        row.extend((0..size).map(|j| f64::from(u8::from(i == j))));
    }
    for column in 0..size {
        let pivot =
            (column..size).max_by(|a, b| of[*a][column].abs().total_cmp(&of[*b][column].abs()))?;
        of.swap(column, pivot);
        let by = of[column][column];
        if by.abs() <= 1e-12 * largest {
            return None;
        }
        of[column].iter_mut().for_each(|value| *value /= by);
        let own = of[column].clone();
        for (place, row) in of.iter_mut().enumerate() {
            let factor = row[column];
            if place != column && factor != 0.0 {
                row.iter_mut().zip(&own).for_each(|(a, b)| *a -= factor * b);
            }
        }
    }
    Some(of.into_iter().map(|mut row| row.split_off(size)).collect())
}

/// Each number with its standard error.
fn fit(
    rows: &[Vec<f64>],
    weights: &[f64],
    counts: &[f64],
    inverse: &[Vec<f64>],
) -> Vec<(f64, f64)> {
    let columns = inverse.len();
    let mut moments = vec![0.0; columns];
    for ((row, weight), count) in rows.iter().zip(weights).zip(counts) {
        row.iter()
            .zip(&mut moments)
            .for_each(|(value, moment)| *moment += weight * value * count);
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let found: Vec<f64> = inverse.iter().map(|row| dot(row, &moments)).collect();
    let left: f64 = rows
        .iter()
        .zip(weights)
        .zip(counts)
        .map(|((row, weight), count)| weight * (count - dot(row, &found)).powi(2))
        .sum();
    let variance = left / (rows.len() - columns) as f64;
    let error = |place: usize| (variance * inverse[place][place]).sqrt();
    found
        .iter()
        .enumerate()
        .map(|(place, value)| (*value, error(place)))
        .collect()
}

#[cfg(test)]
mod tests;
