//! Telling what an uploaded image is and how large, from its header alone. Nothing is decoded.
use crate::dicom;
use crate::error::{Error, Result, at_most};

/// The kinds of images that Stele takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// DICOM (PS3.10).
    Dicom,
    /// PNG (ISO/IEC 15948).
    Png,
    /// JPEG (ITU-T T.81).
    Jpeg,
}

impl ImageKind {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Dicom => "application/dicom",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    /// The kind that the first bytes tell.
    ///
    /// # Errors
    /// [`Error::EmptyFile`]; [`Error::BadImage`] for any other kind of file.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        match bytes {
            [] => Err(Error::EmptyFile),
            _ if bytes.starts_with(PNG) => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            _ if dicom::is_dicom(bytes) => Ok(Self::Dicom),
            _ => {
                let reason = "it is neither DICOM (PS3.10) nor PNG nor JPEG; export it as one";
                Err(Error::BadImage {
                    reason: reason.into(),
                })
            }
        }
    }
}

/// Limits for PNG and JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Most bytes of the file.
    pub file_bytes: usize,
    /// Most pixels of either side.
    pub side: u32,
    /// Most pixels in all: what decoding would take in memory.
    pub pixels: u64,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            file_bytes: 256 * 1024 * 1024,
            side: 32_768,
            pixels: 200_000_000,
        }
    }
}

/// What a PNG's or JPEG's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSummary {
    /// PNG or JPEG.
    pub kind: ImageKind,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Whether the file ends as its kind ends. Some cameras and archives cut the last bytes; a
    /// decoder may still make sense of such a file.
    pub complete: bool,
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Reads the header of a PNG or JPEG.
///
/// # Errors
/// [`Error::EmptyFile`], [`Error::BadImage`], [`Error::TruncatedImage`] for what cannot be one,
/// [`Error::TooLarge`] for what exceeds a limit.
pub fn sniff(bytes: &[u8], limits: &ImageLimits) -> Result<ImageSummary> {
    at_most("image file", bytes.len(), limits.file_bytes)?;
    let kind = ImageKind::of(bytes)?;
    let (width, height) = match kind {
        ImageKind::Png => png_size(bytes)?,
        ImageKind::Jpeg => jpeg_size(bytes)?,
        ImageKind::Dicom => return Err(bad("it is a DICOM file; read it as one")),
    };
    if width == 0 || height == 0 {
        return Err(bad("a side has no pixels"));
    }
    at_most(
        "image side",
        width.max(height) as usize,
        limits.side as usize,
    )?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.pixels {
        let (limit, found) = (clamp(limits.pixels), clamp(pixels));
        return Err(Error::TooLarge {
            what: "image pixels",
            limit,
            found,
        });
    }
    let complete = match kind {
        ImageKind::Png => bytes.ends_with(PNG_END),
        _ => bytes.ends_with(&[0xff, 0xd9]),
    };
    Ok(ImageSummary {
        kind,
        width,
        height,
        complete,
    })
}

fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn bad(reason: &str) -> Error {
    Error::BadImage {
        reason: reason.into(),
    }
}

/// `N` bytes at `at`.
fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let end = at.checked_add(N);
    let slice = end.and_then(|end| bytes.get(at..end));
    slice
        .and_then(|s| s.try_into().ok())
        .ok_or(Error::TruncatedImage { at: at as u64 })
}

/// The IHDR chunk, which comes first: 13 bytes, width and height in front.
fn png_size(bytes: &[u8]) -> Result<(u32, u32)> {
    if take::<8>(bytes, 8)? != *b"\0\0\0\x0dIHDR" {
        return Err(bad("its first PNG chunk is no IHDR"));
    }
    let width = u32::from_be_bytes(take(bytes, 16)?);
    let height = u32::from_be_bytes(take(bytes, 20)?);
    let [depth, colour, ..] = take::<5>(bytes, 24)?;
    let allowed: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => return Err(bad("its PNG colour type does not exist")),
    };
    if allowed.contains(&depth) {
        Ok((width, height))
    } else {
        Err(bad("its PNG bit depth is wrong"))
    }
}

/// Walks the marker segments up to the frame header (SOF), which has height and width.
fn jpeg_size(bytes: &[u8]) -> Result<(u32, u32)> {
    let mut at = 2;
    loop {
        let [mark, kind] = take::<2>(bytes, at)?;
        if mark != 0xff {
            return Err(bad("a JPEG marker is missing"));
        }
        match kind {
            // Fill byte.
            0xff => at += 1,
            // Markers without a segment: TEM, RST0 to RST7.
            0x01 | 0xd0..=0xd7 => at += 2,
            // SOF0 to SOF15, but for DHT, JPG and DAC, which share the range.
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let height = u32::from(u16::from_be_bytes(take(bytes, at + 5)?));
                let width = u32::from(u16::from_be_bytes(take(bytes, at + 7)?));
                return Ok((width, height));
            }
            0xd8..=0xda => return Err(bad("its JPEG frame header is missing")),
            _ => {
                let length = usize::from(u16::from_be_bytes(take(bytes, at + 2)?));
                if length < 2 {
                    return Err(bad("a JPEG segment has an impossible length"));
                }
                at += 2 + length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = [PNG, b"\0\0\0\x0dIHDR"].concat();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(PNG_END);
        bytes
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![
            0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc2, 0, 11, 8,
        ];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
        bytes
    }

    #[test]
    fn sizes_are_read_from_the_headers() {
        let limits = ImageLimits::default();
        let found = sniff(&png(640, 480), &limits).unwrap();
        assert_eq!(
            (found.kind, found.width, found.height),
            (ImageKind::Png, 640, 480)
        );
        assert!(found.complete);
        let found = sniff(&jpeg(640, 480), &limits).unwrap();
        assert_eq!(
            (found.kind, found.width, found.height),
            (ImageKind::Jpeg, 640, 480)
        );
        assert!(found.complete);
        let cut = &jpeg(640, 480)[..18];
        assert!(!sniff(cut, &limits).unwrap().complete);
    }

    #[test]
    fn bombs_are_refused_by_their_header() {
        let limits = ImageLimits {
            side: 1000,
            pixels: 500_000,
            ..Default::default()
        };
        assert!(sniff(&png(1000, 500), &limits).is_ok());
        for (width, height) in [(1001, 1), (1, 1001), (1000, 501), (u32::MAX, u32::MAX)] {
            let error = sniff(&png(width, height), &limits).unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        }
        assert!(matches!(
            sniff(&png(0, 5), &limits),
            Err(Error::BadImage { .. })
        ));
        let small = ImageLimits {
            file_bytes: 10,
            ..limits
        };
        assert!(matches!(
            sniff(&png(1, 1), &small),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        let limits = ImageLimits::default();
        assert_eq!(sniff(&[], &limits), Err(Error::EmptyFile));
        assert!(matches!(
            sniff(b"GIF89a", &limits),
            Err(Error::BadImage { .. })
        ));
        let file = png(640, 480);
        for len in 8..29 {
            let error = sniff(&file[..len], &limits).unwrap_err();
            assert!(
                matches!(error, Error::TruncatedImage { .. }),
                "{len}: {error}"
            );
        }
        let file = jpeg(640, 480);
        for len in 3..18 {
            assert!(sniff(&file[..len], &limits).is_err(), "{len}");
        }
    }
}
