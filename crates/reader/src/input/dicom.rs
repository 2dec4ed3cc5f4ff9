//! DICOM: from a Part 10 file to a greyscale picture as a viewer would show it (PS3.3 C.7.6.3,
//! C.11.1, C.11.2; PS3.5 A.4; PS3.14 is left to the display).

use std::borrow::Cow;

use clinical::dicom::{DataSet, DicomFile, DicomLimits, Fragments, PixelData, Tag, tags};

use super::jpeg::{self, Samples};
use super::picture::{Format, Image, Limits, Meta, gather, luma, orient};
use crate::Error;

mod rle;

const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG_2000_LOSSLESS: &str = "1.2.840.10008.1.2.4.90";
const JPEG_2000: &str = "1.2.840.10008.1.2.4.91";

/// Whether the pixel data of a transfer syntax is encapsulated.
fn is_compressed(syntax: &str) -> bool {
    syntax == RLE || syntax.starts_with("1.2.840.10008.1.2.4.")
}

type Parts = (Image, Meta, Vec<String>);

/// The transfer syntaxes that are read: UID and name.
#[must_use]
pub fn transfer_syntaxes() -> &'static [(&'static str, &'static str)] {
    &[
        ("1.2.840.10008.1.2", "Implicit VR Little Endian"),
        ("1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
        (
            "1.2.840.10008.1.2.1.99",
            "Deflated Explicit VR Little Endian",
        ),
        ("1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
        ("1.2.840.10008.1.2.4.50", "JPEG Baseline"),
        ("1.2.840.10008.1.2.4.51", "JPEG Extended"),
        ("1.2.840.10008.1.2.4.57", "JPEG Lossless"),
        (
            "1.2.840.10008.1.2.4.70",
            "JPEG Lossless, first-order prediction",
        ),
        ("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless"),
        ("1.2.840.10008.1.2.4.91", "JPEG 2000"),
        ("1.2.840.10008.1.2.5", "RLE Lossless"),
    ]
}

/// Decode a DICOM file.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let structure = DicomLimits {
        file_bytes: limits.max_bytes,
        // A data set as large as the largest picture, and its other elements.
        inflated_bytes: limits.max_pixels.saturating_mul(6).saturating_add(1 << 20),
        ..DicomLimits::default()
    };
    let file = DicomFile::open(bytes, &structure).map_err(|e| refused(&e))?;
    let syntax = file.transfer_syntax().to_owned();
    if !transfer_syntaxes().iter().any(|(uid, _)| *uid == syntax) {
        return Err(Error::Input(format!(
            "the DICOM transfer syntax {syntax} is not read: export the image uncompressed, as JPEG, JPEG 2000 or RLE"
        )));
    }
    let data_set = file.data_set();
    let layout = Layout::of(data_set)?;
    limits.check(layout.columns, layout.rows)?;
    let mut warnings = Vec::new();
    if file.is_headless() {
        warnings.push(
            "the DICOM file has no header; it was read by what its first bytes tell".to_owned(),
        );
    }
    let frame = layout.frame(&mut warnings);
    let samples = samples(data_set, &layout, &syntax, frame, limits)?;
    let mut image = if samples.channels == 1 {
        grey(data_set, &layout, &samples, limits, &mut warnings)?
    } else {
        colour(&samples, limits)
    };
    let (orientation, turned) = upright(data_set.text(tags::PATIENT_ORIENTATION).as_deref());
    if let Some(words) = turned {
        image = orient(image, orientation);
        warnings.push(words);
    }
    let mut meta = Meta::plain(Format::Dicom, layout.columns, layout.rows, layout.stored);
    if samples.channels == 3 && samples.bits == 8 {
        let rgb: Vec<u8> = samples.values.iter().map(|v| *v as u8).collect();
        (meta.coloured, meta.vivid) = super::picture::colourfulness(&rgb);
    }
    meta.frames = layout.frames;
    meta.photometric = Some(layout.photometric.clone());
    meta.modality = data_set.text(tags::MODALITY);
    meta.body_part = data_set.text(tags::BODY_PART_EXAMINED);
    meta.view = data_set.text(tags::VIEW_POSITION);
    meta.transfer_syntax = Some(syntax);
    Ok((image, meta, warnings))
}

