//! PNG of 1 to 16 bits, grey, colour or palette, with or without transparency.

use std::io::Cursor;

use png::{ColorType, Decoder, Transformations};

use super::picture::{Format, Image, Limits, Meta, colourfulness, gather, luma};
use crate::Error;

type Parts = (Image, Meta, Vec<String>);

/// Decode a PNG file.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let damaged = |e: png::DecodingError| {
        Error::Input(format!("the PNG file is damaged ({e}): export it again"))
    };
    let memory = limits.max_pixels.saturating_mul(8);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: memory });
    // Palettes become colours, 1 to 4 bits become 8.
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    let info = decoder.read_header_info().map_err(damaged)?;
    let bits = u16::from(info.bit_depth as u8);
    limits.check(info.width as usize, info.height as usize)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader
        .output_buffer_size()
        .filter(|n| *n <= memory)
        .ok_or_else(|| Error::TooLarge("the PNG file would take too much memory".into()))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(damaged)?;
    let (width, height) = (frame.width as usize, frame.height as usize);
    let channels = match frame.color_type {
        ColorType::Grayscale | ColorType::Indexed => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
    };
    let wide = frame.bit_depth == png::BitDepth::Sixteen;
    let view = View {
        data: &data,
        channels,
        wide,
    };
    let mut meta = Meta::plain(Format::Png, width, height, bits);
    let mut warnings = Vec::new();
    if channels >= 3 {
        (meta.coloured, meta.vivid) = colourfulness(&view.rgb8());
    }
    let scale = view.scale(&mut warnings);
    let image = gather(width, height, limits.factor(width, height), |i| {
        (view.grey(i) * scale).min(1.0)
    });
    Ok((image, meta, warnings))
}

/// The decoded bytes with their layout.
struct View<'a> {
    data: &'a [u8],
    channels: usize,
    wide: bool,
}

impl View<'_> {
    /// Sample `channel` of pixel `i` as a share of full scale.
    #[inline]
    fn sample(&self, i: usize, channel: usize) -> f32 {
        let at = i * self.channels + channel;
        if self.wide {
            f32::from(u16::from_be_bytes([
                self.data[2 * at],
                self.data[2 * at + 1],
            ])) / 65_535.0
        } else {
            f32::from(self.data[at]) / 255.0
        }
    }

    /// Grey of pixel `i`; what is transparent shows the black behind it.
    #[inline]
    fn grey(&self, i: usize) -> f32 {
        match self.channels {
            1 => self.sample(i, 0),
            2 => self.sample(i, 0) * self.sample(i, 1),
            3 => luma(self.sample(i, 0), self.sample(i, 1), self.sample(i, 2)),
            _ => luma(self.sample(i, 0), self.sample(i, 1), self.sample(i, 2)) * self.sample(i, 3),
        }
    }

    fn rgb8(&self) -> Vec<u8> {
        let step = if self.wide { 2 } else { 1 };
        self.data
            .chunks_exact(self.channels * step)
            .flat_map(|p| [p[0], p[step], p[2 * step]])
            .collect()
    }

    /// Detectors of 10 to 14 bits are often saved in the low bits of 16-bit files: such a picture
    /// is stretched to the full scale.
    fn scale(&self, warnings: &mut Vec<String>) -> f32 {
        if !self.wide {
            return 1.0;
        }
        let pixels = self.data.len() / (2 * self.channels);
        let top = (0..pixels).map(|i| self.grey(i)).fold(0.0, f32::max);
        if top == 0.0 || top > 0.26 {
            return 1.0;
        }
        warnings.push(format!(
            "the 16-bit picture uses only values up to {:.0}; it is stretched to the full scale",
            top * 65_535.0
        ));
        1.0 / top
    }
}
