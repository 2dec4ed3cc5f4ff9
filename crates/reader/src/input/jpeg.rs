//! JPEG, also a few bytes short.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::picture::{Format, Image, Limits, Meta, colourfulness, gather, luma, orient};
use crate::Error;

type Parts = (Image, Meta, Vec<String>);

/// Decode a JPEG file. Baseline and progressive go the fast way; what that decoder does not know
/// (lossless, 12 bits, arithmetic coding) goes the complete one.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    match header(bytes)? {
        Header {
            precision: 8,
            lossless: false,
            width,
            height,
        } => {
            limits.check(width, height)?;
            fast(bytes, limits)
        }
        Header { width, height, .. } => {
            limits.check(width, height)?;
            let samples = complete(bytes, limits)?;
            let meta = Meta::plain(Format::Jpeg, samples.width, samples.height, samples.bits);
            Ok((samples.image(limits), meta, Vec::new()))
        }
    }
}

/// Size, precision and kind, out of the frame header (ITU-T T.81, B.2.2), before anything is decoded.
struct Header {
    width: usize,
    height: usize,
    precision: u8,
    lossless: bool,
}

fn header(bytes: &[u8]) -> Result<Header, Error> {
    let cut =
        || Error::Input("the JPEG file ends before its picture begins: export it again".into());
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1).ok_or_else(cut)?;
        if bytes[at] != 0xFF {
            return Err(Error::Input(
                "the JPEG file is damaged in its header: export it again".into(),
            ));
        }
        match marker {
            // Fill bytes and markers without a segment.
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let frame = bytes.get(at + 4..at + 9).ok_or_else(cut)?;
                return Ok(Header {
                    precision: frame[0],
                    height: usize::from(u16::from_be_bytes([frame[1], frame[2]])),
                    width: usize::from(u16::from_be_bytes([frame[3], frame[4]])),
                    lossless: matches!(marker, 0xC3 | 0xC7 | 0xCB | 0xCF),
                });
            }
            0xD9 | 0xDA => return Err(cut()),
            _ => {
                let length = bytes.get(at + 2..at + 4).ok_or_else(cut)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

fn fast(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let damaged = |e: &dyn std::fmt::Display| {
        Error::Input(format!("the JPEG file is damaged ({e}): export it again"))
    };
    let mut warnings = Vec::new();
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    decoder.set_options(options(limits));
    decoder.decode_headers().map_err(|e| damaged(&e))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let out = if grey {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    let (width, height) = decoder
        .info()
        .map_or((0, 0), |i| (usize::from(i.width), usize::from(i.height)));
    limits.check(width, height)?;
    let orientation = decoder
        .exif()
        .and_then(|e| exif_orientation(e))
        .unwrap_or(1);
    decoder.set_options(options(limits).jpeg_set_out_colorspace(out));
    let data = decoder.decode().map_err(|e| damaged(&e))?;
    let channels = if grey { 1 } else { 3 };
    if data.len() != width * height * channels {
        return Err(damaged(&"it holds another number of pixels than it claims"));
    }
    if !ends_whole(bytes) {
        warnings.push(
            "the JPEG file ends early; what is missing at the bottom is filled in".to_owned(),
        );
    }
    let factor = limits.factor(width, height);
    let mut meta = Meta::plain(Format::Jpeg, width, height, 8);
    let image = if grey {
        gather(width, height, factor, |i| f32::from(data[i]) / 255.0)
    } else {
        (meta.coloured, meta.vivid) = colourfulness(&data);
        gather(width, height, factor, |i| {
            let p = &data[3 * i..3 * i + 3];
            luma(f32::from(p[0]), f32::from(p[1]), f32::from(p[2])) / 255.0
        })
    };
    Ok((orient(image, orientation), meta, warnings))
}

fn options(limits: &Limits) -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(limits.max_side)
        .set_max_height(limits.max_side)
        .jpeg_set_max_scans(100)
}

/// Whether the end marker stands near the end (padding behind it is common).
fn ends_whole(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(1024)..];
    tail.windows(2).any(|w| w == [0xFF, 0xD9])
}

/// Tag 0x0112 of the first directory of an EXIF block (EXIF 2.3, 4.6.4); `None` where there is none.
fn exif_orientation(exif: &[u8]) -> Option<u8> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let b = tiff.get(at..at + 2)?;
        Some(if little {
            u16::from_le_bytes([b[0], b[1]])
        } else {
            u16::from_be_bytes([b[0], b[1]])
        })
    };
    let long = |at: usize| {
        let (a, b) = (u32::from(short(at)?), u32::from(short(at + 2)?));
        Some(if little { a | b << 16 } else { a << 16 | b })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = short(directory)?;
    (0..usize::from(entries))
        .map(|i| directory + 2 + 12 * i)
        .find(|at| short(*at) == Some(0x0112))
        .and_then(|at| short(at + 8))
        .and_then(|v| u8::try_from(v).ok())
        .filter(|v| (1..=8).contains(v))
}

/// Samples as a complete decoder gives them, before any window.
pub(super) struct Samples {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Samples per pixel, 1 or 3.
    pub(super) channels: usize,
    pub(super) bits: u16,
    pub(super) values: Vec<u16>,
}

impl Samples {
    fn image(&self, limits: &Limits) -> Image {
        let scale = 1.0 / f32::from(if self.bits > 8 { u16::MAX } else { 255 });
        let value = |i: usize| f32::from(self.values[i]) * scale;
        gather(
            self.width,
            self.height,
            limits.factor(self.width, self.height),
            |i| match self.channels {
                1 => value(i),
                n => luma(value(n * i), value(n * i + 1), value(n * i + 2)),
            },
        )
    }
}

/// Decode any JPEG process (also lossless and 12 bits, as DICOM uses them) within the limits.
pub(super) fn complete(bytes: &[u8], limits: &Limits) -> Result<Samples, Error> {
    use jpeg_decoder::PixelFormat;
    let damaged = |e: jpeg_decoder::Error| {
        Error::Input(format!(
            "the JPEG data cannot be read ({e}): export it again"
        ))
    };
    let Header {
        width,
        height,
        precision,
        ..
    } = header(bytes)?;
    limits.check(width, height)?;
    let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
    decoder.set_max_decoding_buffer_size(limits.max_pixels.saturating_mul(4));
    let data = decoder.decode().map_err(damaged)?;
    let info = decoder
        .info()
        .ok_or_else(|| Error::Input("the JPEG data has no picture".into()))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let (channels, values) = match info.pixel_format {
        PixelFormat::L8 => (1, data.into_iter().map(u16::from).collect::<Vec<_>>()),
        PixelFormat::L16 => (
            1,
            data.chunks_exact(2)
                .map(|b| u16::from_ne_bytes([b[0], b[1]]))
                .collect(),
        ),
        PixelFormat::RGB24 => (3, data.into_iter().map(u16::from).collect()),
        PixelFormat::CMYK32 => {
            return Err(Error::Input(
                "a CMYK picture is no radiograph: export it in greyscale".into(),
            ));
        }
    };
    if values.len() != width * height * channels {
        return Err(Error::Input(
            "the JPEG data holds another number of pixels than it claims".into(),
        ));
    }
    Ok(Samples {
        width,
        height,
        channels,
        bits: u16::from(precision),
        values,
    })
}
