//! Pixel data, by reference (PS3.5, A.4).

use std::borrow::Cow;

use super::structure::Span;

/// What Pixel Data holds.
pub enum PixelData<'a> {
    /// Frames one behind the other, numbers in little endian.
    Native(Cow<'a, [u8]>),
    /// Code streams in fragments.
    Encapsulated(Fragments<'a>),
}

/// The fragments of encapsulated pixel data.
#[derive(Clone, Copy)]
pub struct Fragments<'a> {
    bytes: &'a [u8],
    /// The offset table's item.
    table: Option<Span>,
    spans: &'a [Span],
}

impl<'a> Fragments<'a> {
    pub(crate) fn new(bytes: &'a [u8], items: &'a [Span]) -> Self {
        let (table, spans) = items.split_first().unzip();
        Self {
            bytes,
            table: table.copied(),
            spans: spans.unwrap_or_default(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A fragment's bytes.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| self.slice(*span))
    }

    /// The code stream of `frame` (from 0) of `frames`. A frame may be spread over several
    /// fragments: the offset table tells which are whose, and without one each frame begins where
    /// a code stream begins.
    #[must_use]
    pub fn frame(&self, frame: usize, frames: usize) -> Option<Cow<'a, [u8]>> {
        if self.spans.len() == frames {
            return self.get(frame).map(Cow::Borrowed);
        }
        if frames <= 1 {
            return Some(self.join(0, self.spans.len()));
        }
        let starts = self.starts_by_table(frames);
        let starts = starts.unwrap_or_else(|| self.starts_by_marker());
        let start = *starts.get(frame)?;
        let end = starts.get(frame + 1).copied();
        Some(self.join(start, end.unwrap_or(self.spans.len())))
    }

    fn slice(&self, (start, len): Span) -> &'a [u8] {
        let start = start as usize;
        self.bytes
            .get(start..start + len as usize)
            .unwrap_or_default()
    }

    fn join(&self, start: usize, end: usize) -> Cow<'a, [u8]> {
        match self.spans.get(start..end).unwrap_or_default() {
            [one] => Cow::Borrowed(self.slice(*one)),
            several => several
                .iter()
                .flat_map(|span| self.slice(*span))
                .copied()
                .collect(),
        }
    }

    /// The fragment with which each frame begins, by the Basic Offset Table: offsets from the
    /// first fragment's item tag, which stands eight bytes before its value.
    fn starts_by_table(&self, frames: usize) -> Option<Vec<usize>> {
        let table = self.slice(self.table?);
        let offsets = table.as_chunks::<4>().0;
        if offsets.len() != frames {
            return None;
        }
        let first = self.spans.first()?.0;
        let find = |offset: &[u8; 4]| {
            let at = first.checked_add(u32::from_le_bytes(*offset))?;
            self.spans.binary_search_by_key(&at, |span| span.0).ok()
        };
        let starts: Option<Vec<usize>> = offsets.iter().map(find).collect();
        starts.filter(|starts| starts.is_sorted())
    }

    fn starts_by_marker(&self) -> Vec<usize> {
        let begins = |span: &Span| {
            let stream = self.slice(*span);
            stream.starts_with(&[0xFF, 0xD8])
                || stream.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])
                || stream.get(4..8) == Some(b"jP  ")
        };
        let all = self.spans.iter().enumerate();
        all.filter(|(_, span)| begins(span))
            .map(|(index, _)| index)
            .collect()
    }
}
