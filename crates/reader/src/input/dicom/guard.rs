//! A look at the lengths in a DICOM file before it is parsed.
//!
//! A parser sets memory aside for what an element's length says. Here every length is held against
//! the bytes that are there, so that a file of a few bytes cannot claim gigabytes.

use crate::Error;

/// How deep sequences may nest.
const MAX_DEPTH: usize = 32;
const UNDEFINED: u32 = u32::MAX;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_END: u32 = 0xFFFE_E00D;
const SEQUENCE_END: u32 = 0xFFFE_E0DD;
const PIXEL_DATA: u32 = 0x7FE0_0010;
const TRANSFER_SYNTAX: u32 = 0x0002_0010;

/// Walk through the whole file and return its transfer syntax UID.
pub(super) fn check(bytes: &[u8]) -> Result<String, Error> {
    let mut walk = Walk {
        bytes,
        at: 132,
        explicit: true,
        big: false,
    };
    let mut syntax = String::new();
    while walk.group() == Some(2) {
        let (tag, vr, length) = walk.header()?;
        let start = walk.at;
        walk.skip(length)?;
        // A single SQ in the file meta group would be out of order.
        if vr == Some(*b"SQ") {
            return Err(damaged());
        }
        if tag == TRANSFER_SYNTAX {
            let value = String::from_utf8_lossy(&bytes[start..walk.at]);
            syntax = value.trim_matches(['\0', ' ']).to_owned();
        }
    }
    match syntax.as_str() {
        "" => Err(Error::Input(
            "the DICOM file does not say its transfer syntax: export it again".into(),
        )),
        // Deflated: inflating it could cost any amount of memory; refused by the caller.
        "1.2.840.10008.1.2.1.99" => Ok(syntax),
        uid => {
            walk.explicit = uid != "1.2.840.10008.1.2";
            walk.big = uid == "1.2.840.10008.1.2.2";
            walk.data_set()?;
            Ok(syntax)
        }
    }
}

fn damaged() -> Error {
    Error::Input(
        "the DICOM file is damaged: an element is longer than the file; export it again".into(),
    )
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    explicit: bool,
    big: bool,
}

impl Walk<'_> {
    fn data_set(&mut self) -> Result<(), Error> {
        // One entry per open sequence of undefined length: whether explicit VRs hold outside of it.
        let mut open: Vec<bool> = Vec::new();
        while self.at < self.bytes.len() {
            // Trailing padding of fewer bytes than a header.
            if self.bytes.len() - self.at < 8 {
                return Ok(());
            }
            let (tag, vr, length) = self.header()?;
            let sequence = vr == Some(*b"SQ") || (vr.is_none() && self.begins_with_item());
            match (tag, length) {
                (ITEM, _) => {}
                (SEQUENCE_END, _) => self.explicit = open.pop().unwrap_or(self.explicit),
                (t, _) if t >> 16 == 0xFFFE => {}
                (PIXEL_DATA, UNDEFINED) => self.fragments()?,
                (_, UNDEFINED) => {
                    if open.len() == MAX_DEPTH {
                        return Err(Error::Input(
                            "the DICOM file nests its sequences too deeply".into(),
                        ));
                    }
                    open.push(self.explicit);
                    // An unknown element of undefined length holds implicit VRs (PS3.5 6.2.2).
                    self.explicit &= vr != Some(*b"UN");
                }
                (_, length) if sequence && self.fits(length) => {}
                (_, length) => self.skip(length)?,
            }
        }
        Ok(())
    }

    /// The items of encapsulated pixel data.
    fn fragments(&mut self) -> Result<(), Error> {
        loop {
            let (tag, _, length) = self.header()?;
            match tag {
                ITEM => self.skip(length)?,
                SEQUENCE_END => return Ok(()),
                _ => return Err(damaged()),
            }
        }
    }

    fn group(&self) -> Option<u16> {
        self.bytes.get(self.at..self.at + 2).map(|b| self.short(b))
    }

    fn begins_with_item(&self) -> bool {
        self.bytes
            .get(self.at..self.at + 4)
            .is_some_and(|b| self.tag(b) == ITEM)
    }

    /// Tag, VR and length of the element that begins here; the position moves behind its header.
    fn header(&mut self) -> Result<(u32, Option<[u8; 2]>, u32), Error> {
        let head = self.bytes.get(self.at..self.at + 8).ok_or_else(damaged)?;
        let tag = self.tag(head);
        let delimiter = matches!(tag, ITEM | ITEM_END | SEQUENCE_END);
        if tag >> 16 == 0xFFFE && !delimiter {
            // Parsers differ about what follows: a length that we do not see could be any.
            return Err(damaged());
        }
        if !self.explicit || delimiter {
            self.at += 8;
            return Ok((tag, None, self.long(&head[4..])));
        }
        let vr = [head[4], head[5]];
        let short = matches!(
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
        );
        if short {
            self.at += 8;
            return Ok((tag, Some(vr), u32::from(self.short(&head[6..]))));
        }
        let length = self
            .bytes
            .get(self.at + 8..self.at + 12)
            .ok_or_else(damaged)?;
        self.at += 12;
        Ok((tag, Some(vr), self.long(length)))
    }

    fn fits(&self, length: u32) -> bool {
        length as usize <= self.bytes.len() - self.at
    }

    fn skip(&mut self, length: u32) -> Result<(), Error> {
        if !self.fits(length) {
            return Err(damaged());
        }
        self.at += length as usize;
        Ok(())
    }

    fn short(&self, b: &[u8]) -> u16 {
        if self.big {
            u16::from_be_bytes([b[0], b[1]])
        } else {
            u16::from_le_bytes([b[0], b[1]])
        }
    }

    fn long(&self, b: &[u8]) -> u32 {
        let bytes = [b[0], b[1], b[2], b[3]];
        if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn tag(&self, b: &[u8]) -> u32 {
        u32::from(self.short(b)) << 16 | u32::from(self.short(&b[2..]))
    }
}
