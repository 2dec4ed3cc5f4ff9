//! A data set: elements by tag, their values by reference.

use std::borrow::Cow;

use super::DicomLimits;
use super::character_set::CharacterSet;
use super::pixels::{Fragments, PixelData};
use super::structure::{Structure, Vr, Walk};
use super::syntax::Encoding;
use super::tags::{
    INSTANCE_NUMBER, NUMBER_OF_FRAMES, PIXEL_DATA, SERIES_NUMBER, SPECIFIC_CHARACTER_SET, Tag,
};
use crate::error::Result;

/// The whole numbers among the known elements that are written as texts (VR IS); where a file names
/// no VR, all others are binary.
const INTEGER_STRINGS: [Tag; 3] = [SERIES_NUMBER, INSTANCE_NUMBER, NUMBER_OF_FRAMES];

/// The elements of a data set or of a sequence's item.
pub struct DataSet<'a> {
    bytes: Cow<'a, [u8]>,
    structure: Structure,
    limits: DicomLimits,
}

impl<'a> DataSet<'a> {
    pub(crate) fn parse(
        bytes: Cow<'a, [u8]>,
        encoding: Encoding,
        limits: &DicomLimits,
    ) -> Result<Self> {
        let structure = Walk::new(&bytes, limits).data_set(encoding)?;
        Ok(Self {
            bytes,
            structure,
            limits: *limits,
        })
    }

    /// The file meta group, and how many bytes it takes.
    pub(crate) fn parse_meta(bytes: &'a [u8], limits: &DicomLimits) -> Result<(Self, usize)> {
        let structure = Walk::new(bytes, limits).meta_group()?;
        let len = structure.consumed;
        let meta = Self {
            bytes: Cow::Borrowed(bytes),
            structure,
            limits: *limits,
        };
        Ok((meta, len))
    }

    /// The element of this tag. Where a file has one twice, the last counts.
    #[must_use]
    pub fn element(&self, tag: Tag) -> Option<Element<'_>> {
        let entry = self.structure.elements.iter().rfind(|e| e.tag == tag)?;
        Some(Element {
            tag,
            vr: entry.vr,
            encoding: entry.encoding,
            bytes: entry.value(&self.bytes),
            limits: &self.limits,
        })
    }

    /// The data sets of a sequence's items, up to the first that cannot be read; none where there
    /// is no such sequence.
    pub fn items(&self, tag: Tag) -> impl Iterator<Item = DataSet<'_>> {
        self.element(tag).into_iter().flat_map(|s| s.items())
    }

    /// Whether the element is there, empty or not.
    #[must_use]
    pub fn has(&self, tag: Tag) -> bool {
        self.structure.elements.iter().any(|e| e.tag == tag)
    }

    /// A text by the data set's character set, trimmed; `None` where it is absent, empty or longer
    /// than the limit of a value.
    #[must_use]
    pub fn text(&self, tag: Tag) -> Option<String> {
        let element = self.element(tag)?;
        let bytes = element.bytes;
        if bytes.len() > self.limits.value_bytes {
            return None;
        }
        let text = self.character_set().decode(bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The first whole number of an element.
    #[must_use]
    pub fn integer(&self, tag: Tag) -> Option<i64> {
        self.element(tag)?.integers().first().copied()
    }

    /// The first decimal number of an element, if it is finite.
    #[must_use]
    pub fn decimal(&self, tag: Tag) -> Option<f64> {
        let decimals = self.element(tag)?.decimals();
        decimals.first().copied().filter(|v| v.is_finite())
    }

    /// How the texts of this data set are written.
    #[must_use]
    pub fn character_set(&self) -> CharacterSet {
        let declared = self.element(SPECIFIC_CHARACTER_SET);
        CharacterSet::of(declared.map(|e| e.bytes).unwrap_or_default())
    }

    /// The pixel data, by reference; `None` where there is none.
    #[must_use]
    pub fn pixels(&self) -> Option<PixelData<'_>> {
        let element = self.element(PIXEL_DATA)?;
        Some(match &self.structure.fragments {
            Some(spans) => PixelData::Encapsulated(Fragments::new(&self.bytes, spans)),
            None => PixelData::Native(element.little_endian()),
        })
    }
}

/// The value of an element.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    tag: Tag,
    vr: Option<Vr>,
    encoding: Encoding,
    bytes: &'a [u8],
    limits: &'a DicomLimits,
}

impl<'a> Element<'a> {
    /// The two letters of the value representation, where the file names one.
    #[must_use]
    pub fn vr(&self) -> Option<&str> {
        self.vr.as_ref().and_then(|vr| str::from_utf8(vr).ok())
    }