/// What the file's structure was refused for, in this crate's words.
fn refused(e: &clinical::Error) -> Error {
    match e {
        clinical::Error::TooLarge { .. } => Error::TooLarge(e.to_string()),
        clinical::Error::TruncatedImage { .. } => Error::Input(
            "the DICOM file is damaged: an element is longer than the file; export it again".into(),
        ),
        e => Error::Input(format!("the DICOM file cannot be read: {e}")),
    }
}

fn damaged(e: &dyn std::fmt::Display) -> Error {
    Error::Input(format!("the DICOM file is damaged ({e}): export it again"))
}

fn missing(what: &str) -> Error {
    Error::Input(format!(
        "the DICOM file has no {what}: it holds no image, or was cut; export the image itself"
    ))
}

fn number(data_set: &DataSet<'_>, tag: Tag) -> Option<u16> {
    data_set.integer(tag).and_then(|n| u16::try_from(n).ok())
}

/// How the samples are laid out (PS3.3 C.7.6.3).
struct Layout {
    rows: usize,
    columns: usize,
    samples: usize,
    allocated: u16,
    stored: u16,
    high: u16,
    signed: bool,
    planar: bool,
    frames: u32,
    photometric: String,
}

impl Layout {
    fn of(data_set: &DataSet<'_>) -> Result<Self, Error> {
        let need = |tag, what: &str| number(data_set, tag).ok_or_else(|| missing(what));
        let allocated = need(tags::BITS_ALLOCATED, "Bits Allocated")?;
        let stored = number(data_set, tags::BITS_STORED).unwrap_or(allocated);
        let high = number(data_set, tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
        let frames = data_set
            .integer(tags::NUMBER_OF_FRAMES)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(1)
            .max(1);
        let layout = Self {
            rows: usize::from(need(tags::ROWS, "Rows")?),
            columns: usize::from(need(tags::COLUMNS, "Columns")?),
            samples: usize::from(number(data_set, tags::SAMPLES_PER_PIXEL).unwrap_or(1)),
            allocated,
            stored,
            high,
            signed: number(data_set, tags::PIXEL_REPRESENTATION) == Some(1),
            planar: number(data_set, tags::PLANAR_CONFIGURATION) == Some(1),
            frames,
            photometric: data_set
                .text(tags::PHOTOMETRIC_INTERPRETATION)
                .unwrap_or_else(|| "MONOCHROME2".to_owned()),
        };
        layout.check()?;
        Ok(layout)
    }

    fn check(&self) -> Result<(), Error> {
        let fits = matches!(self.allocated, 8 | 16)
            && (1..=self.allocated).contains(&self.stored)
            && (self.stored - 1..self.allocated).contains(&self.high);
        if !fits {
            return Err(Error::Input(format!(
                "the DICOM image has {} bits of {} allocated, up to bit {}; 8 to 16 bits are read",
                self.stored, self.allocated, self.high
            )));
        }
        let known = match self.samples {
            1 => self.photometric.starts_with("MONOCHROME"),
            3 => self.photometric == "RGB" || self.photometric.starts_with("YBR"),
            _ => false,
        };
        if !known {
            return Err(Error::Input(format!(
                "a DICOM image of {} in {} sample(s) per pixel is no radiograph: export it as MONOCHROME2",
                self.photometric, self.samples
            )));
        }
        Ok(())
    }

    /// Bytes of one uncompressed frame.
    fn frame_bytes(&self) -> usize {
        self.rows * self.columns * self.samples * usize::from(self.allocated / 8)
    }

    /// The frame that is read.
    fn frame(&self, warnings: &mut Vec<String>) -> u32 {
        if self.frames == 1 {
            return 0;
        }
        let frame = if self.frames == 2 { 0 } else { self.frames / 2 };
        warnings.push(format!(
            "the file has {} frames; only frame {} is read",
            self.frames,
            frame + 1
        ));
        frame
    }
}

/// The stored values of one frame, colours interleaved.
fn samples(
    data_set: &DataSet<'_>,
    layout: &Layout,
    syntax: &str,
    frame: u32,
    limits: &Limits,
) -> Result<Samples, Error> {
    let pixels = data_set.pixels().ok_or_else(|| missing("Pixel Data"))?;
    let samples = match (syntax, &pixels) {
        (RLE, PixelData::Encapsulated(fragments)) => {
            let planes = layout.samples * usize::from(layout.allocated / 8);
            let stream = stream(*fragments, layout, frame)?;
            let area = layout.rows * layout.columns;
            let unpacked = rle::unpack(&stream, planes, layout.samples, area).ok_or_else(|| {
                Error::Input(
                    "the DICOM pixel data (RLE) ends early or is damaged: export it again".into(),
                )
            })?;
            native(&unpacked, layout, false)?
        }
        (JPEG_2000_LOSSLESS | JPEG_2000, PixelData::Encapsulated(fragments)) => {
            jpeg2000(&stream(*fragments, layout, frame)?, limits)?
        }
        (_, PixelData::Encapsulated(fragments)) => {
            jpeg::complete(&stream(*fragments, layout, frame)?, limits)?
        }
        (syntax, PixelData::Native(_)) if is_compressed(syntax) => {
            return Err(missing("encapsulated pixel data"));
        }
        (_, PixelData::Native(bytes)) => {
            native(frame_of(bytes, layout, frame)?, layout, layout.planar)?
        }
    };
    if (samples.width, samples.height, samples.channels)
        != (layout.columns, layout.rows, layout.samples)
    {
        return Err(Error::Input(format!(
            "the DICOM header says {} x {} in {} sample(s), the image inside is {} x {} in {}: the file is damaged",
            layout.columns,
            layout.rows,
            layout.samples,
            samples.width,
            samples.height,
            samples.channels
        )));
    }
    Ok(samples)
}

/// The bytes of one uncompressed frame.
fn frame_of<'a>(bytes: &'a [u8], layout: &Layout, frame: u32) -> Result<&'a [u8], Error> {
    let start = layout
        .frame_bytes()
        .checked_mul(frame as usize)
        .ok_or_else(|| missing("such a frame"))?;
    let end = start.saturating_add(layout.frame_bytes());
    bytes.get(start..end).ok_or_else(|| {
        Error::Input(format!(
            "the DICOM pixel data ends early ({} bytes of {}): the file was cut; export it again",
            bytes.len().saturating_sub(start),
            layout.frame_bytes()
        ))
    })
}

