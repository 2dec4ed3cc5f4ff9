//! Signed checkpoints: what an institution says its log is, as a C2SP note
//! (`c2sp.org/tlog-checkpoint`) and as what the `Log` contract takes. It is one statement and one
//! signature: the note's signature line holds the institution's EIP-712 signature of
//! `Checkpoint {institution, size, root}`, and the origin line names chain, contract and
//! institution, so a note can be verified by itself and anchored by anyone who has it.

use std::fmt;
use std::str::FromStr;

use acts::{Checkpoint, Domain, Signer};
use alloy_primitives::{Address, B256, Bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Longest note that is read, in bytes: 16 signatures of the largest kind fit.
pub const MAX_NOTE: usize = 128 << 10;

/// The signature type in key ids: 0xff, for types without a byte of their own, then a name.
const SIGNATURE_TYPE: &[u8] = b"\xffstele-eip712-checkpoint";

/// First part of every origin.
const ORIGIN_PREFIX: &str = "stele/";

/// Which log it is: the institution's, anchored in this contract on this chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The `Log` contract.
    pub contract: Address,
    /// Whose log it is.
    pub institution: Address,
}

impl fmt::Display for Origin {
    /// `stele/CHAIN/CONTRACT/INSTITUTION`, addresses in lower case with `0x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{ORIGIN_PREFIX}{}/{:#x}/{:#x}",
            self.chain_id, self.contract, self.institution
        )
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let mut parts = text.strip_prefix(ORIGIN_PREFIX)?.split('/');
            let chain_id = parts.next()?.parse().ok()?;
            let contract = parts.next()?.parse().ok()?;
            let institution = parts.next()?.parse().ok()?;
            let origin = Self {
                chain_id,
                contract,
                institution,
            };
            // One spelling only: what parses must print the same.
            (parts.next().is_none() && origin.to_string() == text).then_some(origin)
        };
        parse().ok_or_else(|| {
            Error::malformed("log origin", "expected stele/CHAIN/CONTRACT/INSTITUTION")
        })
    }
}

impl Origin {
    fn statement(&self, size: u64, root: B256) -> Checkpoint {
        Checkpoint {
            institution: self.institution,
            size,
            root,
        }
    }

    /// What the institution signs of a checkpoint.
    fn digest(&self, size: u64, root: B256) -> B256 {
        let domain = Domain {
            chain_id: self.chain_id,
            contract: self.contract,
        };
        domain.digest(&self.statement(size, root))
    }

    /// Id of the institution's key in notes: the first four bytes of
    /// SHA-256(origin ‖ 0x0a ‖ 0xff ‖ "stele-eip712-checkpoint" ‖ address).
    pub fn key_id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(self.to_string())
            .chain_update(b"\n")
            .chain_update(SIGNATURE_TYPE)
            .chain_update(self.institution)
            .finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

/// A checkpoint and its institution's signature. Not verified by being there: call
/// [`SignedCheckpoint::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCheckpoint {
    /// Which log.
    pub origin: Origin,
    /// Entries in it.
    pub size: u64,
    /// Root of its tree.
    pub root: B256,
    /// The institution's EIP-712 signature, 65 bytes r ‖ s ‖ v.
    pub signature: Bytes,
}

impl SignedCheckpoint {
    /// Signs a checkpoint.
    ///
    /// # Errors
    /// [`Error::WrongSigner`] if the key is not the institution's; [`Error::Signing`].
    pub fn sign(origin: Origin, size: u64, root: B256, signer: &dyn Signer) -> Result<Self> {
        if signer.address() != origin.institution {
            let found = signer.address();
            return Err(Error::WrongSigner {
                expected: origin.institution,
                found,
            });
        }
        let signature = signer.sign_digest(&origin.digest(size, root))?;
        Ok(Self {
            origin,
            size,
            root,
            signature: Bytes::copy_from_slice(&signature.as_bytes()),
        })
    }

    /// Checks that the institution that the origin names signed it. That this institution is the
    /// one you mean is for you to check.
    ///
    /// # Errors
    /// [`Error::WrongSigner`], [`Error::BadSignature`].
    pub fn verify(&self) -> Result<()> {
        let expected = self.origin.institution;
        let digest = self.origin.digest(self.size, self.root);
        let found = acts::recover(&digest, &self.signature)?;
        if found != expected {
            return Err(Error::WrongSigner { expected, found });
        }
        Ok(())
    }

    /// The struct that was signed, as the contract takes it.
    pub fn statement(&self) -> Checkpoint {
        self.origin.statement(self.size, self.root)
    }

    /// The note: four lines of text, an empty line, and a signature line.
    pub fn to_note(&self) -> String {
        let origin = self.origin.to_string();
        let mut signature = self.origin.key_id().to_vec();
        signature.extend_from_slice(&self.signature);
        format!(
            "{origin}\n{}\n{}\n\n\u{2014} {origin} {}\n",
            self.size,
            BASE64.encode(self.root),
            BASE64.encode(signature)
        )
    }

