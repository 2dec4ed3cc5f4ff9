//! The heatmap over the picture, and PNG files.

use crate::Error;
use crate::input::Image;
use crate::model::Heatmap;

/// A colour from a heat of 0..=1: the "inferno" scale of matplotlib at nine points (CC0), which is
/// ordered by lightness and so reads in greyscale and by the colour-blind.
fn colour(heat: f32) -> [f32; 3] {
    const SCALE: [[f32; 3]; 9] = [
        [0.001, 0.000, 0.014],
        [0.120, 0.047, 0.284],
        [0.342, 0.062, 0.429],
        [0.550, 0.161, 0.403],
        [0.736, 0.216, 0.330],
        [0.887, 0.351, 0.217],
        [0.978, 0.557, 0.035],
        [0.976, 0.788, 0.209],
        [0.988, 0.998, 0.645],
    ];
    let at = heat.clamp(0.0, 1.0) * 8.0;
    let (i, f) = ((at as usize).min(7), at - (at as usize).min(7) as f32);
    std::array::from_fn(|c| SCALE[i][c] * (1.0 - f) + SCALE[i + 1][c] * f)
}

/// The picture with the heat over it, as RGB bytes with columns and rows; no side is longer than
/// `long_side`. Cold places show the picture unchanged.
#[must_use]
pub fn overlay(image: &Image, map: &Heatmap, long_side: usize) -> (Vec<u8>, usize, usize) {
    let frame = crate::input::letterbox_frame(image.width, image.height, long_side);
    let (w, h) = if image.width.max(image.height) > long_side {
        (frame.width, frame.height)
    } else {
        (image.width, image.height)
    };
    let base = crate::input::resized(image, w, h);
    let mut rgb = Vec::with_capacity(3 * w * h);
    for (i, grey) in base.pixels.iter().enumerate() {
        let (x, y) = (
            ((i % w) as f32 + 0.5) / w as f32,
            ((i / w) as f32 + 0.5) / h as f32,
        );
        let heat = map.at(x, y);
        // Below a quarter nothing is laid over; from there the colour comes up to 55 %.
        let alpha = ((heat - 0.25) / 0.75).clamp(0.0, 1.0) * 0.55;
        let over = colour(heat);
        rgb.extend(
            over.map(|c| ((grey * (1.0 - alpha) + c * alpha).clamp(0.0, 1.0) * 255.0 + 0.5) as u8),
        );
    }
    (rgb, w, h)
}

/// A PNG file of 8-bit RGB bytes.
///
/// # Errors
/// When the size and the bytes do not agree.
pub fn png_rgb(rgb: &[u8], width: usize, height: usize) -> Result<Vec<u8>, Error> {
    encode(rgb, width, height, png::ColorType::Rgb)
}

/// A PNG file of a greyscale picture, 8 bits.
///
/// # Errors
/// When the size and the pixels do not agree.
pub fn png_grey(image: &Image) -> Result<Vec<u8>, Error> {
    let bytes: Vec<u8> = image
        .pixels
        .iter()
        .map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
        .collect();
    encode(&bytes, image.width, image.height, png::ColorType::Grayscale)
}

fn encode(
    bytes: &[u8],
    width: usize,
    height: usize,
    colour: png::ColorType,
) -> Result<Vec<u8>, Error> {
    let failed =
        |e: png::EncodingError| Error::Input(format!("the picture cannot be written as PNG: {e}"));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
