//! Pictures that are no radiographs: what a model must learn to refuse besides other body parts.

use crate::input::Image;
use crate::rng::Rng;

/// Side of the pictures.
const SIDE: usize = 256;

/// `count` pictures: plain, noise of several grains, gradients, stripes, shapes, text-like blocks.
pub fn others(count: usize, seed: u64) -> Vec<Image> {
    (0..count)
        .map(|i| {
            let mut rng = Rng::at(seed, i as u64, 17);
            let pixels = match i % 6 {
                0 => vec![rng.unit(); SIDE * SIDE],
                1 => grain(&mut rng, 1),
                2 => grain(&mut rng, 16),
                3 => stripes(&mut rng),
                4 => shapes(&mut rng),
                _ => blocks(&mut rng),
            };
            Image {
                width: SIDE,
                height: SIDE,
                pixels,
            }
        })
        .collect()
}

/// Noise whose grains are `step` pixels wide, between neighbours in proportion.
fn grain(rng: &mut Rng, step: usize) -> Vec<f32> {
    let cells = SIDE / step + 2;
    let field: Vec<f32> = (0..cells * cells).map(|_| rng.unit()).collect();
    let at = |x: usize, y: usize| field[y * cells + x];
    (0..SIDE * SIDE)
        .map(|i| {
            let (x, y) = (i % SIDE, i / SIDE);
            let (cx, cy) = (x / step, y / step);
            let (fx, fy) = (
                (x % step) as f32 / step as f32,
                (y % step) as f32 / step as f32,
            );
            let top = at(cx, cy) * (1.0 - fx) + at(cx + 1, cy) * fx;
            let bottom = at(cx, cy + 1) * (1.0 - fx) + at(cx + 1, cy + 1) * fx;
            top * (1.0 - fy) + bottom * fy
        })
        .collect()
}

fn stripes(rng: &mut Rng) -> Vec<f32> {
    let (fx, fy) = (rng.range(-0.3, 0.3), rng.range(-0.3, 0.3));
    (0..SIDE * SIDE)
        .map(|i| 0.5 + 0.5 * ((i % SIDE) as f32 * fx + (i / SIDE) as f32 * fy).sin())
        .collect()
}

/// Discs of random size and brightness over a gradient, as in a snapshot of things.
fn shapes(rng: &mut Rng) -> Vec<f32> {
    let (gx, gy) = (rng.unit(), rng.unit());
    let side = SIDE as f32;
    let mut pixels: Vec<f32> = (0..SIDE * SIDE)
        .map(|i| (gx * (i % SIDE) as f32 + gy * (i / SIDE) as f32) / side / 2.0)
        .collect();
    for _ in 0..4 + rng.below(20) {
        let (cx, cy, r, v) = (
            rng.unit() * side,
            rng.unit() * side,
            rng.range(5.0, 60.0),
            rng.unit(),
        );
        for (i, p) in pixels.iter_mut().enumerate() {
            let (dx, dy) = ((i % SIDE) as f32 - cx, (i / SIDE) as f32 - cy);
            if dx * dx + dy * dy < r * r {
                *p = v;
            }
        }
    }
    pixels
}

/// Dark blocks in lines on a light ground, as in a scanned page.
fn blocks(rng: &mut Rng) -> Vec<f32> {
    let mut pixels = vec![rng.range(0.8, 1.0); SIDE * SIDE];
    let line = 6 + rng.below(10);
    for top in (line..SIDE - line).step_by(line * 2) {
        let mut x = line;
        while x + line < SIDE {
            let w = 2 + rng.below(line);
            for y in top..top + line {
                pixels[y * SIDE + x..y * SIDE + x + w].fill(0.1);
            }
            x += w + 2 + rng.below(6);
        }
    }
    pixels
}
