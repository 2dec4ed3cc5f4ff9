//! The walk through the bytes of a data set: where each element lies (PS3.5, 7).

use super::DicomLimits;
use super::syntax::Encoding;
use super::tags::{ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END, Tag};
use crate::error::{Error, Result, at_most};

/// A length that is not stated: what ends the value is a delimiter.
const UNDEFINED: u32 = u32::MAX;
/// Group and number, or either and a length.
const HEADER: usize = 8;

/// Where the value of an element lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) tag: Tag,
    /// `None` where the element names none.
    pub(crate) vr: Option<Vr>,
    pub(crate) encoding: Encoding,
    start: u32,
    len: u32,
}

impl Entry {
    pub(crate) fn value(self, bytes: &[u8]) -> &[u8] {
        let start = self.start as usize;
        // The walk has seen that the value is there.
        bytes
            .get(start..start + self.len as usize)
            .unwrap_or_default()
    }
}

/// Where a fragment of encapsulated pixel data lies: offset and length.
pub(crate) type Span = (u32, u32);

/// The two letters of a value representation.
pub(crate) type Vr = [u8; 2];

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    /// The elements of the top level, in their order.
    pub(crate) elements: Vec<Entry>,
    /// The items of encapsulated pixel data; the first is the offset table.
    pub(crate) fragments: Option<Vec<Span>>,
    /// Bytes up to the end of the last element.
    pub(crate) consumed: usize,
}

/// The head of an element.
struct Head {
    tag: Tag,
    vr: Option<Vr>,
    len: u32,
    /// How the value is written.
    encoding: Encoding,
}

/// A position in the bytes, and what has been met so far.
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: &'a DicomLimits,
    met: usize,
}

impl<'a> Walk<'a> {
    /// A walk over `bytes`, which are less than 4 GiB.
    pub(crate) fn new(bytes: &'a [u8], limits: &'a DicomLimits) -> Self {
        Self {
            bytes,
            at: 0,
            limits,
            met: 0,
        }
    }

    /// All elements to the end.
    pub(crate) fn data_set(mut self, encoding: Encoding) -> Result<Structure> {
        let mut found = Structure::default();
        while self.at < self.bytes.len() && !self.padding_begins()? {
            let head = self.head(encoding)?;
            self.element(&head, 0, &mut found)?;
        }
        found.consumed = self.at;
        Ok(found)
    }

    /// The elements of the file meta group, which ends where another group begins.
    pub(crate) fn meta_group(mut self) -> Result<Structure> {
        let mut found = Structure::default();
        while self.bytes.get(self.at..self.at + 2) == Some(&[2, 0]) {
            let head = self.head(Encoding::EXPLICIT)?;
            if head.len == UNDEFINED {
                return Err(Error::bad_image("its header holds a sequence"));
            }
            self.element(&head, 0, &mut found)?;
        }
        found.consumed = self.at;
        Ok(found)
    }

