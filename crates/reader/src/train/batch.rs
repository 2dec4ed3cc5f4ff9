//! From samples to the arrays that a network learns from.

use rayon::prelude::*;

use crate::data::{BoxF, Sample};
use crate::error::Error;
use crate::input::{self, Affine, Augment, Norm};
use crate::rng::Rng;

/// What an image should be read as.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Index of its class.
    pub label: usize,
    /// Boxes in fractions of the (augmented) square: corners left, top, right, bottom. `None` where
    /// nobody marked findings, so that nothing is learnt about places.
    pub boxes: Option<Vec<[f32; 4]>>,
}

/// Some images and their targets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Side of the squares.
    pub size: usize,
    /// Normalised grey values, `[n, size, size]`.
    pub pixels: Vec<f32>,
    /// One target per image.
    pub targets: Vec<Target>,
}

impl Batch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// Decodes, augments and normalises.
#[derive(Debug, Clone)]
pub struct Loader<'a> {
    /// The images.
    pub samples: Vec<&'a Sample>,
    /// Class names in the order of the network's outputs.
    pub classes: Vec<String>,
    /// Side of the squares.
    pub size: usize,
    /// Normalisation.
    pub norm: Norm,
    /// Whether the data set has boxes: an image without any is then an image without findings.
    pub has_boxes: bool,
}

impl Loader<'_> {
    /// Index of a sample's class.
    ///
    /// # Errors
    /// When the label is none of the classes.
    pub fn label(&self, index: usize) -> Result<usize, Error> {
        let label = &self.samples[index].label;
        self.classes.iter().position(|c| c == label).ok_or_else(|| {
            Error::Data(format!(
                "label {label:?} is none of {}",
                self.classes.join(", ")
            ))
        })
    }

    /// The images at `indices`, each changed by the augmentation under its own seed.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn batch(
        &self,
        indices: &[usize],
        how: &Augment,
        seed: u64,
        stream: u64,
    ) -> Result<Batch, Error> {
        let one = |&index: &usize| -> Result<(Vec<f32>, Target), Error> {
            let sample = self.samples[index];
            let image = input::open(&sample.path)?.image;
            let seed = Rng::at(seed, stream, index as u64).next();
            let (square, affine) = input::augment(&image, self.size, how, seed);
            let pixels = square
                .pixels
                .iter()
                .map(|v| (v - self.norm.mean) / self.norm.std)
                .collect();
            let boxes = self
                .has_boxes
                .then(|| sample.boxes.iter().map(|b| carry(b, &affine)).collect());
            Ok((
                pixels,
                Target {
                    label: self.label(index)?,
                    boxes,
                },
            ))
        };
        let items: Result<Vec<_>, Error> = indices.par_iter().map(one).collect();
        let mut batch = Batch {
            size: self.size,
            ..Batch::default()
        };
        for (pixels, target) in items? {
            batch.pixels.extend(pixels);
            batch.targets.push(target);
        }
        Ok(batch)
    }
}

/// A box carried into the square: the frame of its four carried corners, but no larger than the box
/// itself was when it is only turned a little.
fn carry(b: &BoxF, affine: &Affine) -> [f32; 4] {
    let (x, y) = affine.to_output((b.center_x, b.center_y));
    let edge = |dx: f32, dy: f32| {
        let (px, py) = affine.to_output((
            b.center_x + dx * b.width / 2.0,
            b.center_y + dy * b.height / 2.0,
        ));
        ((px - x).abs(), (py - y).abs())
    };
    let (a, c) = (edge(1.0, 0.0), edge(0.0, 1.0));
    let (half_w, half_h) = (a.0.max(c.0), a.1.max(c.1));
    [x - half_w, y - half_h, x + half_w, y + half_h]
}

/// The target of an evidence map of `h` x `w` places: 1 inside a box (every box has at least one
/// place), do not care (NaN) within half a place around it, 0 elsewhere.
pub fn evidence_target(boxes: &[[f32; 4]], h: usize, w: usize) -> Vec<f32> {
    let mut target = vec![0.0f32; h * w];
    for b in boxes {
        for y in 0..h {
            let (top, bottom) = (y as f32 / h as f32, (y + 1) as f32 / h as f32);
            for x in 0..w {
                let (left, right) = (x as f32 / w as f32, (x + 1) as f32 / w as f32);
                let slot = &mut target[y * w + x];
                let centre = ((left + right) / 2.0, (top + bottom) / 2.0);
                let inside =
                    centre.0 >= b[0] && centre.0 <= b[2] && centre.1 >= b[1] && centre.1 <= b[3];
                let touches = right > b[0] && left < b[2] && bottom > b[1] && top < b[3];
                if inside {
                    *slot = 1.0;
                } else if touches && *slot == 0.0 {
                    *slot = f32::NAN;
                }
            }
        }
        let (cx, cy) = ((b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0);
        if (0.0..1.0).contains(&cx) && (0.0..1.0).contains(&cy) {
            target[(cy * h as f32) as usize * w + (cx * w as f32) as usize] = 1.0;
        }
    }
    target
}
