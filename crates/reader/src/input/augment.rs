//! Random changes that a radiograph may undergo without changing what it shows.

use serde::{Deserialize, Serialize};

use super::picture::Image;
use super::resize::Frame;
use super::resize::{letterbox, letterbox_frame, resized};
use crate::rng::Rng;

/// How far [`augment`] may go. Every value is drawn evenly from its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Rotation, degrees, either way.
    pub rotate: f32,
    /// Probability of mirroring left and right.
    pub flip: f32,
    /// Probability of mirroring top and bottom.
    pub flip_vertical: f32,
    /// Zoom, smallest and largest factor.
    pub zoom: (f32, f32),
    /// Change of the aspect ratio, either way, as a share.
    pub stretch: f32,
    /// Shift, either way, as a share of the square's side.
    pub shift: f32,
    /// Added to every value, either way.
    pub brightness: f32,
    /// Contrast about the mean: factor `1 - contrast` to `1 + contrast`.
    pub contrast: f32,
    /// Exponent `exp(-gamma)` to `exp(gamma)`.
    pub gamma: f32,
    /// Largest standard deviation of added noise.
    pub noise: f32,
    /// Probability of erasing a rectangle.
    pub erase: f32,
    /// Smallest and largest share of the square that is erased.
    pub erase_area: (f32, f32),
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            rotate: 15.0,
            flip: 0.5,
            flip_vertical: 0.0,
            zoom: (0.85, 1.2),
            stretch: 0.05,
            shift: 0.06,
            brightness: 0.12,
            contrast: 0.25,
            gamma: 0.2,
            noise: 0.03,
            erase: 0.25,
            erase_area: (0.01, 0.06),
        }
    }
}

impl Augment {
    /// No change: [`augment`] is then [`letterbox`] to the bit.
    #[must_use]
    pub fn none() -> Self {
        Self {
            rotate: 0.0,
            flip: 0.0,
            flip_vertical: 0.0,
            zoom: (1.0, 1.0),
            stretch: 0.0,
            shift: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            gamma: 0.0,
            noise: 0.0,
            erase: 0.0,
            erase_area: (0.0, 0.0),
        }
    }

    fn moves(&self) -> bool {
        self.rotate != 0.0
            || self.flip > 0.0
            || self.flip_vertical > 0.0
            || self.zoom != (1.0, 1.0)
            || self.stretch != 0.0
            || self.shift != 0.0
    }
}

/// An affine map between fractions of the picture and fractions of the augmented square.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    forward: [f32; 6],
    back: [f32; 6],
}

impl Affine {
    /// Where a point of the picture, `(x, y)` as fractions, lies in the square, as fractions.
    #[must_use]
    pub fn to_output(&self, point: (f32, f32)) -> (f32, f32) {
        apply(&self.forward, point)
    }

    /// Where a point of the square comes from in the picture, as fractions.
    #[must_use]
    pub fn to_image(&self, point: (f32, f32)) -> (f32, f32) {
        apply(&self.back, point)
    }

    /// The map of a plain letterbox.
    #[must_use]
    pub fn letterbox(frame: &Frame) -> Self {
        Self::between(frame, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    }

    /// `turn` acts on fractions of the square, after the letterbox.
    fn between(frame: &Frame, turn: [f32; 6]) -> Self {
        let size = frame.size as f32;
        let fit = [
            frame.width as f32 / size,
            0.0,
            frame.left as f32 / size,
            0.0,
            frame.height as f32 / size,
            frame.top as f32 / size,
        ];
        let forward = compose(&turn, &fit);
        Self {
            forward,
            back: invert(&forward),
        }
    }
}

fn apply(m: &[f32; 6], (x, y): (f32, f32)) -> (f32, f32) {
    (m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5])
}

/// First `b`, then `a`.
fn compose(a: &[f32; 6], b: &[f32; 6]) -> [f32; 6] {
    [
        a[0] * b[0] + a[1] * b[3],
        a[0] * b[1] + a[1] * b[4],
        a[0] * b[2] + a[1] * b[5] + a[2],
        a[3] * b[0] + a[4] * b[3],
        a[3] * b[1] + a[4] * b[4],
        a[3] * b[2] + a[4] * b[5] + a[5],
    ]
}