    /// The bytes as they are written.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes with numbers in little endian. A value of VR OW is made of words of 16 bits even
    /// where it holds pixels of 8: big endian exchanges those, too (PS3.5, 8.1.1).
    #[must_use]
    pub fn little_endian(&self) -> Cow<'a, [u8]> {
        let unit = match self.vr.as_ref() {
            Some(b"OW" | b"US" | b"SS") => 2,
            Some(b"OL" | b"OF" | b"UL" | b"SL" | b"FL") => 4,
            Some(b"OV" | b"OD" | b"UV" | b"SV" | b"FD") => 8,
            _ => 1,
        };
        if !self.encoding.big || unit == 1 {
            return Cow::Borrowed(self.bytes);
        }
        let mut bytes = self.bytes.to_vec();
        bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        Cow::Owned(bytes)
    }

    /// The value as unsigned numbers of 16 bits; what VR a data set without VRs means is the
    /// caller's to know.
    #[must_use]
    pub fn words(&self) -> Vec<u16> {
        let pairs = self.bytes.chunks_exact(2);
        pairs
            .map(|pair| self.encoding.short([pair[0], pair[1]]))
            .collect()
    }

    /// The value as whole numbers: binary ones by the VR, or unsigned by the size where none is
    /// named, texts (IS, DS) parsed. What is no number is left out; of a value over the limit
    /// nothing is read.
    #[must_use]
    pub fn integers(&self) -> Vec<i64> {
        if self.bytes.len() > self.limits.value_bytes {
            return Vec::new();
        }
        match self.vr.as_ref() {
            Some(b"US" | b"OW") => self.words().into_iter().map(i64::from).collect(),
            Some(b"SS") => {
                let signed = |word: u16| i64::from(word.cast_signed());
                self.words().into_iter().map(signed).collect()
            }
            Some(b"UL") => self.longs().map(i64::from).collect(),
            Some(b"SL") => self.longs().map(|v| i64::from(v.cast_signed())).collect(),
            Some(b"IS" | b"DS") => self.whole_texts(),
            _ if INTEGER_STRINGS.contains(&self.tag) => self.whole_texts(),
            _ if self.bytes.len() == 4 => self.longs().map(i64::from).collect(),
            _ => self.words().into_iter().map(i64::from).collect(),
        }
    }

    /// The value as decimal numbers (DS, or binary ones).
    #[must_use]
    pub fn decimals(&self) -> Vec<f64> {
        if self.bytes.len() > self.limits.value_bytes {
            return Vec::new();
        }
        match self.vr.as_ref() {
            Some(b"FD") => {
                let values = self.little_endian();
                let values = values.as_chunks::<8>().0;
                values.iter().map(|b| f64::from_le_bytes(*b)).collect()
            }
            Some(b"FL") => self.longs().map(|v| f64::from(f32::from_bits(v))).collect(),
            Some(b"US" | b"SS" | b"UL" | b"SL") => {
                self.integers().into_iter().map(|v| v as f64).collect()
            }
            _ => self.texts().filter_map(|t| t.parse().ok()).collect(),
        }
    }

    /// The data sets of a sequence's items, up to the first that cannot be read.
    pub fn items(&self) -> impl Iterator<Item = DataSet<'a>> + use<'a> {
        let encoding = match self.vr.as_ref() {
            Some(b"UN") => Encoding::IMPLICIT,
            _ => self.encoding,
        };
        let (bytes, limits) = (self.bytes, self.limits);
        let mut walk = Walk::new(bytes, limits);
        core::iter::from_fn(move || {
            let structure = walk.next_item(encoding).ok().flatten()?;
            Some(DataSet {
                bytes: Cow::Borrowed(bytes),
                structure,
                limits: *limits,
            })
        })
    }

    fn longs(&self) -> impl Iterator<Item = u32> {
        let groups = self.bytes.as_chunks::<4>().0;
        groups.iter().map(|group| self.encoding.long(*group))
    }

    fn texts(&self) -> impl Iterator<Item = &'a str> {
        let text = str::from_utf8(self.bytes).unwrap_or_default();
        text.split('\\').map(|t| t.trim_matches(['\0', ' ']))
    }

    /// Whole numbers in words; IS that were written as decimals lose what follows the point.
    fn whole_texts(&self) -> Vec<i64> {
        let whole = |t: &str| t.split('.').next().and_then(|t| t.parse().ok());
        self.texts().filter_map(whole).collect()
    }
}
