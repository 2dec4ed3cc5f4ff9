//! The one error type of this crate.

use alloy_primitives::Address;

use crate::generated::Role;
use crate::signature::SIGNATURE_BYTES;

/// What can be wrong with a signature, a key or a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a signature by a key: not 65 bytes, `v` neither 27 nor 28, a high `s`, or no key at all.
    #[error("not a valid signature")]
    BadSignature,
    /// The signature is longer than any wallet's.
    #[error("signature is over the limit: {0} > {SIGNATURE_BYTES}")]
    SignatureTooLong(usize),
    /// The signature is not one by the claimed signer's key.
    #[error(
        "the {what} is not signed by {signer}; if that is a contract wallet, ask it by ERC-1271"
    )]
    WrongSignature {
        /// The statement.
        what: &'static str,
        /// Who should have signed.
        signer: Address,
    },
    /// The bytes are zero, not below the group's order, or not 32.
    #[error("the bytes are not a secp256k1 private key; check that the right file was given")]
    BadKey,
    /// A key in a keystore or a hardware module did not sign.
    #[error("the key could not sign: {0}")]
    Signing(String),
    /// No role has this name.
    #[error("role: not known; use one of {}", Role::ALL.map(Role::name).join(", "))]
    UnknownRole,
}

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;