fn invert(m: &[f32; 6]) -> [f32; 6] {
    let d = 1.0 / (m[0] * m[4] - m[1] * m[3]);
    let (a, b, c, e) = (m[4] * d, -m[1] * d, -m[3] * d, m[0] * d);
    [a, b, -(a * m[2] + b * m[5]), c, e, -(c * m[2] + e * m[5])]
}

/// Evenly from `-reach` to `reach`.
fn around(rng: &mut Rng, reach: f32) -> f32 {
    rng.range(-reach, reach)
}

/// Nearly normal, mean 0, variance 1: the sum of four 16-bit draws out of one number, since it is
/// wanted once per pixel.
fn grain(rng: &mut Rng) -> f32 {
    let z = rng.next();
    let sum = (z & 0xFFFF) + ((z >> 16) & 0xFFFF) + ((z >> 32) & 0xFFFF) + (z >> 48);
    (sum as f32 / 65_536.0 - 2.0) * 1.732_050_8
}

/// Letterbox a picture with random changes; the same seed gives the same square to the bit.
///
/// Rotation, flip, zoom and shift are one resampling of the picture, so that nothing blurs twice.
/// Returns the square of `size` pixels and the map that carries points (boxes) into it.
#[must_use]
pub fn augment(image: &Image, size: usize, how: &Augment, seed: u64) -> (Image, Affine) {
    let mut rng = Rng::new(seed);
    let frame = letterbox_frame(image.width, image.height, size);
    let (mut square, affine) = if how.moves() {
        let affine = Affine::between(&frame, turn(how, &mut rng));
        (resample(image, size, &affine, &frame), affine)
    } else {
        (letterbox(image, size), Affine::letterbox(&frame))
    };
    tone(&mut square, how, &mut rng);
    if rng.unit() < how.erase {
        erase(&mut square, how.erase_area, &mut rng);
    }
    (square, affine)
}

/// A random map of the unit square about its centre.
fn turn(how: &Augment, rng: &mut Rng) -> [f32; 6] {
    let (sin, cos) = around(rng, how.rotate).to_radians().sin_cos();
    let zoom = rng.range(how.zoom.0, how.zoom.1);
    let stretch = around(rng, how.stretch).exp();
    let (zx, zy) = (zoom * stretch, zoom / stretch);
    let fx = if rng.unit() < how.flip { -zx } else { zx };
    let fy = if rng.unit() < how.flip_vertical {
        -zy
    } else {
        zy
    };
    let (dx, dy) = (around(rng, how.shift), around(rng, how.shift));
    let centre = [1.0, 0.0, -0.5, 0.0, 1.0, -0.5];
    let turned = [cos * fx, -sin * fy, 0.5 + dx, sin * fx, cos * fy, 0.5 + dy];
    compose(&turned, &centre)
}

/// Sample the picture through `affine`; outside of it is black.
fn resample(image: &Image, size: usize, affine: &Affine, frame: &Frame) -> Image {
    // Source pixels per pixel of the square, at most; beyond 3 the picture is reduced first.
    let step = |m: &[f32; 6]| {
        let (w, h) = (image.width as f32, image.height as f32);
        let x = (m[0] * w).hypot(m[3] * h);
        let y = (m[1] * w).hypot(m[4] * h);
        x.max(y) / size as f32
    };
    let ratio = step(&affine.back);
    if ratio > 3.0 {
        let reduced = resized(image, (frame.width * 2).max(2), (frame.height * 2).max(2));
        return resample(&reduced, size, affine, frame);
    }
    // Each pixel of the square is the mean of n x n bilinear samples spread over it.
    let n = (ratio.ceil() as usize).clamp(1, 3);
    let m = pixel_map(&affine.back, image, size);
    let offsets: Vec<(f32, f32)> = (0..n * n)
        .map(|i| {
            let (u, v) = (
                ((i % n) as f32 + 0.5) / n as f32,
                ((i / n) as f32 + 0.5) / n as f32,
            );
            (m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5])
        })
        .collect();
    let share = 1.0 / (n * n) as f32;
    let mut pixels = Vec::with_capacity(size * size);
    for row in 0..size {
        for column in 0..size {
            let (u, v) = (column as f32, row as f32);
            let (x, y) = (m[0] * u + m[1] * v, m[3] * u + m[4] * v);
            let sum: f32 = offsets
                .iter()
                .map(|(dx, dy)| bilinear(image, x + dx, y + dy))
                .sum();
            pixels.push(sum * share);
        }
    }
    Image {
        width: size,
        height: size,
        pixels,
    }
}

