//! Pictures in memory, what files say of them, and what they may cost.

use serde::{Deserialize, Serialize};

use crate::Error;

/// A greyscale picture: row-major, one number per pixel, 0 = black = air, 1 = white = dense.
///
/// Whatever the file said (MONOCHROME1, windows, colours), dense matter is bright here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values in 0..=1.
    pub pixels: Vec<f32>,
}

impl Image {
    /// A picture from its pixels.
    ///
    /// # Errors
    /// When the number of pixels is not `width * height` or is zero.
    pub fn new(width: usize, height: usize, pixels: Vec<f32>) -> Result<Self, Error> {
        if pixels.is_empty() || width.checked_mul(height) != Some(pixels.len()) {
            return Err(Error::Input(format!(
                "{} pixels do not make a picture of {width} x {height}",
                pixels.len()
            )));
        }
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// The pixel at column `x`, row `y`; both are held inside the picture.
    #[inline]
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> f32 {
        self.pixels[y.min(self.height - 1) * self.width + x.min(self.width - 1)]
    }
}

/// What a file may cost before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: usize,
    /// Columns or rows that the file may claim.
    pub max_side: usize,
    /// Pixels that the file may claim.
    pub max_pixels: usize,
    /// A picture with a longer side is reduced while it is decoded, by a whole factor (the mean of
    /// k x k pixels), so that no picture in memory is larger than this on a side.
    pub long_side: usize,
}

impl Default for Limits {
    /// 256 MiB, 16,000 pixels on a side, 50 million pixels, reduced to at most 2,048 on a side.
    ///
    /// The largest plates in use (a stitched spine or leg) have about 35 million pixels.
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_side: 16_000,
            max_pixels: 50_000_000,
            long_side: 2_048,
        }
    }
}

impl Limits {
    /// Refuse a size before memory is set aside for it.
    pub(super) fn check(&self, width: usize, height: usize) -> Result<(), Error> {
        if width == 0 || height == 0 {
            return Err(Error::Input(format!(
                "the picture is {width} x {height} pixels: nothing to read"
            )));
        }
        if width > self.max_side || height > self.max_side {
            return Err(Error::TooLarge(format!(
                "the picture is {width} x {height} pixels, at most {} on a side are read",
                self.max_side
            )));
        }
        match width.checked_mul(height) {
            Some(n) if n <= self.max_pixels => Ok(()),
            _ => Err(Error::TooLarge(format!(
                "the picture is {width} x {height} pixels, at most {} in all are read",
                self.max_pixels
            ))),
        }
    }

    /// The whole factor by which a picture of this size is reduced.
    pub(super) fn factor(&self, width: usize, height: usize) -> usize {
        width.max(height).div_ceil(self.long_side.max(1)).max(1)
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// DICOM Part 10 (or a bare data set).
    Dicom,
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
}

impl Format {
    /// Tell the format from the first bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if clinical::dicom::is_dicom(bytes) {
            Some(Self::Dicom)
        } else {
            None
        }
    }

    /// Its media type (RFC 2046, DICOM PS3.10).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Dicom => "application/dicom",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// What the file says about its picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// How it is written.
    pub format: Format,
    /// Columns in the file, before any reduction.
    pub columns: usize,
    /// Rows in the file, before any reduction.
    pub rows: usize,
    /// Bits per sample that are used.
    pub bits: u16,
    /// Share of pixels that have a colour (largest less smallest channel above 12 %), 0..=1.
    pub coloured: f32,
    /// Share of pixels with a strong colour (above 30 %), 0..=1.
    pub vivid: f32,
    /// DICOM: frames in the file.
    pub frames: u32,
    /// DICOM: photometric interpretation.
    pub photometric: Option<String>,
    /// DICOM: modality, such as CR or DX.
    pub modality: Option<String>,
    /// DICOM: body part examined.
    pub body_part: Option<String>,
    /// DICOM: view position, such as PA.
    pub view: Option<String>,
    /// DICOM: transfer syntax UID.
    pub transfer_syntax: Option<String>,
}

impl Meta {
    pub(super) fn plain(format: Format, columns: usize, rows: usize, bits: u16) -> Self {
        Self {
            format,
            columns,
            rows,
            bits,
            coloured: 0.0,
            vivid: 0.0,
            frames: 1,
            photometric: None,
            modality: None,
            body_part: None,
            view: None,
            transfer_syntax: None,
        }
    }
}

/// Build a picture from `value(index)` of `width * height` source samples, reduced by `factor`
/// (the mean of each `factor` x `factor` block; what is left over at the right and below is dropped).
pub(super) fn gather(
    width: usize,
    height: usize,
    factor: usize,
    value: impl Fn(usize) -> f32,
) -> Image {
    if factor <= 1 {
        return Image {
            width,
            height,
            pixels: (0..width * height).map(value).collect(),
        };
    }
    let (w, h) = ((width / factor).max(1), (height / factor).max(1));
    let (fx, fy) = (factor.min(width), factor.min(height));
    let share = 1.0 / (fx * fy) as f32;
    let mut pixels = vec![0.0f32; w * h];
    for (row, line) in pixels.chunks_exact_mut(w).enumerate() {
        for y in row * fy..row * fy + fy {
            for (column, sum) in line.iter_mut().enumerate() {
                let start = y * width + column * fx;
                *sum += (start..start + fx).map(&value).sum::<f32>();
            }
        }
        line.iter_mut().for_each(|sum| *sum *= share);
    }
    Image {
        width: w,
        height: h,
        pixels,
    }
}

/// Luma of ITU-R BT.601, the weights that JPEG itself uses.
#[inline]
pub(super) fn luma(r: f32, g: f32, b: f32) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Shares of coloured and of vividly coloured pixels among 8-bit RGB triples.
pub(super) fn colourfulness(rgb: &[u8]) -> (f32, f32) {
    // Every seventh pixel is enough to know a share to a fraction of a percent.
    let (mut n, mut coloured, mut vivid) = (0u32, 0u32, 0u32);
    for p in rgb.chunks_exact(3).step_by(7) {
        let spread = p[0].max(p[1]).max(p[2]) - p[0].min(p[1]).min(p[2]);
        n += 1;
        coloured += u32::from(spread > 30);
        vivid += u32::from(spread > 76);
    }
    let n = n.max(1) as f32;
    (coloured as f32 / n, vivid as f32 / n)
}

/// Turn a picture by one of the eight orientations of EXIF (1 = as it is).
pub(super) fn orient(image: Image, orientation: u8) -> Image {
    let (w, h) = (image.width, image.height);
    let turned = |width: usize, height: usize, from: &dyn Fn(usize, usize) -> (usize, usize)| {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (sx, sy) = from(x, y);
                pixels.push(image.pixels[sy * w + sx]);
            }
        }
        Image {
            width,
            height,
            pixels,
        }
    };
    match orientation {
        2 => turned(w, h, &|x, y| (w - 1 - x, y)),
        3 => turned(w, h, &|x, y| (w - 1 - x, h - 1 - y)),
        4 => turned(w, h, &|x, y| (x, h - 1 - y)),
        5 => turned(h, w, &|x, y| (y, x)),
        6 => turned(h, w, &|x, y| (y, h - 1 - x)),
        7 => turned(h, w, &|x, y| (w - 1 - y, h - 1 - x)),
        8 => turned(h, w, &|x, y| (w - 1 - y, x)),
        _ => image,
    }
}
