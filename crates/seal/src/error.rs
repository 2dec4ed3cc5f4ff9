//! What can go wrong, and what to do next.

/// The result of sealing or opening.
pub type Result<T> = std::result::Result<T, Error>;

/// Why sealing, opening, deriving or combining was refused.
///
/// No message contains a secret, a plaintext byte or a file name, so that all of them may be
/// logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first eight bytes are not the magic of a sealed file.
    #[error(
        "not a sealed file: it does not begin with the bytes of one; check that the right file was given"
    )]
    NotSealed,
    /// The version byte of a sealed file is unknown.
    #[error("sealed file of version {0}, this program reads version 1; update the program")]
    Version(u8),
    /// The suite byte of a file, key or envelope is unknown.
    #[error(
        "unknown cipher suite {0}; update the program, or fetch the data again if it should be suite 1"
    )]
    Suite(u8),
    /// The chunk size is out of bounds.
    #[error(
        "chunk size 2^{0} bytes is out of bounds, 2^10 to 2^20 are allowed; the file is damaged or was made by another program"
    )]
    ChunkSize(u8),
    /// A reserved byte of the header is not zero.
    #[error("a reserved byte of the header is not zero; the file is damaged or of a later version")]
    Reserved,
    /// No complete sealed file has this length.
    #[error(
        "the sealed file has a length that none can have: it was cut short or added to; fetch it again, or from another replica"
    )]
    Truncated,
    /// The key commitment in the header is not that of the key.
    #[error(
        "this key does not open this file: ask for the key of this part and version, or fetch the file again if its header may be damaged"
    )]
    WrongKey,
    /// A chunk does not verify.
    #[error(
        "chunk {chunk} does not verify: the sealed file was altered, reordered, cut short or added to; fetch it again, or from another replica"
    )]
    Damaged {
        /// Index of the chunk, from 0.
        chunk: u64,
    },
    /// More than 2^32 chunks.
    #[error(
        "file too long: a sealed file holds at most 2^32 chunks; choose larger chunks or split the file"
    )]
    TooLong,
    /// The cryptographic library did not do its work.
    #[error(
        "the cryptographic library failed: {0}; check that memory is left, and that no OpenSSL configuration (OPENSSL_CONF) forbids ChaCha20-Poly1305"
    )]
    Library(String),
    /// A write after the last chunk or after a failed write.
    #[error("this sealer has finished or failed and takes no more bytes; begin a new sealed file")]
    Finished,
    /// A read outside the file.
    #[error("the range ends at byte {end} of a file of {len} bytes; ask for less")]
    Range {
        /// First byte after the range that was asked for.
        end: u64,
        /// Length of the plaintext in bytes.
        len: u64,
    },
    /// A key, envelope or share has the wrong length.
    #[error("{what} has {got} bytes where {expected} are due; check that all of it was copied")]
    Length {
        /// What was parsed.
        what: &'static str,
        /// The length that is due, in words.
        expected: &'static str,
        /// The length that came, in bytes.
        got: usize,
    },
    /// A public key with which no secret can be agreed.
    #[error("this public key is not usable: ask its owner for a new key statement")]
    PublicKey,
    /// An envelope does not open.
    #[error(
        "this envelope does not open: it is for another key, grant, record, chain or contract, or it was altered; ask for the envelope of this grant"
    )]
    Envelope,
    /// The number of guardians or the threshold is out of bounds.
    #[error(
        "{needed} of {total} guardians cannot be: at least 2 and at most all of 2 to 32 guardians are needed to restore"
    )]
    Guardians {
        /// Shares that restore the secret.
        needed: u8,
        /// Shares that are made.
        total: u8,
    },
    /// Not a share, or of an unknown version.
    #[error("this is not a share of version 1; check that all of it was copied")]
    NotShare,
    /// A share does not agree with the digests it carries.
    #[error("share {index} is damaged; ask this guardian for the share again")]
    ShareDamaged {
        /// The share's number, from 1.
        index: u8,
    },
    /// Shares of several sets.
    #[error(
        "share {index} belongs to another set than the first one; use shares of one backup only"
    )]
    ShareMixed {
        /// The share's number, from 1.
        index: u8,
    },
    /// One share twice.
    #[error("share {index} was given twice; ask another guardian")]
    ShareTwice {
        /// The share's number, from 1.
        index: u8,
    },
    /// Too few shares.
    #[error("{got} shares, {needed} are needed; ask more guardians")]
    SharesMissing {
        /// Shares that came.
        got: usize,
        /// Shares that are needed.
        needed: u8,
    },
    /// The restored secret is not the one that was shared.
    #[error(
        "these shares do not restore the secret that was shared; ask all guardians for their shares again"
    )]
    SharesWrong,
    /// Reading or writing failed.
    #[error("reading or writing failed: {0}")]
    Io(#[from] std::io::Error),
}

impl From<Error> for std::io::Error {
    /// Keeps an I/O error as it was; the rest becomes `InvalidData`.
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            Error::Truncated => Self::new(std::io::ErrorKind::UnexpectedEof, error),
            error => Self::new(std::io::ErrorKind::InvalidData, error),
        }
    }
}
