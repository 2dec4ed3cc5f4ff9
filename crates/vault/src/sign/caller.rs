//! Who sent a verified request, and its body.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{TryStreamExt, try_unfold};
use sha2::{Digest, Sha256};

use super::error::SignatureError;
use crate::file::ByteStream;
use crate::{Error, Result};

/// Who asks, after the headers were verified. Of the body nothing has been read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The `keyid` whose signature was verified, in its canonical spelling.
    pub key_id: String,
    /// The signed digest of the body, if the signature covers one.
    pub digest: Option<[u8; 32]>,
}

impl Caller {
    /// The body as it arrives, checked against the signed digest. Where it is another body the stream
    /// ends with an error in place of its end; without a signed digest it may have no bytes.
    ///
    /// # Errors
    /// In the stream: [`Error::Signature`] with [`SignatureError::Digest`], and the input's own.
    #[must_use]
    pub fn body(&self, input: ByteStream) -> ByteStream {
        let checking = Checking {
            input,
            hash: Sha256::new(),
            expected: self.digest,
            ended: false,
        };
        try_unfold(checking, |mut checking| async move {
            let piece = checking.next().await?;
            Ok(piece.map(|piece| (piece, checking)))
        })
        .boxed()
    }
}

/// A body on its way through the check.
struct Checking {
    input: ByteStream,
    hash: Sha256,
    expected: Option<[u8; 32]>,
    ended: bool,
}

impl Checking {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        match (self.input.try_next().await?, self.expected) {
            (Some(piece), Some(_)) => {
                self.hash.update(&piece);
                Ok(Some(piece))
            }
            (Some(piece), None) if piece.is_empty() => Ok(Some(piece)),
            (Some(_), None) => Err(Error::Signature(SignatureError::Digest)),
            (None, None) => Ok(None),
            (None, Some(expected)) => {
                self.ended = true;
                if expected == <[u8; 32]>::from(self.hash.finalize_reset()) {
                    return Ok(None);
                }
                Err(Error::Signature(SignatureError::Digest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that a caller's body lets through, in pieces of one byte.
    async fn read(digest: Option<[u8; 32]>, body: &'static [u8]) -> Result<Vec<u8>> {
        let caller = Caller {
            key_id: "0xa".into(),
            digest,
        };
        let pieces = body.chunks(1).map(|piece| Ok(piece.into()));
        let input = futures_util::stream::iter(pieces.collect::<Vec<_>>()).boxed();
        crate::collect(caller.body(input), 100).await
    }

    #[tokio::test]
    async fn only_the_signed_body_comes_to_its_end() {
        let digest = Some(Sha256::digest(b"body").into());
        assert_eq!(read(digest, b"body").await.unwrap(), b"body");
        let refused =
            |body: Result<Vec<u8>>| matches!(body, Err(Error::Signature(SignatureError::Digest)));
        assert!(refused(read(digest, b"bodi").await));
        assert!(refused(read(digest, b"bod").await));
        assert!(refused(read(digest, b"").await));
        assert!(refused(read(None, b"body").await));
        assert_eq!(read(None, b"").await.unwrap(), b"");
    }
}
