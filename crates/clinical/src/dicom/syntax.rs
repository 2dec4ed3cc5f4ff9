//! Transfer syntaxes: how a data set's bytes are to be read (PS3.5, 10 and annex A).

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// Whether each element names its VR.
    pub(crate) explicit: bool,
    /// Whether numbers are big endian.
    pub(crate) big: bool,
}

impl Encoding {
    pub(crate) const IMPLICIT: Self = Self {
        explicit: false,
        big: false,
    };
    pub(crate) const EXPLICIT: Self = Self {
        explicit: true,
        big: false,
    };
    pub(crate) const BIG_ENDIAN: Self = Self {
        explicit: true,
        big: true,
    };

    pub(crate) fn short(self, bytes: [u8; 2]) -> u16 {
        if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    pub(crate) fn long(self, bytes: [u8; 4]) -> u32 {
        if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// The UID of the uncompressed transfer syntax.
    pub(crate) fn uid(self) -> &'static str {
        match (self.explicit, self.big) {
            (_, true) => BIG_ENDIAN,
            (true, false) => EXPLICIT,
            (false, false) => IMPLICIT,
        }
    }
}

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// Deflated Explicit VR Little Endian.
pub(crate) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// JPEG, JPEG-LS, JPEG 2000, MPEG, HTJ2K, JPEG XL: explicit, little endian, pixels encapsulated.
const COMPRESSED: &str = "1.2.840.10008.1.2.4.";
/// JPIP Referenced Deflate: its pixels are elsewhere.
const JPIP_DEFLATED: &str = "1.2.840.10008.1.2.4.95";
const RLE: &str = "1.2.840.10008.1.2.5";
/// Encapsulated Uncompressed Explicit VR Little Endian.
const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";
/// Deflated Image Frame Compression.
const DEFLATED_FRAMES: &str = "1.2.840.10008.1.2.8.1";

/// How the data set of a transfer syntax is written, once inflated; `None` for a syntax that is not
/// known.
pub(crate) fn encoding_of(uid: &str) -> Option<Encoding> {
    match uid {
        IMPLICIT => Some(Encoding::IMPLICIT),
        BIG_ENDIAN => Some(Encoding::BIG_ENDIAN),
        JPIP_DEFLATED => None,
        EXPLICIT | DEFLATED | RLE | ENCAPSULATED | DEFLATED_FRAMES => Some(Encoding::EXPLICIT),
        uid if uid.starts_with(COMPRESSED) => Some(Encoding::EXPLICIT),
        _ => None,
    }
}