/// Uncompressed samples, little endian.
fn native(bytes: &[u8], layout: &Layout, planar: bool) -> Result<Samples, Error> {
    if bytes.len() < layout.frame_bytes() {
        return Err(missing("complete pixel data"));
    }
    let bytes = &bytes[..layout.frame_bytes()];
    let mut values: Vec<u16> = if layout.allocated == 16 {
        bytes
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect()
    } else {
        bytes.iter().map(|b| u16::from(*b)).collect()
    };
    if planar && layout.samples == 3 {
        let n = layout.rows * layout.columns;
        values = (0..n)
            .flat_map(|i| [values[i], values[n + i], values[2 * n + i]])
            .collect();
    }
    if layout.samples == 3 && layout.photometric.starts_with("YBR_FULL") {
        for p in values.chunks_exact_mut(3) {
            // The luma is the grey value; for a picture without hue all three channels are equal.
            let (y, b, r) = (
                f32::from(p[0]),
                f32::from(p[1]) - 128.0,
                f32::from(p[2]) - 128.0,
            );
            let rgb = [
                y + 1.402 * r,
                y - 0.344_136 * b - 0.714_136 * r,
                y + 1.772 * b,
            ];
            p.iter_mut()
                .zip(rgb)
                .for_each(|(to, v)| *to = v.round().clamp(0.0, 255.0) as u16);
        }
    }
    Ok(Samples {
        width: layout.columns,
        height: layout.rows,
        channels: layout.samples,
        bits: layout.allocated,
        values,
    })
}

/// The code stream of one frame, out of its fragments.
fn stream<'a>(
    fragments: Fragments<'a>,
    layout: &Layout,
    frame: u32,
) -> Result<Cow<'a, [u8]>, Error> {
    fragments
        .frame(frame as usize, layout.frames as usize)
        .ok_or_else(|| missing("such a frame"))
}

