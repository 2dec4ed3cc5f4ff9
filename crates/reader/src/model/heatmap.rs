//! Where a network looked: evidence maps and Grad-CAM++ (Chattopadhay et al. 2018).

use crate::input::{Frame, letterbox_frame};

/// How many times finer a heatmap is than the network's map; odd, so that centres stay centres.
const FINER: usize = 5;

/// A row of values on a grid [`FINER`] times finer.
fn finer(values: &[f32]) -> Vec<f32> {
    const A: f32 = -0.75;
    let weight = |t: f32| {
        let t = t.abs();
        if t <= 1.0 {
            ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0
        } else {
            (((t - 5.0) * t + 8.0) * t - 4.0) * A
        }
    };
    let last = values.len() as i64 - 1;
    (0..values.len() * FINER)
        .map(|i| {
            let at = (i as f32 + 0.5) / FINER as f32 - 0.5;
            let base = at.floor() as i64;
            (base - 1..=base + 2)
                .map(|j| values[j.clamp(0, last) as usize] * weight(at - j as f32))
                .sum()
        })
        .collect()
}

/// How much each place of an image spoke for a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 0 (nothing) to 1 (the strongest place), row by row, over the letterboxed square.
    pub values: Vec<f32>,
    /// Where the image lies in the square.
    pub frame: Frame,
}

impl Heatmap {
    /// A heatmap of non-negative values of any scale, enlarged [`FINER`] times between its places;
    /// what lies in the square's margins is cleared.
    pub(crate) fn new(
        width: usize,
        height: usize,
        values: Vec<f32>,
        image: (usize, usize),
        size: usize,
    ) -> Self {
        let frame = letterbox_frame(image.0, image.1, size);
        let mut map = Self {
            width,
            height,
            values,
            frame,
        };
        map.clear_margins();
        map = map.enlarged();
        map.clear_margins();
        let top = map.values.iter().copied().fold(0.0f32, f32::max);
        if top > 0.0 {
            map.values.iter_mut().for_each(|v| *v = (*v / top).max(0.0));
        }
        map
    }

    /// Clears places whose whole area lies outside of the image, and whatever is no number.
    fn clear_margins(&mut self) {
        let half = (0.5 / self.width as f32, 0.5 / self.height as f32);
        for y in 0..self.height {
            for x in 0..self.width {
                let centre = (
                    (x as f32 + 0.5) * 2.0 * half.0,
                    (y as f32 + 0.5) * 2.0 * half.1,
                );
                let low = self.frame.to_image((centre.0 - half.0, centre.1 - half.1));
                let high = self.frame.to_image((centre.0 + half.0, centre.1 + half.1));
                let outside = high.0 <= 0.0 || high.1 <= 0.0 || low.0 >= 1.0 || low.1 >= 1.0;
                let value = &mut self.values[y * self.width + x];
                if outside || !value.is_finite() {
                    *value = 0.0;
                }
            }
        }
    }

    /// The map on a finer grid, by cubic interpolation (Keys 1981, a = -0.75) along both axes.
    fn enlarged(&self) -> Self {
        let rows: Vec<f32> = self
            .values
            .chunks_exact(self.width)
            .flat_map(finer)
            .collect();
        let (width, height) = (self.width * FINER, self.height * FINER);
        let mut values = vec![0.0; width * height];
        for x in 0..width {
            let column: Vec<f32> = (0..self.height).map(|y| rows[y * width + x]).collect();
            for (y, v) in finer(&column).into_iter().enumerate() {
                values[y * width + x] = v;
            }
        }
        Self {
            width,
            height,
            values,
            frame: self.frame,
        }
    }

    /// The strongest place, in fractions of the original image.
    pub fn peak(&self) -> (f32, f32) {
        let best = (0..self.values.len())
            .max_by(|&a, &b| self.values[a].total_cmp(&self.values[b]))
            .unwrap_or(0);
        let (x, y) = (
            (best % self.width) as f32 + 0.5,
            (best / self.width) as f32 + 0.5,
        );
        let (u, v) = self
            .frame
            .to_image((x / self.width as f32, y / self.height as f32));
        (u.clamp(0.0, 1.0), v.clamp(0.0, 1.0))
    }

    /// The value at a point of the original image (fractions), between places in proportion.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (u, v) = self.frame.to_square((x, y));
        let (u, v) = (u * self.width as f32 - 0.5, v * self.height as f32 - 0.5);
        let clamp = |i: f32, n: usize| (i.max(0.0) as usize).min(n - 1);
        let (x0, y0) = (u.floor(), v.floor());
        let (fx, fy) = (u - x0, v - y0);
        let get =
            |i: f32, j: f32| self.values[clamp(j, self.height) * self.width + clamp(i, self.width)];
        let top = get(x0, y0) * (1.0 - fx) + get(x0 + 1.0, y0) * fx;
        let bottom = get(x0, y0 + 1.0) * (1.0 - fx) + get(x0 + 1.0, y0 + 1.0) * fx;
        top * (1.0 - fy) + bottom * fy
    }
}

/// Grad-CAM++ from the features `[h, w, c]` and the gradient of the class's logit.
///
/// Under the exponential of the logit, which the paper differentiates, the second and third
/// derivatives are powers of the first, so that one gradient is enough.
pub fn grad_cam_plus_plus(features: &[f32], gradient: &[f32], c: usize) -> Vec<f32> {
    let mut totals = vec![0.0f32; c];
    for row in features.chunks_exact(c) {
        totals.iter_mut().zip(row).for_each(|(t, a)| *t += a);
    }
    let mut weights = vec![0.0f32; c];
    for row in gradient.chunks_exact(c) {
        for ((w, &g), total) in weights.iter_mut().zip(row).zip(&totals) {
            let bottom = 2.0 * g * g + total * g * g * g;
            let alpha = if bottom.abs() > 1e-12 {
                g * g / bottom
            } else {
                0.0
            };
            *w += alpha * g.max(0.0);
        }
    }
    features
        .chunks_exact(c)
        .map(|row| {
            row.iter()
                .zip(&weights)
                .map(|(a, w)| a * w)
                .sum::<f32>()
                .max(0.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_comes_back_in_fractions_of_the_image() {
        // A wide image: it fills the middle half of the square's rows.
        let mut values = vec![0.0; 100];
        values[4 * 10 + 7] = 3.0;
        values[0] = 9.0; // in the margin: must not count
        let map = Heatmap::new(10, 10, values, (200, 100), 320);
        let (x, y) = map.peak();
        assert!((x - 0.75).abs() < 1e-3 && (y - 0.4).abs() < 1e-2, "{x} {y}");
        assert!((map.at(0.75, 0.4) - 1.0).abs() < 1e-3);
        assert!(map.at(0.1, 0.9) < 1e-3);
    }

    #[test]
    fn grad_cam_follows_the_channel_with_the_gradient() {
        let features = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]; // three places, two channels
        let gradient = [0.1, -0.1, 0.1, -0.1, 0.1, -0.1];
        let map = grad_cam_plus_plus(&features, &gradient, 2);
        assert!(map[0] > 0.0 && map[1] == 0.0 && map[2] == 0.0);
    }
}
