//! Envelopes: keys sealed to one recipient, bound to one grant.
//!
//! HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
//! ChaCha20Poly1305: suite 1. An envelope is `suite (1) ‖ enc (32) ‖ ciphertext`. The suite byte
//! comes first in keys and envelopes, so that a later suite (X-Wing) can stand beside this one.
//!
//! Base mode does not say who sealed: that an envelope belongs to a grant is said by the grant,
//! which its controller signed.

use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305,
    kdf::HkdfSha256, kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{Error, Result, keys::KEY_LEN};

/// The only suite so far.
const SUITE: u8 = 1;
/// Length of an encapsulated X25519 key.
const ENC_LEN: usize = 32;
/// Length of the authentication tag.
const TAG_LEN: usize = 16;
/// What every envelope's HPKE `info` begins with.
const INFO_PREFIX: &[u8] = b"stele/envelope/v1/";
/// What the associated data begins with.
const AAD_PREFIX: &[u8; 24] = b"stele/envelope/v1 aad\0\0\0";

/// Length of a key with its suite byte.
pub const SEALING_KEY_LEN: usize = 1 + KEY_LEN;
/// Bytes that an envelope adds to what it holds.
pub const OVERHEAD: usize = 1 + ENC_LEN + TAG_LEN;
/// Most bytes that one envelope holds. It is for keys; larger things are sealed files.
pub const MAX_PLAIN: usize = 1 << 20;

type Aead = ChaCha20Poly1305;
type Kdf = HkdfSha256;
type X25519 = X25519HkdfSha256;

/// The public half of a sealing key: a suite byte and 32 bytes.
///
/// Which wallet it belongs to is said by the wallet's key statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingPublic {
    key: <X25519 as Kem>::PublicKey,
}

impl SealingPublic {
    /// The suite byte and the key.
    pub fn to_bytes(&self) -> [u8; SEALING_KEY_LEN] {
        let mut bytes = [SUITE; SEALING_KEY_LEN];
        self.key.write_exact(&mut bytes[1..]);
        bytes
    }

    /// Reads a suite byte and a key.
    ///
    /// A point of small order, with which no secret can be agreed, is refused by [`seal_to`].
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Suite`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let key = suite_key("sealing public key", bytes)?;
        Ok(Self {
            key: Deserializable::from_bytes(key).map_err(|_| Error::PublicKey)?,
        })
    }
}

/// The secret half of a sealing key. Random, not derived from a wallet.
pub struct SealingSecret {
    /// On the heap; wiped by its own `Drop`.
    key: Box<<X25519 as Kem>::PrivateKey>,
}

impl SealingSecret {
    /// A new random one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let (key, _) = X25519::gen_keypair_with_rng(&mut &mut *rng);
        Self { key: Box::new(key) }
    }

    /// The public half.
    pub fn public(&self) -> SealingPublic {
        SealingPublic {
            key: X25519::sk_to_pk(&self.key),
        }
    }

    /// The suite byte and the key, for storing them encrypted.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SEALING_KEY_LEN]> {
        let mut bytes = Zeroizing::new([SUITE; SEALING_KEY_LEN]);
        self.key.write_exact(&mut bytes[1..]);
        bytes
    }

    /// Reads a suite byte and a key.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Suite`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let key = suite_key("sealing secret key", bytes)?;
        // Any 32 bytes are an X25519 secret (RFC 7748, section 5).
        let key = Deserializable::from_bytes(key).map_err(|_| Error::Envelope)?;
        Ok(Self { key: Box::new(key) })
    }
}

impl ConstantTimeEq for SealingSecret {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.key.ct_eq(&other.key)
    }
}

