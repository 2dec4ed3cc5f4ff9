//! Images that are the same picture twice.

use std::collections::BTreeMap;

use crate::input::{Image, letterbox};

/// Side of the reduced picture that fingerprints are computed on.
const SIDE: usize = 32;
/// Bits per side of a fingerprint.
const BITS: usize = 8;
/// Bits in which two fingerprints of one picture may differ.
const NEAR: u32 = 4;
/// Correlation of the reduced pictures above which two images count as one.
const SAME: f32 = 0.985;

/// Two images that show the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duplicate {
    /// Index of the first.
    pub first: usize,
    /// Index of the second.
    pub second: usize,
    /// Correlation of the reduced pictures, 1 for equal ones.
    pub correlation: f32,
}

/// What is kept of an image to compare it: 64 bits to find candidates, a reduced picture to be sure.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprint {
    hash: u64,
    small: Vec<f32>,
}

/// The fingerprint of an image: the signs of its lowest cosine frequencies (the "perceptual
/// hash"), and a reduced picture of mean 0 and norm 1.
pub fn fingerprint(image: &Image) -> Fingerprint {
    let mut small = letterbox(image, SIDE).pixels;
    let mean = small.iter().sum::<f32>() / small.len() as f32;
    small.iter_mut().for_each(|v| *v -= mean);
    let norm = small.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
    small.iter_mut().for_each(|v| *v /= norm);
    let basis = |k: usize, x: usize| {
        (std::f32::consts::PI * (x as f32 + 0.5) * k as f32 / SIDE as f32).cos()
    };
    let mut hash = 0;
    let mut coefficients = Vec::with_capacity(BITS * BITS);
    for v in 0..BITS {
        for u in 0..BITS {
            let mut sum = 0.0;
            for y in 0..SIDE {
                for x in 0..SIDE {
                    sum += small[y * SIDE + x] * basis(u, x) * basis(v, y);
                }
            }
            coefficients.push(sum);
        }
    }
    let mut sorted = coefficients.clone();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    for (i, c) in coefficients.iter().enumerate() {
        hash |= u64::from(*c > median) << i;
    }
    Fingerprint { hash, small }
}

/// Pairs of near-duplicates.
///
/// Candidates share one of eight bytes of their hash (two hashes that differ in at most four bits
/// do) and differ in at most four bits; the reduced pictures decide.
pub fn near_duplicates(prints: &[Fingerprint]) -> Vec<Duplicate> {
    let mut found = BTreeMap::new();
    for byte in 0..8 {
        let mut buckets: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (i, p) in prints.iter().enumerate() {
            buckets
                .entry((p.hash >> (8 * byte)) as u8)
                .or_default()
                .push(i);
        }
        for bucket in buckets.values() {
            for (n, &a) in bucket.iter().enumerate() {
                for &b in &bucket[n + 1..] {
                    if (prints[a].hash ^ prints[b].hash).count_ones() > NEAR
                        || found.contains_key(&(a, b))
                    {
                        continue;
                    }
                    let correlation = dot(&prints[a].small, &prints[b].small);
                    if correlation >= SAME {
                        found.insert((a, b), correlation);
                    }
                }
            }
        }
    }
    found
        .into_iter()
        .map(|((first, second), correlation)| Duplicate {
            first,
            second,
            correlation,
        })
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