/// From pixels of the square to pixels of the picture, where a pixel's value stands at its centre.
fn pixel_map(back: &[f32; 6], image: &Image, size: usize) -> [f32; 6] {
    let (w, h, s) = (image.width as f32, image.height as f32, 1.0 / size as f32);
    [
        back[0] * w * s,
        back[1] * w * s,
        back[2] * w - 0.5,
        back[3] * h * s,
        back[4] * h * s,
        back[5] * h - 0.5,
    ]
}

#[inline]
fn bilinear(image: &Image, x: f32, y: f32) -> f32 {
    let (w, h) = (image.width as i32, image.height as i32);
    let (fx, fy) = (x.floor(), y.floor());
    let (x0, y0) = (fx as i32, fy as i32);
    if x0 < -1 || y0 < -1 || x0 >= w || y0 >= h {
        return 0.0;
    }
    let (ax, ay) = (x - fx, y - fy);
    if x0 >= 0 && y0 >= 0 && x0 + 1 < w && y0 + 1 < h {
        let i = y0 as usize * image.width + x0 as usize;
        let (top, low) = (
            &image.pixels[i..i + 2],
            &image.pixels[i + image.width..i + image.width + 2],
        );
        let a = top[0] + (top[1] - top[0]) * ax;
        let b = low[0] + (low[1] - low[0]) * ax;
        return a + (b - a) * ay;
    }
    // On the rim, half of the footprint lies outside, where it is black.
    let value = |x: i32, y: i32| {
        if (0..w).contains(&x) && (0..h).contains(&y) {
            image.pixels[y as usize * image.width + x as usize]
        } else {
            0.0
        }
    };
    let a = value(x0, y0) + (value(x0 + 1, y0) - value(x0, y0)) * ax;
    let b = value(x0, y0 + 1) + (value(x0 + 1, y0 + 1) - value(x0, y0 + 1)) * ax;
    a + (b - a) * ay
}

/// Gamma, contrast, brightness and noise.
fn tone(square: &mut Image, how: &Augment, rng: &mut Rng) {
    let gamma = around(rng, how.gamma).exp();
    let contrast = 1.0 + around(rng, how.contrast);
    let brightness = around(rng, how.brightness);
    let noise = rng.unit() * how.noise;
    if how.gamma > 0.0 {
        square
            .pixels
            .iter_mut()
            .for_each(|v| *v = v.max(0.0).powf(gamma));
    }
    if how.contrast > 0.0 || how.brightness > 0.0 {
        let mean = square.pixels.iter().sum::<f32>() / square.pixels.len() as f32;
        let shift = mean + brightness - mean * contrast;
        square
            .pixels
            .iter_mut()
            .for_each(|v| *v = (*v * contrast + shift).clamp(0.0, 1.0));
    }
    if noise > 0.0 {
        square
            .pixels
            .iter_mut()
            .for_each(|v| *v = (*v + grain(rng) * noise).clamp(0.0, 1.0));
    }
}

