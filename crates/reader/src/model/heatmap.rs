//! Where a network looked: evidence maps and Grad-CAM++ (Chattopadhay et al. 2018).

use crate::input::{Frame, letterbox_frame};

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
    /// A heatmap of non-negative values of any scale; places in the square's margins are cleared.
    pub(crate) fn new(
        width: usize,
        height: usize,
        mut values: Vec<f32>,
        image: (usize, usize),
        size: usize,
    ) -> Self {
        let frame = letterbox_frame(image.0, image.1, size);
        for y in 0..height {
            for x in 0..width {
                let place = (
                    (x as f32 + 0.5) / width as f32,
                    (y as f32 + 0.5) / height as f32,
                );
                let (u, v) = frame.to_image(place);
                // Half a place beyond the edge may still hold the edge of the image.
                let margin = (
                    0.5 * size as f32 / (width as f32 * frame.width as f32),
                    0.5 * size as f32 / (height as f32 * frame.height as f32),
                );
                let outside =
                    u < -margin.0 || u > 1.0 + margin.0 || v < -margin.1 || v > 1.0 + margin.1;
                let value = &mut values[y * width + x];
                if outside || !value.is_finite() {
                    *value = 0.0;
                }
            }
        }
        let top = values.iter().copied().fold(0.0f32, f32::max);
        if top > 0.0 {
            values.iter_mut().for_each(|v| *v = (*v / top).max(0.0));
        }
        Self {
            width,
            height,
            values,
            frame,
        }
    }

    /// The strongest place, in fractions of the original image, refined between neighbours by
    /// their centre of mass.
    pub fn peak(&self) -> (f32, f32) {
        let best = (0..self.values.len())
            .max_by(|&a, &b| self.values[a].total_cmp(&self.values[b]))
            .unwrap_or(0);
        let (bx, by) = (best % self.width, best / self.width);
        let (mut sum, mut sx, mut sy) = (1e-9, 0.0, 0.0);
        for y in by.saturating_sub(1)..=(by + 1).min(self.height - 1) {
            for x in bx.saturating_sub(1)..=(bx + 1).min(self.width - 1) {
                let w = self.values[y * self.width + x].powi(3);
                sum += w;
                sx += w * (x as f32 + 0.5);
                sy += w * (y as f32 + 0.5);
            }
        }
        let (x, y) = (sx / sum / self.width as f32, sy / sum / self.height as f32);
        let (u, v) = self.frame.to_image((x, y));
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