    /// Reads a note and verifies its signature. Signature lines of other keys, as of witnesses,
    /// are passed over; extension lines are refused, since the signature does not cover them.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::WrongSigner`], [`Error::BadSignature`].
    pub fn from_note(note: &str) -> Result<Self> {
        let fail = |reason: &str| Error::malformed("checkpoint note", reason);
        if note.len() > MAX_NOTE {
            return Err(fail("it is longer than 128 KiB"));
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(fail("it holds control characters"));
        }
        let end = note
            .rfind("\n\n")
            .ok_or_else(|| fail("no empty line before the signatures"))?;
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(fail(
                "the text must be origin, size and root, each on a line",
            ));
        };
        let origin: Origin = origin.parse()?;
        let checkpoint = Self {
            origin,
            size: parse_decimal(size).ok_or_else(|| fail("the size is no plain decimal number"))?,
            root: parse_hash(root).ok_or_else(|| fail("the root is not 32 bytes in base64"))?,
            signature: find_signature(&origin, signatures)?,
        };
        checkpoint.verify()?;
        Ok(checkpoint)
    }
}

/// The one signature by the origin's own key.
fn find_signature(origin: &Origin, lines: &str) -> Result<Bytes> {
    let fail = |reason: &str| Error::malformed("checkpoint note", reason);
    let lines = lines
        .strip_suffix('\n')
        .ok_or_else(|| fail("the last line has no end"))?;
    let (name, key_id) = (origin.to_string(), origin.key_id());
    let mut found = None;
    for line in lines.split('\n') {
        let signature = line
            .strip_prefix("\u{2014} ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(|| fail("a signature line is not `— NAME BASE64`"))?;
        let bytes = BASE64
            .decode(signature.1)
            .ok()
            .filter(|bytes| bytes.len() > 4 && !signature.0.is_empty())
            .ok_or_else(|| fail("a signature is not base64"))?;
        if signature.0 == name && bytes[..4] == key_id {
            if found.is_some() {
                return Err(fail("two signatures by the same key"));
            }
            found = Some(Bytes::copy_from_slice(&bytes[4..]));
        }
    }
    found.ok_or_else(|| fail("the log's own signature is missing"))
}

/// A decimal number without sign or leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || text.bytes().next().is_some_and(|b| b != b'0');
    (plain && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// 32 bytes in standard base64.
pub(crate) fn parse_hash(text: &str) -> Option<B256> {
    let bytes = BASE64.decode(text).ok()?;
    B256::try_from(bytes.as_slice()).ok()
}

/// 32 bytes to standard base64.
pub(crate) fn print_hash(hash: &B256) -> String {
    BASE64.encode(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> SignedCheckpoint {
        let key = acts::WalletKey::from_bytes(&[7; 32]).unwrap();
        let origin = Origin {
            chain_id: 31337,
            contract: Address::repeat_byte(0xab),
            institution: key.address(),
        };
        SignedCheckpoint::sign(origin, 70_000, B256::repeat_byte(9), &key).unwrap()
    }

    #[test]
    fn notes_round_trip() {
        let checkpoint = sample();
        let note = checkpoint.to_note();
        assert_eq!(note.lines().count(), 5);
        assert_eq!(SignedCheckpoint::from_note(&note).unwrap(), checkpoint);
    }

    #[test]
    fn signatures_of_others_are_passed_over() {
        let checkpoint = sample();
        let mut note = checkpoint.to_note();
        note.push_str("\u{2014} witness.example/w1 Az3grlgtzPICa5OS8npVmf1Myq8=\n");
        assert_eq!(SignedCheckpoint::from_note(&note).unwrap(), checkpoint);
    }

    #[test]
    fn what_was_not_signed_is_refused() {
        let note = sample().to_note();
        let key = acts::WalletKey::from_bytes(&[8; 32]).unwrap();
        for (from, to) in [
            ("70000", "70001"),
            ("70000", "070000"),
            ("70000", "+70000"),
            ("31337", "1"),
            ("\n70000\n", "\n70000\nextension\n"),
            ("\u{2014} stele/", "-- stele/"),
            ("\n\n", "\n"),
            ("70000\n", "70000\r\n"),
        ] {
            let other = note.replace(from, to);
            assert_ne!(other, note, "{from}");
            assert!(
                SignedCheckpoint::from_note(&other).is_err(),
                "{from} -> {to}"
            );
        }
        // In capitals it would be the same address, but another origin.
        let shouting = note.replace("0xabab", "0xABAB");
        assert!(matches!(
            SignedCheckpoint::from_note(&shouting),
            Err(Error::Malformed { .. })
        ));
        let twice = note.clone() + note.lines().last().unwrap() + "\n";
        assert!(SignedCheckpoint::from_note(&twice).is_err());
        let origin = sample().origin;
        assert!(matches!(
            SignedCheckpoint::sign(origin, 1, B256::ZERO, &key),
            Err(Error::WrongSigner { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_without_panic(text in ".{0,200}", lines in "[a-z0-9/\n\u{2014} =]{0,200}") {
            let _ = SignedCheckpoint::from_note(&text);
            let _ = SignedCheckpoint::from_note(&lines);
        }

        #[test]
        fn a_changed_note_is_never_another_valid_one(at: prop::sample::Index, to: char) {
            let checkpoint = sample();
            let note = checkpoint.to_note();
            let mut chars: Vec<char> = note.chars().collect();
            chars[at.index(note.chars().count())] = to;
            let changed: String = chars.into_iter().collect();
            if let Ok(read) = SignedCheckpoint::from_note(&changed) {
                prop_assert_eq!(read, checkpoint);
            }
        }
    }
}