    /// The next item of a sequence whose value `bytes` are; `None` behind the last.
    pub(crate) fn next_item(&mut self, encoding: Encoding) -> Result<Option<Structure>> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let (tag, len) = self.delimiter(encoding)?;
        match tag {
            ITEM => {}
            SEQUENCE_END => return Ok(None),
            _ => return Err(no_item()),
        }
        let mut found = Structure::default();
        let encoding = self.encoding_here(encoding);
        if len == UNDEFINED {
            self.item(encoding, 1, &mut found)?;
        } else {
            let end = self.end_of(len)?;
            while self.at < end {
                let head = self.head(encoding)?;
                self.element(&head, 1, &mut found)?;
                if self.at > end {
                    return Err(self.truncated());
                }
            }
        }
        Ok(Some(found))
    }

    /// Steps over an element whose head was read, and keeps where it lies.
    fn element(&mut self, head: &Head, depth: usize, found: &mut Structure) -> Result<()> {
        let start = self.at;
        if head.tag.group() == 0xFFFE {
            let why = "a sequence or item ends that never began";
            return Err(Error::bad_image(why));
        }
        match head.len {
            UNDEFINED if is_encapsulated(head) => {
                let fragments = self.fragments(head.encoding)?;
                if depth == 0 && head.tag == PIXEL_DATA {
                    found.fragments = Some(fragments);
                }
            }
            UNDEFINED => self.sequence(head.encoding, depth + 1)?,
            len => {
                self.at = self.end_of(len)?;
                if depth == 0 && head.tag == PIXEL_DATA {
                    found.fragments = None;
                }
            }
        }
        found.elements.push(Entry {
            tag: head.tag,
            vr: head.vr,
            encoding: head.encoding,
            // At most the limit of a file, which is below 4 GiB.
            start: start as u32,
            len: (self.at - start) as u32,
        });
        Ok(())
    }

    /// Steps over the items of a sequence of undefined length.
    fn sequence(&mut self, encoding: Encoding, depth: usize) -> Result<()> {
        at_most("DICOM nesting", depth, self.limits.depth)?;
        loop {
            match self.delimiter(encoding)? {
                (ITEM, UNDEFINED) => {
                    let encoding = self.encoding_here(encoding);
                    self.item(encoding, depth, &mut Structure::default())?;
                }
                (ITEM, len) => self.at = self.end_of(len)?,
                (SEQUENCE_END, _) => return Ok(()),
                _ => return Err(no_item()),
            }
        }
    }

    /// Steps over the elements of an item of undefined length.
    fn item(&mut self, encoding: Encoding, depth: usize, found: &mut Structure) -> Result<()> {
        loop {
            let head = self.head(encoding)?;
            if head.tag == ITEM_END {
                return Ok(());
            }
            self.element(&head, depth, found)?;
        }
    }

    fn fragments(&mut self, encoding: Encoding) -> Result<Vec<Span>> {
        let mut fragments = Vec::new();
        loop {
            match self.delimiter(encoding)? {
                (ITEM, len) => {
                    let end = self.end_of(len)?;
                    fragments.push((self.at as u32, len));
                    self.at = end;
                }
                (SEQUENCE_END, _) => return Ok(fragments),
                _ => return Err(Error::bad_image("its pixel data is not made of fragments")),
            }
        }
    }

    /// Tag and length of an item or delimiter.
    fn delimiter(&mut self, encoding: Encoding) -> Result<(Tag, u32)> {
        let head = self.take::<HEADER>()?;
        Ok((tag(head, encoding), length(head, encoding)))
    }

    /// The head of the element that begins here.
    fn head(&mut self, encoding: Encoding) -> Result<Head> {
        self.met += 1;
        at_most("DICOM elements", self.met, self.limits.elements)?;
        let head = self.take::<HEADER>()?;
        let tag = tag(head, encoding);
        let vr = [head[4], head[5]];
        let delimits = matches!(tag, ITEM | ITEM_END | SEQUENCE_END);
        if tag.group() == 0xFFFE && !delimits {
            // Readers differ about what follows: a length that is not seen could be any.
            return Err(Error::bad_image(format!("an element {tag} does not exist")));
        }
        let named = encoding.explicit && vr.iter().all(u8::is_ascii_uppercase);
        if delimits || !named {
            // Some programs write implicit elements among explicit ones.
            return Ok(Head {
                tag,
                vr: None,
                len: length(head, encoding),
                encoding: Encoding {
                    explicit: false,
                    ..encoding
                },
            });
        }
        let len = if has_short_length(vr) {
            u32::from(encoding.short([head[6], head[7]]))
        } else {
            encoding.long(self.take::<4>()?)
        };
        // An unknown element of undefined length holds implicit VRs, little endian.
        let encoding = if vr == *b"UN" {
            Encoding::IMPLICIT
        } else {
            encoding
        };
        Ok(Head {
            tag,
            vr: Some(vr),
            len,
            encoding,
        })
    }

    /// How the item that begins here is written: some programs write explicit elements where
    /// implicit ones are due.
    fn encoding_here(&self, encoding: Encoding) -> Encoding {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if encoding == Encoding::IMPLICIT && begins_explicit(rest) {
            Encoding::EXPLICIT
        } else {
            encoding
        }
    }

    /// Whether zeros are all that is left. No element begins with eight of them, so that the rest
    /// is looked through once at most.
    fn padding_begins(&self) -> Result<bool> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        if !zeros(&rest[..rest.len().min(HEADER)]) {
            return Ok(false);
        }
        if zeros(rest) {
            return Ok(true);
        }
        Err(Error::bad_image("zeros stand between its elements"))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let found = self.bytes.get(self.at..).and_then(|b| b.first_chunk::<N>());
        let found = *found.ok_or_else(|| self.truncated())?;
        self.at += N;
        Ok(found)
    }

    fn end_of(&self, len: u32) -> Result<usize> {
        let end = self.at.checked_add(len as usize);
        end.filter(|end| *end <= self.bytes.len())
            .ok_or_else(|| self.truncated())
    }

    fn truncated(&self) -> Error {
        Error::TruncatedImage { at: self.at as u64 }
    }
}