/// JPEG 2000 (ITU-T T.800), by a decoder without unsafe code.
fn jpeg2000(bytes: &[u8], limits: &Limits) -> Result<Samples, Error> {
    let settings = hayro_jpeg2000::DecodeSettings {
        resolve_palette_indices: false,
        ..Default::default()
    };
    let picture = hayro_jpeg2000::Image::new(bytes, &settings).map_err(|e| damaged(&e))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    limits.check(width, height)?;
    let mut context = hayro_jpeg2000::DecoderContext::default();
    let decoded = picture.decode(&mut context).map_err(|e| damaged(&e))?;
    let components = decoded.components();
    let channels = components.len();
    let first = components
        .first()
        .ok_or_else(|| missing("JPEG 2000 component"))?;
    let bits = u16::from(first.bit_depth());
    if components
        .iter()
        .any(|c| c.samples().len() != width * height)
    {
        return Err(Error::Input(
            "the JPEG 2000 image has parts of different sizes: export it again".into(),
        ));
    }
    // The decoder adds the level shift of unsigned samples (T.800 G.1.2) to signed ones too; they
    // are taken back and stored in two's complement, as DICOM stores them.
    let steps = 2.0f32.powi(i32::from(bits.clamp(1, 16)));
    let shift = if signed_components(bytes) {
        steps / 2.0
    } else {
        0.0
    };
    let mut values = Vec::with_capacity(width * height * channels);
    for i in 0..width * height {
        for component in components {
            let value = component.samples()[i].round().clamp(0.0, steps - 1.0) - shift;
            values.push((value as i32) as u16);
        }
    }
    Ok(Samples {
        width,
        height,
        channels,
        bits,
        values,
    })
}

/// The sign bit of the first component in the SIZ segment (T.800 A.5.1), also inside a JP2 file.
fn signed_components(bytes: &[u8]) -> bool {
    let siz = [0xFF, 0x4F, 0xFF, 0x51];
    let start = bytes.windows(4).position(|w| w == siz).unwrap_or(0);
    bytes.get(start + 42).is_some_and(|ssiz| ssiz & 0x80 != 0)
}

fn colour(samples: &Samples, limits: &Limits) -> Image {
    let scale = 1.0 / f32::from(if samples.bits > 8 { u16::MAX } else { 255 });
    let value = |i: usize| f32::from(samples.values[i]) * scale;
    let factor = limits.factor(samples.width, samples.height);
    gather(samples.width, samples.height, factor, |i| {
        luma(value(3 * i), value(3 * i + 1), value(3 * i + 2))
    })
}

/// Stored values to grey: modality transform, VOI transform, polarity. All three depend on the
/// value alone, so that they are worked out once per value and not once per pixel.
fn grey(
    data_set: &DataSet<'_>,
    layout: &Layout,
    samples: &Samples,
    limits: &Limits,
    warnings: &mut Vec<String>,
) -> Result<Image, Error> {
    let decode = Stored::of(layout);
    let mut histogram = vec![0u32; 1 << layout.stored];
    samples
        .values
        .iter()
        .for_each(|v| histogram[decode.index(*v)] += 1);
    let modality = Modality::of(data_set, layout)?;
    let values: Vec<f64> = (0..histogram.len())
        .map(|i| modality.apply(decode.value(i)))
        .collect();
    let padding = data_set
        .integer(tags::PIXEL_PADDING_VALUE)
        .map(|p| decode.index(p as u16));
    let mut table = match Voi::of(data_set, layout)? {
        Some(voi) => voi.table(&values),
        // Eight bits without a window are meant as they are; more are raw from the detector.
        None if layout.stored <= 8 => Voi::full(layout).table(&values),
        None => stretch(&values, &histogram, padding),
    };
    if flat(&table, &histogram) && layout.stored > 8 {
        let wider = stretch(&values, &histogram, padding);
        if !flat(&wider, &histogram) {
            table = wider;
            warnings.push(
                "the file's window shows nothing; the whole range of values is shown instead"
                    .to_owned(),
            );
        }
    }
    if layout.photometric == "MONOCHROME1" {
        table.iter_mut().for_each(|v| *v = 1.0 - *v);
    }
    if let Some(padding) = padding {
        table[padding] = 0.0;
    }
    let factor = limits.factor(samples.width, samples.height);
    Ok(gather(samples.width, samples.height, factor, |i| {
        table[decode.index(samples.values[i])]
    }))
}

