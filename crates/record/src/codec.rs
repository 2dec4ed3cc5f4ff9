//! Canonical DAG-CBOR: one value, one encoding.
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result, at_most};

/// Encodes `value` as canonical DAG-CBOR.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Writing to memory fails only where an allocation does, and the types of this crate have no
    // map keys other than strings and no floats, the other cases that the serialiser refuses.
    serde_ipld_dagcbor::to_vec(value).expect("types of this crate always encode")
}

/// Decodes `bytes` as `what`, refusing more than `limit` bytes and any encoding that is not the
/// canonical one: what was decoded is encoded again and must give the same bytes.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
    limit: usize,
) -> Result<T> {
    at_most(what, bytes.len(), limit)?;
    let value: T = serde_ipld_dagcbor::from_slice(bytes).map_err(|e| Error::Malformed {
        what,
        reason: e.to_string(),
    })?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(Error::NotCanonical { what })
    }
}

/// Serde helper: the format number of a document, which must be 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Format1;

impl Serialize for Format1 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(1)
    }
}

impl<'de> serde::Deserialize<'de> for Format1 {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match u8::deserialize(d)? {
            1 => Ok(Self),
            n => Err(serde::de::Error::custom(format!(
                "format {n} is not known here; a newer release of Stele reads it"
            ))),
        }
    }
}
