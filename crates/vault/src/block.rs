//! Blocks: bytes together with the CID they hash to.

use bytes::Bytes;
use cid::{Cid, Version};
use multihash::Multihash;
use sha2::{Digest, Sha256, Sha512};

use crate::{Error, Result};

/// Multicodec of raw bytes: a leaf of a file.
pub const RAW: u64 = 0x55;
/// Multicodec of dag-pb: an inner node of a file, or a directory.
pub const DAG_PB: u64 = 0x70;
/// Multicodec of DAG-CBOR.
pub const DAG_CBOR: u64 = 0x71;
/// Multihash code of sha2-256.
pub const SHA2_256: u64 = 0x12;
/// Multihash code of sha2-512. Names of this crate's own are sha2-256; others' blocks may have this.
pub const SHA2_512: u64 = 0x13;
/// Multihash code of the identity "hash": the CID holds the bytes themselves.
pub const IDENTITY: u64 = 0x00;
/// Largest block that is stored, served or accepted, in bytes. Kubo and Bitswap use the same.
pub const MAX_BLOCK: usize = 2 * 1024 * 1024;
/// Longest identity digest that is accepted, in bytes.
pub const MAX_IDENTITY: usize = 128;

/// Bytes whose CID is known to be right: a `Block` cannot be made otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    data: Bytes,
}

impl Block {
    /// Hashes `data` and names it by a CIDv1 (sha2-256) of `codec`.
    ///
    /// # Errors
    /// [`Error::Limit`] over [`MAX_BLOCK`].
    pub fn new(codec: u64, data: impl Into<Bytes>) -> Result<Self> {
        let data = data.into();
        check_len(data.len())?;
        Ok(Self {
            cid: cid_of(codec, &data),
            data,
        })
    }

    /// Accepts `data` as the block named `cid` after hashing it.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the bytes are others, [`Error::Limit`] over [`MAX_BLOCK`],
    /// [`Error::UnsupportedCid`] for another hash function.
    pub fn verified(cid: &Cid, data: impl Into<Bytes>) -> Result<Self> {
        let data = data.into();
        check_len(data.len())?;
        check_bytes(cid, &data)?;
        Ok(Self { cid: *cid, data })
    }

    /// The block's name.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The block's bytes.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The bytes alone.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }
}

fn check_len(len: usize) -> Result<()> {
    if len > MAX_BLOCK {
        return Err(Error::Limit {
            what: "block size in bytes",
            limit: MAX_BLOCK as u64,
        });
    }
    Ok(())
}

/// CIDv1 with sha2-256 of `data`.
#[must_use]
pub fn cid_of(codec: u64, data: &[u8]) -> Cid {
    Cid::new_v1(codec, sha256_multihash(data))
}

fn sha256_multihash(data: &[u8]) -> Multihash<64> {
    let digest = Sha256::digest(data);
    // A 32-byte digest always fits the 64 bytes that `Cid` reserves.
    Multihash::wrap(SHA2_256, digest.as_slice()).unwrap_or_default()
}

/// Whether `data` hashes to `cid`.
pub(crate) fn check_bytes(cid: &Cid, data: &[u8]) -> Result<()> {
    let hash = cid.hash();
    let matches = match hash.code() {
        SHA2_256 => hash.digest() == Sha256::digest(data).as_slice(),
        SHA2_512 => hash.digest() == Sha512::digest(data).as_slice(),
        IDENTITY if hash.digest().len() <= MAX_IDENTITY => hash.digest() == data,
        other => {
            return Err(Error::UnsupportedCid(format!(
                "{cid} (hash function 0x{other:x})"
            )));
        }
    };
    if matches {
        Ok(())
    } else {
        Err(Error::Damaged(*cid))
    }
}

/// The bytes that an identity CID carries in itself, if it is one.
#[must_use]
pub fn inline_data(cid: &Cid) -> Option<Bytes> {
    (cid.hash().code() == IDENTITY).then(|| Bytes::copy_from_slice(cid.hash().digest()))
}

/// The one form under which a block is stored: CIDv0 becomes its CIDv1; only the hash functions
/// and codecs of this crate pass.
///
/// # Errors
/// [`Error::UnsupportedCid`].
pub fn normalise(cid: &Cid) -> Result<Cid> {
    let hash = *cid.hash();
    let known_hash = match hash.code() {
        SHA2_256 => hash.size() == 32,
        SHA2_512 => hash.size() == 64,
        IDENTITY => usize::from(hash.size()) <= MAX_IDENTITY,
        _ => false,
    };
    if !known_hash {
        return Err(Error::UnsupportedCid(format!(
            "{cid} (hash function 0x{:x})",
            hash.code()
        )));
    }
    match cid.version() {
        Version::V0 => Ok(Cid::new_v1(DAG_PB, hash)),
        Version::V1 => Ok(*cid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_cid_must_agree() {
        let block = Block::new(RAW, &b"stele"[..]).unwrap();
        assert!(Block::verified(block.cid(), &b"stele"[..]).is_ok());
        assert!(
            matches!(Block::verified(block.cid(), &b"stela"[..]), Err(Error::Damaged(c)) if c == *block.cid())
        );
    }

    #[test]
    fn the_empty_raw_block_has_the_known_cid() {
        // As printed by `ipfs add --cid-version=1 --raw-leaves /dev/null`.
        let empty = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
        assert_eq!(cid_of(RAW, b"").to_string(), empty);
    }

    #[test]
    fn oversized_blocks_are_refused() {
        assert!(matches!(
            Block::new(RAW, vec![0; MAX_BLOCK + 1]),
            Err(Error::Limit { .. })
        ));
        assert!(Block::new(RAW, vec![0; MAX_BLOCK]).is_ok());
    }

    #[test]
    fn other_hash_functions_are_refused() {
        let blake = Cid::new_v1(RAW, Multihash::wrap(0xb220, &[0; 32]).unwrap());
        assert!(matches!(normalise(&blake), Err(Error::UnsupportedCid(_))));
        assert!(matches!(
            Block::verified(&blake, &b""[..]),
            Err(Error::UnsupportedCid(_))
        ));
    }

    #[test]
    fn sha2_512_is_checked_like_sha2_256() {
        // As printed by `echo hello | ipfs add --cid-version 1 --hash sha2-512 -Q`.
        let hello = "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs";
        let cid: Cid = hello.parse().unwrap();
        assert_eq!(normalise(&cid).unwrap(), cid);
        assert!(Block::verified(&cid, &b"hello\n"[..]).is_ok());
        assert!(matches!(
            Block::verified(&cid, &b"hallo\n"[..]),
            Err(Error::Damaged(_))
        ));
        let short = Cid::new_v1(RAW, Multihash::wrap(SHA2_512, &[0; 32]).unwrap());
        assert!(matches!(normalise(&short), Err(Error::UnsupportedCid(_))));
    }

    #[test]
    fn version_0_is_stored_as_version_1() {
        let v1 = cid_of(DAG_PB, b"");
        let v0 = Cid::new_v0(*v1.hash()).unwrap();
        assert_eq!(normalise(&v0).unwrap(), v1);
    }
}