fn no_item() -> Error {
    Error::bad_image("a sequence holds something else than items")
}

/// Whether a value of undefined length is made of fragments and not of items with elements.
fn is_encapsulated(head: &Head) -> bool {
    head.tag == PIXEL_DATA || matches!(head.vr.as_ref(), Some(b"OB" | b"OW"))
}

fn tag(head: [u8; HEADER], encoding: Encoding) -> Tag {
    Tag(
        encoding.short([head[0], head[1]]),
        encoding.short([head[2], head[3]]),
    )
}

fn length(head: [u8; HEADER], encoding: Encoding) -> u32 {
    encoding.long([head[4], head[5], head[6], head[7]])
}

/// Whether the length has 16 bits (PS3.5, table 7.1-2). VRs to come will have 32.
pub(crate) fn has_short_length(vr: Vr) -> bool {
    matches!(
        &vr,
        b"AE"
            | b"AS"
            | b"AT"
            | b"CS"
            | b"DA"
            | b"DS"
            | b"DT"
            | b"FL"
            | b"FD"
            | b"IS"
            | b"LO"
            | b"LT"
            | b"PN"
            | b"SH"
            | b"SL"
            | b"SS"
            | b"ST"
            | b"TM"
            | b"UI"
            | b"UL"
            | b"US"
    )
}

fn has_long_length(vr: Vr) -> bool {
    matches!(
        &vr,
        b"OB"
            | b"OD"
            | b"OF"
            | b"OL"
            | b"OV"
            | b"OW"
            | b"SQ"
            | b"SV"
            | b"UC"
            | b"UN"
            | b"UR"
            | b"UT"
            | b"UV"
    )
}

/// Whether an element of a known VR begins here, little endian.
pub(crate) fn begins_explicit(bytes: &[u8]) -> bool {
    let vr = bytes.get(4..6).and_then(|b| <Vr>::try_from(b).ok());
    vr.is_some_and(|vr| {
        has_short_length(vr) || (has_long_length(vr) && bytes.get(6..8) == Some(&[0, 0]))
    })
}

/// How a data set without a header is written, if these bytes begin one: its first elements are of
/// group 8, in order and inside the file.
pub(crate) fn sniff(bytes: &[u8]) -> Option<Encoding> {
    let encoding = match bytes {
        [8, 0, ..] if begins_explicit(bytes) => Encoding::EXPLICIT,
        [8, 0, ..] => Encoding::IMPLICIT,
        [0, 8, _, _, a, b, ..] if has_short_length([*a, *b]) => Encoding::BIG_ENDIAN,
        _ => return None,
    };
    let limits = DicomLimits::default();
    let mut walk = Walk::new(bytes, &limits);
    let mut last = None;
    for _ in 0..3 {
        let head = walk.head(encoding).ok()?;
        let in_order = last.is_none_or(|last| last < head.tag) && head.tag.group() <= 0x7FE0;
        if !in_order || head.len == UNDEFINED {
            return (in_order && last.is_some()).then_some(encoding);
        }
        walk.at = walk.end_of(head.len).ok()?;
        last = Some(head.tag);
    }
    Some(encoding)
}