/// Where the stored bits lie in a sample, and what they are worth.
struct Stored {
    shift: u16,
    mask: u16,
    sign: i32,
}

impl Stored {
    fn of(layout: &Layout) -> Self {
        let mask = ((1u32 << layout.stored) - 1) as u16;
        let sign = if layout.signed {
            1 << (layout.stored - 1)
        } else {
            0
        };
        Self {
            shift: layout.high + 1 - layout.stored,
            mask,
            sign,
        }
    }

    #[inline]
    fn index(&self, sample: u16) -> usize {
        usize::from((sample >> self.shift) & self.mask)
    }

    /// The number that an index stands for, two's complement where signed.
    fn value(&self, index: usize) -> i32 {
        // An index has at most 16 bits.
        let v = index as i32;
        if self.sign != 0 && v >= self.sign {
            v - 2 * self.sign
        } else {
            v
        }
    }
}

/// A look-up table (PS3.3 C.11.1.1, C.11.2.1.1).
struct Lut {
    first: i32,
    entries: Vec<u16>,
    bits: u16,
}

impl Lut {
    fn of(data_set: &DataSet<'_>, sequence: Tag, signed: bool) -> Option<Self> {
        let item = data_set.items(sequence).next()?;
        let descriptor = item.element(tags::LUT_DESCRIPTOR)?.words();
        let [count, first, bits] = *descriptor.as_slice() else {
            return None;
        };
        // The descriptor's words are unsigned or signed by the data they stand for.
        let first = if signed {
            i32::from(first.cast_signed())
        } else {
            i32::from(first)
        };
        let mut entries = item.element(tags::LUT_DATA)?.words();
        let count = match count {
            0 => 65_536,
            count => usize::from(count),
        };
        if entries.len() * 2 == count {
            // Two 8-bit entries per word.
            entries = entries.iter().flat_map(|v| [v & 0xFF, v >> 8]).collect();
        }
        entries.truncate(count);
        (!entries.is_empty()).then_some(Self {
            first,
            entries,
            bits: bits.clamp(8, 16),
        })
    }

    fn apply(&self, value: f64) -> u16 {
        let index = (value - f64::from(self.first)).clamp(0.0, (self.entries.len() - 1) as f64);
        self.entries[index as usize]
    }
}

/// Stored values to the modality's unit (PS3.3 C.11.1).
enum Modality {
    Linear { slope: f64, intercept: f64 },
    Table(Lut),
}

impl Modality {
    fn of(data_set: &DataSet<'_>, layout: &Layout) -> Result<Self, Error> {
        if let Some(lut) = Lut::of(data_set, tags::MODALITY_LUT_SEQUENCE, layout.signed) {
            return Ok(Self::Table(lut));
        }
        let slope = data_set.decimal(tags::RESCALE_SLOPE).unwrap_or(1.0);
        if slope == 0.0 {
            return Err(Error::Input(
                "the DICOM file has a rescale slope of 0: export it again".into(),
            ));
        }
        Ok(Self::Linear {
            slope,
            intercept: data_set.decimal(tags::RESCALE_INTERCEPT).unwrap_or(0.0),
        })
    }

    fn apply(&self, stored: i32) -> f64 {
        match self {
            Self::Linear { slope, intercept } => f64::from(stored) * slope + intercept,
            Self::Table(lut) => f64::from(lut.apply(f64::from(stored))),
        }
    }
}

/// The modality's unit to grey (PS3.3 C.11.2).
enum Voi {
    Table(Lut),
    Linear { center: f64, width: f64 },
    Exact { center: f64, width: f64 },
    Sigmoid { center: f64, width: f64 },
}

impl Voi {
    fn of(data_set: &DataSet<'_>, layout: &Layout) -> Result<Option<Self>, Error> {
        if let Some(lut) = Lut::of(data_set, tags::VOI_LUT_SEQUENCE, layout.signed) {
            return Ok(Some(Self::Table(lut)));
        }
        let (Some(center), Some(width)) = (
            data_set.decimal(tags::WINDOW_CENTER),
            data_set.decimal(tags::WINDOW_WIDTH),
        ) else {
            return Ok(None);
        };
        let voi = match data_set.text(tags::VOI_LUT_FUNCTION).as_deref() {
            Some("SIGMOID") if width > 0.0 => Self::Sigmoid { center, width },
            Some("LINEAR_EXACT") if width > 0.0 => Self::Exact { center, width },
            Some("SIGMOID" | "LINEAR_EXACT") => return Ok(None),
            _ if width >= 1.0 => Self::Linear { center, width },
            _ => return Ok(None),
        };
        Ok(Some(voi))
    }