impl PartialEq for SealingSecret {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SealingSecret {}

/// `x25519_dalek::StaticSecret` within wipes itself (feature `zeroize`, on by default).
impl ZeroizeOnDrop for SealingSecret {}

/// The 32 bytes after the suite byte.
fn suite_key<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a [u8]> {
    match bytes {
        [SUITE, key @ ..] if key.len() == KEY_LEN => Ok(key),
        [suite, ..] if *suite != SUITE => Err(Error::Suite(*suite)),
        _ => Err(Error::Length {
            what,
            expected: "33",
            got: bytes.len(),
        }),
    }
}

/// What an envelope is bound to. Opening it for anything else fails.
///
/// Where one does not apply (an envelope to the record's own patient has no grant) it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeAad {
    /// The chain's EIP-155 id.
    pub chain_id: u64,
    /// Address of the contract that the grant is in.
    pub contract: [u8; 20],
    /// The record version's commitment.
    pub commitment: [u8; 32],
    /// The grant's id.
    pub grant: [u8; 32],
    /// Wallet address of the recipient.
    pub recipient: [u8; 20],
}

impl EnvelopeAad {
    /// Length of [`EnvelopeAad::to_bytes`].
    pub const LEN: usize = 24 + 8 + 20 + 32 + 32 + 20;

    /// The associated data: a label of 24 bytes, then the fields in order, the chain id
    /// big-endian. All lengths are fixed, so no two values share their bytes.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let mut rest = bytes.as_mut_slice();
        for field in [
            AAD_PREFIX.as_slice(),
            &self.chain_id.to_be_bytes(),
            &self.contract,
            &self.commitment,
            &self.grant,
            &self.recipient,
        ] {
            let (now, later) = rest.split_at_mut(field.len());
            now.copy_from_slice(field);
            rest = later;
        }
        bytes
    }
}

/// Seals `plain` to `recipient`.
///
/// `info` names what is in it, for example `part-keys`, so that an envelope made for one use cannot
/// be taken for another.
///
/// # Errors
/// [`Error::PublicKey`] for a point of small order, [`Error::Length`] above [`MAX_PLAIN`] bytes.
pub fn seal_to<R: CryptoRng + ?Sized>(
    recipient: &SealingPublic,
    info: &[u8],
    aad: &EnvelopeAad,
    plain: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>> {
    check_len(plain.len(), 0)?;
    let (enc, sealed) = single_shot_seal_with_rng::<Aead, Kdf, X25519>(
        &OpModeS::Base,
        &recipient.key,
        &full_info(info),
        plain,
        &aad.to_bytes(),
        &mut &mut *rng,
    )
    // Encapsulation fails only where the Diffie-Hellman result is zero (RFC 9180, section 7.1.4).
    .map_err(|_| Error::PublicKey)?;
    let mut envelope = Vec::with_capacity(OVERHEAD + plain.len());
    envelope.push(SUITE);
    envelope.extend_from_slice(&enc.to_bytes());
    envelope.extend_from_slice(&sealed);
    Ok(envelope)
}

/// Opens an envelope.
///
/// # Errors
/// [`Error::Envelope`] if it is for another key, `info` or `aad`, or was altered;
/// [`Error::Suite`], [`Error::Length`].
pub fn open(
    secret: &SealingSecret,
    info: &[u8],
    aad: &EnvelopeAad,
    envelope: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    check_len(envelope.len(), OVERHEAD)?;
    if envelope[0] != SUITE {
        return Err(Error::Suite(envelope[0]));
    }
    let (enc, sealed) = envelope[1..].split_at(ENC_LEN);
    let refuse = |_: HpkeError| Error::Envelope;
    single_shot_open::<Aead, Kdf, X25519>(
        &OpModeR::Base,
        &secret.key,
        &Deserializable::from_bytes(enc).map_err(refuse)?,
        &full_info(info),
        sealed,
        &aad.to_bytes(),
    )
    .map(Zeroizing::new)
    .map_err(refuse)
}

fn check_len(got: usize, overhead: usize) -> Result<()> {
    if (overhead..=overhead + MAX_PLAIN).contains(&got) {
        return Ok(());
    }
    Err(Error::Length {
        what: "the envelope",
        expected: "49 to 1,048,625 (content: up to 1 MiB)",
        got,
    })
}

fn full_info(info: &[u8]) -> Vec<u8> {
    [INFO_PREFIX, info].concat()
}
