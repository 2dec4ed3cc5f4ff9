//! The subset of the protobuf wire format that dag-pb and UnixFS use, read strictly.
//!
//! Libraries for it skip what they do not know and cut numbers off silently; content addressing
//! wants one reading of each byte string, so unknown wire types, overlong numbers and lengths past
//! the end are errors here.

use unsigned_varint::{decode, encode};

use crate::{Error, Result};

/// A field's value as found on the wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5 (UnixFS keeps the nanoseconds of a time so).
    Fixed32,
}

/// Reads fields one by one until the input ends.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(what: &'static str, rest: &'a [u8]) -> Self {
        Self { rest, what }
    }

    fn error(&self, why: &'static str) -> Error {
        Error::malformed(self.what, why)
    }

    fn varint(&mut self) -> Result<u64> {
        let (value, rest) = decode::u64(self.rest).map_err(|_| self.error("bad varint"))?;
        self.rest = rest;
        Ok(value)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| self.error("length past the end"))?;
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.error("length past the end"))?;
        self.rest = rest;
        Ok(head)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed32)?,
            _ => return Err(self.error("unexpected wire type")),
        };
        Ok((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(encode::u64(value, &mut encode::u64_buffer()));
}

/// Appends a number field.
pub(crate) fn put_number(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

/// Appends a field of bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_lengths_are_errors() {
        for bytes in [
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
            &[0x0a, 5, 1],
            &[0x0b],
            &[0x80],
            &[0x0d, 1],
        ] {
            assert!(Fields::new("test", bytes).any(|f| f.is_err()), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, bytes: Vec<u8>) {
            let mut out = Vec::new();
            put_number(&mut out, 3, number);
            put_bytes(&mut out, 1, &bytes);
            let fields: Vec<_> = Fields::new("test", &out).map(Result::unwrap).collect();
            prop_assert_eq!(fields, vec![(3, Value::Varint(number)), (1, Value::Bytes(&bytes))]);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let count = Fields::new("test", &bytes).count();
            prop_assert!(count <= bytes.len());
        }
    }
}