    /// All stored values, smallest black.
    fn full(layout: &Layout) -> Self {
        let steps = f64::from(1u32 << layout.stored) - 1.0;
        let low = if layout.signed {
            -f64::from(1u32 << (layout.stored - 1))
        } else {
            0.0
        };
        Self::Exact {
            center: low + steps / 2.0,
            width: steps,
        }
    }

    fn table(&self, values: &[f64]) -> Vec<f32> {
        values
            .iter()
            .map(|v| self.apply(*v).clamp(0.0, 1.0) as f32)
            .collect()
    }

    fn apply(&self, v: f64) -> f64 {
        match self {
            Self::Table(lut) => f64::from(lut.apply(v)) / (f64::from(1u32 << lut.bits) - 1.0),
            Self::Linear { center, width } if *width == 1.0 => {
                f64::from(u8::from(v > center - 0.5))
            }
            Self::Linear { center, width } => (v - (center - 0.5)) / (width - 1.0) + 0.5,
            Self::Exact { center, width } => (v - center) / width + 0.5,
            Self::Sigmoid { center, width } => 1.0 / (1.0 + (-4.0 * (v - center) / width).exp()),
        }
    }
}

/// Without a window: from the value below which 0.1 % of the pixels lie to that of 99.9 %.
fn stretch(values: &[f64], histogram: &[u32], padding: Option<usize>) -> Vec<f32> {
    let mut order: Vec<usize> = (0..values.len())
        .filter(|i| histogram[*i] > 0 && Some(*i) != padding)
        .collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let total: u64 = order.iter().map(|i| u64::from(histogram[*i])).sum();
    let at = |share: f64| {
        let mut sum = 0;
        let index = order.iter().find(|i| {
            sum += u64::from(histogram[**i]);
            sum as f64 >= share * total as f64
        });
        index.map_or(0.0, |i| values[*i])
    };
    let (low, high) = (at(0.001), at(0.999));
    let width = if high > low { high - low } else { 1.0 };
    values
        .iter()
        .map(|v| ((v - low) / width).clamp(0.0, 1.0) as f32)
        .collect()
}

/// Whether hardly a pixel differs from the others.
fn flat(table: &[f32], histogram: &[u32]) -> bool {
    let total: u64 = histogram.iter().map(|n| u64::from(*n)).sum();
    let share = |is: &dyn Fn(f32) -> bool| {
        let n: u64 = histogram
            .iter()
            .zip(table)
            .filter(|(_, v)| is(**v))
            .map(|(n, _)| u64::from(*n))
            .sum();
        n as f64 / total as f64
    };
    share(&|v| v <= 0.01) > 0.995 || share(&|v| v >= 0.99) > 0.995
}

/// The EXIF orientation that sets the picture upright, feet down and the patient's left on the
/// viewer's right, where Patient Orientation (PS3.3 C.7.6.1.1.1) says how it lies and the turn is
/// one of those that acquisition and export produce.
fn upright(orientation: Option<&str>) -> (u8, Option<String>) {
    let Some((row, column)) = orientation.and_then(|o| o.split_once('\\')) else {
        return (1, None);
    };
    let first = |s: &str| s.trim().chars().next().unwrap_or(' ');
    let turn = match (first(row), first(column)) {
        // Upside down: turn by half, or mirror top and bottom.
        ('R', 'H') => 3,
        ('L' | 'A' | 'P', 'H') => 4,
        // Lying on a side.
        ('F', 'L') => 5,
        ('F', 'R') => 8,
        ('H', 'L') => 6,
        ('H', 'R') => 7,
        // Seen from behind: mirrored.
        ('R', 'F') => 2,
        _ => return (1, None),
    };
    let words = format!("the image was turned upright (it was stored as {row}\\{column})");
    (turn, Some(words))
}
