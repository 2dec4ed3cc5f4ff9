//! Letterboxing and normalisation.

use std::cell::RefCell;

use fast_image_resize as fir;
use serde::{Deserialize, Serialize};

use super::picture::Image;

/// How a network wants its grey values: `(value - mean) / std` with values in 0..=1, the same in
/// all three channels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// Subtracted.
    pub mean: f32,
    /// Divided by.
    pub std: f32,
}

impl Default for Norm {
    /// `(x - 127) / 128` on 0..=255, as the published EfficientNet-Lite weights want it.
    fn default() -> Self {
        Self {
            mean: 127.0 / 255.0,
            std: 128.0 / 255.0,
        }
    }
}

/// Where a picture lies inside its letterboxed square, in pixels of the square.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Side of the square.
    pub size: usize,
    /// Pixels of the square per pixel of the picture.
    pub scale: f32,
    /// Empty columns on the left.
    pub left: usize,
    /// Empty rows above.
    pub top: usize,
    /// Columns that the picture takes.
    pub width: usize,
    /// Rows that the picture takes.
    pub height: usize,
}

impl Frame {
    /// From fractions of the square to fractions of the picture (outside 0..=1 in the margins).
    #[must_use]
    pub fn to_image(&self, (x, y): (f32, f32)) -> (f32, f32) {
        let size = self.size as f32;
        (
            (x * size - self.left as f32) / self.width as f32,
            (y * size - self.top as f32) / self.height as f32,
        )
    }

    /// From fractions of the picture to fractions of the square.
    #[must_use]
    pub fn to_square(&self, (x, y): (f32, f32)) -> (f32, f32) {
        let size = self.size as f32;
        (
            (x * self.width as f32 + self.left as f32) / size,
            (y * self.height as f32 + self.top as f32) / size,
        )
    }
}

/// Where [`letterbox`] puts a picture of `width` x `height`.
#[must_use]
pub fn letterbox_frame(width: usize, height: usize, size: usize) -> Frame {
    let (width, height) = (width.max(1), height.max(1));
    let scale = size as f32 / width.max(height) as f32;
    let fit = |side: usize| ((side as f32 * scale).round() as usize).clamp(1, size.max(1));
    let (w, h) = (fit(width), fit(height));
    Frame {
        size,
        scale,
        left: (size - w) / 2,
        top: (size - h) / 2,
        width: w,
        height: h,
    }
}

thread_local! {
    /// One resizer per thread: it keeps its coefficient and row buffers.
    static RESIZER: RefCell<fir::Resizer> = RefCell::new(fir::Resizer::new());
}

/// Scale to `width` x `height` with a triangle filter that widens with the reduction, so that
/// nothing aliases.
#[must_use]
pub fn resized(image: &Image, width: usize, height: usize) -> Image {
    if (image.width, image.height) == (width, height) {
        return image.clone();
    }
    let mut pixels = vec![0.0f32; width * height];
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear));
    let done = RESIZER.with_borrow_mut(|resizer| {
        let from = fir::images::ImageRef::new(
            image.width as u32,
            image.height as u32,
            bytemuck::cast_slice(&image.pixels),
            fir::PixelType::F32,
        )
        .ok()?;
        let mut to = fir::images::Image::from_slice_u8(
            width as u32,
            height as u32,
            bytemuck::cast_slice_mut(&mut pixels),
            fir::PixelType::F32,
        )
        .ok()?;
        resizer.resize(&from, &mut to, &options).ok()
    });
    debug_assert!(
        done.is_some(),
        "both pictures have the sizes that they claim"
    );
    Image {
        width,
        height,
        pixels,
    }
}

/// Fit a picture into a black square of `size` pixels: aspect kept, centred.
#[must_use]
pub fn letterbox(image: &Image, size: usize) -> Image {
    let frame = letterbox_frame(image.width, image.height, size);
    let fitted = resized(image, frame.width, frame.height);
    if (frame.width, frame.height) == (size, size) {
        return fitted;
    }
    let mut pixels = vec![0.0f32; size * size];
    for (row, line) in fitted.pixels.chunks_exact(frame.width).enumerate() {
        let start = (frame.top + row) * size + frame.left;
        pixels[start..start + frame.width].copy_from_slice(line);
    }
    Image {
        width: size,
        height: size,
        pixels,
    }
}

/// The network's input for a picture that is already square: three equal planes, `3 * w * h` values.
#[must_use]
pub fn normalise(image: &Image, norm: &Norm) -> Vec<f32> {
    let (mean, scale) = (norm.mean, 1.0 / norm.std);
    let n = image.pixels.len();
    let mut planes = Vec::with_capacity(3 * n);
    planes.extend(image.pixels.iter().map(|v| (v - mean) * scale));
    planes.extend_from_within(..n);
    planes.extend_from_within(..n);
    planes
}

/// [`letterbox`], then [`normalise`]: channels x height x width, `3 * size * size` values.
#[must_use]
pub fn preprocess(image: &Image, size: usize, norm: &Norm) -> Vec<f32> {
    normalise(&letterbox(image, size), norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Image {
        let pixels = (0..width * height)
            .map(|i| (i % width) as f32 / width as f32)
            .collect();
        Image {
            width,
            height,
            pixels,
        }
    }

    #[test]
    fn a_wide_picture_is_centred_with_black_above_and_below() {
        let boxed = letterbox(
            &Image {
                width: 40,
                height: 20,
                pixels: vec![1.0; 800],
            },
            20,
        );
        let frame = letterbox_frame(40, 20, 20);
        assert_eq!(
            (frame.left, frame.top, frame.width, frame.height),
            (0, 5, 20, 10)
        );
        assert_eq!(boxed.at(10, 4), 0.0);
        assert!((boxed.at(10, 5) - 1.0).abs() < 1e-6);
        assert!((boxed.at(10, 14) - 1.0).abs() < 1e-6);
        assert_eq!(boxed.at(10, 15), 0.0);
    }

    #[test]
    fn reduction_keeps_the_mean() {
        let image = ramp(512, 512);
        let mean = |i: &Image| i.pixels.iter().sum::<f32>() / i.pixels.len() as f32;
        assert!((mean(&letterbox(&image, 224)) - mean(&image)).abs() < 2e-3);
    }

    #[test]
    fn fractions_go_there_and_back() {
        let frame = letterbox_frame(300, 500, 320);
        let (x, y) = frame.to_image(frame.to_square((0.25, 0.75)));
        assert!((x - 0.25).abs() < 1e-6 && (y - 0.75).abs() < 1e-6);
    }

    #[test]
    fn planes_are_equal_and_normalised() {
        let planes = preprocess(
            &Image {
                width: 4,
                height: 4,
                pixels: vec![1.0; 16],
            },
            4,
            &Norm::default(),
        );
        assert_eq!(planes.len(), 48);
        assert!((planes[0] - 1.0).abs() < 1e-6);
        assert_eq!(planes[..16], planes[32..]);
    }
}