/// Fill a random rectangle with one random grey (Zhong et al., Random Erasing, AAAI 2020).
fn erase(square: &mut Image, (low, high): (f32, f32), rng: &mut Rng) {
    let side = square.width as f32;
    let area = rng.range(low, high) * side * side;
    let aspect = around(rng, 0.7).exp();
    let w = ((area * aspect).sqrt() as usize).clamp(1, square.width);
    let h = ((area / aspect).sqrt() as usize).clamp(1, square.height);
    let left = (rng.unit() * (square.width - w + 1) as f32) as usize;
    let top = (rng.unit() * (square.height - h + 1) as f32) as usize;
    let grey = rng.unit();
    for line in square
        .pixels
        .chunks_exact_mut(square.width)
        .skip(top)
        .take(h)
    {
        line[left..left + w].fill(grey);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picture(width: usize, height: usize) -> Image {
        let pixels = (0..width * height)
            .map(|i| ((i % width) as f32 / 9.0).sin() * 0.4 + 0.5)
            .collect();
        Image {
            width,
            height,
            pixels,
        }
    }

    #[test]
    fn no_change_is_the_letterbox_to_the_bit() {
        let image = picture(300, 200);
        let (square, affine) = augment(&image, 96, &Augment::none(), 7);
        assert_eq!(square, letterbox(&image, 96));
        let (x, y) = affine.to_output((0.5, 0.5));
        assert!((x - 0.5).abs() < 1e-6 && (y - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let image = picture(120, 160);
        let one = augment(&image, 64, &Augment::default(), 1).0;
        assert_eq!(one, augment(&image, 64, &Augment::default(), 1).0);
        assert_ne!(one, augment(&image, 64, &Augment::default(), 2).0);
    }

    /// The one resampling stays close to what the letterbox shows when it moves almost nothing.
    #[test]
    fn resampling_agrees_with_the_letterbox() {
        let image = picture(512, 512);
        let how = Augment {
            zoom: (1.000_01, 1.000_01),
            ..Augment::none()
        };
        let moved = augment(&image, 224, &how, 3).0;
        let boxed = letterbox(&image, 224);
        let inner = |i: &Image| i.pixels[224 * 20..224 * 200].to_vec();
        let worst = inner(&moved)
            .iter()
            .zip(inner(&boxed))
            .enumerate()
            .filter(|(i, _)| (20..200).contains(&(i % 224)))
            .map(|(_, (a, b))| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst}");
    }

    /// A bright spot goes where the map says that it goes.
    #[test]
    fn the_map_follows_the_picture() {
        let mut image = Image {
            width: 200,
            height: 140,
            pixels: vec![0.0; 200 * 140],
        };
        for y in 36..46 {
            for x in 146..156 {
                image.pixels[y * 200 + x] = 1.0;
            }
        }
        let how = Augment {
            rotate: 30.0,
            flip: 0.5,
            flip_vertical: 0.5,
            shift: 0.1,
            zoom: (0.8, 1.2),
            ..Augment::none()
        };
        for seed in 0..20 {
            let (square, affine) = augment(&image, 128, &how, seed);
            let total: f32 = square.pixels.iter().sum();
            let (x, y) = square
                .pixels
                .iter()
                .enumerate()
                .fold((0.0, 0.0), |(x, y), (i, v)| {
                    (
                        x + v * ((i % 128) as f32 + 0.5),
                        y + v * ((i / 128) as f32 + 0.5),
                    )
                });
            let (ex, ey) = affine.to_output((151.0 / 200.0, 41.0 / 140.0));
            assert!((x / total / 128.0 - ex).abs() < 0.01, "seed {seed}");
            assert!((y / total / 128.0 - ey).abs() < 0.01, "seed {seed}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn values_stay_in_range(w in 1usize..90, h in 1usize..90, seed: u64) {
            let (square, affine) = augment(&picture(w, h), 48, &Augment::default(), seed);
            prop_assert!(square.pixels.iter().all(|v| (0.0..=1.0).contains(v)));
            let (x, y) = affine.to_image(affine.to_output((0.3, 0.6)));
            prop_assert!((x - 0.3).abs() < 1e-3 && (y - 0.6).abs() < 1e-3);
        }
    }
}
