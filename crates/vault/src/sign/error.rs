//! Why a signed request is refused.

use super::label::{LABEL, TAG};

/// Why a request was refused. The text is for the answer's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// No signature of ours.
    #[error("the request is not signed; sign it by RFC 9421 with label {LABEL:?} and tag {TAG:?}")]
    Missing,
    /// The fields do not parse or lack something.
    #[error("the signature fields are wrong: {0}")]
    Malformed(&'static str),
    /// Too old, not yet valid, or valid for too long.
    #[error("the signature is outside its time; check both clocks ({0})")]
    Time(&'static str),
    /// Seen before.
    #[error("the signature's nonce was used before; sign each request anew")]
    Replayed,
    /// Made for another node.
    #[error("the request is addressed to {0}, which is not this node")]
    Audience(String),
    /// The body is not the one that was signed.
    #[error("the body does not match the signed Content-Digest")]
    Digest,
    /// The key is unknown or the signature wrong.
    #[error("the signature was not accepted: {0}")]
    Refused(String),
    /// Too many requests in the replay window.
    #[error("too many signed requests at once; try again in a few minutes")]
    Busy,
}

impl SignatureError {
    /// A stable name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "not_signed",
            Self::Malformed(_) => "bad_signature_fields",
            Self::Time(_) => "signature_time",
            Self::Replayed => "replayed",
            Self::Audience(_) => "other_audience",
            Self::Digest => "other_body",
            Self::Refused(_) => "signature_refused",
            Self::Busy => "too_many_signatures",
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Time(_) => "set the clocks of both machines and sign anew",
            Self::Replayed => "sign every request anew, with a fresh nonce",
            Self::Audience(_) => "ask the node under the address that it is configured with",
            Self::Digest => "send the body that Content-Digest was made of",
            Self::Busy => "wait for some minutes, and send fewer requests",
            Self::Missing | Self::Malformed(_) | Self::Refused(_) => {
                "sign the request by RFC 9421 with the wallet of an active institution"
            }
        }
    }
}
