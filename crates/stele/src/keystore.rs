//! Encrypted key files.
//!
//! A key file is JSON: the public half in the clear (who it belongs to), the secrets of its
//! owner under a passphrase: Argon2id (RFC 9106, its second recommended parameter set) derives the
//! key, XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) seals the secrets, and the public half is
//! the associated data, so that neither can be exchanged without the other.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// The format this program writes.
const FORMAT: u32 = 1;
/// A key file is a few hundred bytes; anything larger is something else.
const MAX_FILE: u64 = 16 * 1024;
/// RFC 9106, section 4, second recommended option: 64 MiB, three passes, four lanes.
const STRONG: Cost = Cost {
    memory_kib: 64 * 1024,
    passes: 3,
    lanes: 4,
};
/// Above this a file would be an attack on the reader's memory.
const MAX_COST: Cost = Cost {
    memory_kib: 1024 * 1024,
    passes: 16,
    lanes: 16,
};

/// Why a key file could not be made, read or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeystoreError {
    /// The file system refused.
    #[error("cannot {verb} the key file {path}: {source}")]
    Io {
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// A key file must never be overwritten by accident: the keys in it may be the only ones.
    #[error("{0} exists already; a key file is never overwritten")]
    Exists(PathBuf),
    /// Not a key file, or one from a later version.
    #[error("{path} is not a key file that this version reads: {why}")]
    Format { path: PathBuf, why: String },
    /// Authentication failed.
    #[error("the passphrase does not open {0} (or the file was changed)")]
    Passphrase(PathBuf),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn within(self, limit: Self) -> bool {
        self.memory_kib <= limit.memory_kib
            && self.passes <= limit.passes
            && self.lanes <= limit.lanes
    }
}

/// The readable part of a key file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Public {
    /// Who the owner says to be; only for the owner's own eyes.
    pub(crate) name: String,
    /// The wallet's address.
    pub(crate) address: Address,
    /// The public sealing key, suite byte first, in hex.
    pub(crate) sealing_public: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    stele_key: u32,
    public: Public,
    kdf: Cost,
    salt: String,
    nonce: String,
    sealed: String,
}

/// Write a new key file, readable by its owner alone.
///
/// # Errors
/// [`KeystoreError::Exists`] where a file stands already; [`KeystoreError::Io`] otherwise.
pub(crate) fn create(
    path: &Path,
    public: &Public,
    secrets: &[u8],
    passphrase: &Zeroizing<String>,
) -> Result<(), KeystoreError> {
    let mut salt = [0u8; 16];
    let mut nonce = [0u8; 24];
    getrandom::fill(&mut salt).map_err(KeystoreError::Random)?;
    getrandom::fill(&mut nonce).map_err(KeystoreError::Random)?;
    let cipher = cipher(passphrase, &salt, STRONG).map_err(|why| KeystoreError::Format {
        path: path.into(),
        why,
    })?;
    let payload = Payload {
        msg: secrets,
        aad: &associated(public),
    };
    let sealed =
        cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| KeystoreError::Format {
                path: path.into(),
                why: "sealing failed".into(),
            })?;
    let file = File {
        stele_key: FORMAT,
        public: public.clone(),
        kdf: STRONG,
        salt: hex::encode(salt),
        nonce: hex::encode(nonce),
        sealed: hex::encode(sealed),
    };
    write_new(path, &file)
}

/// The readable part, without the passphrase.
///
/// # Errors
/// [`KeystoreError::Format`] for anything that is not a key file.
pub(crate) fn public(path: &Path) -> Result<Public, KeystoreError> {
    Ok(read(path)?.public)
}

/// Open a key file.
///
/// # Errors
/// [`KeystoreError::Passphrase`] for the wrong passphrase or a changed file.
pub(crate) fn open(
    path: &Path,
    passphrase: &Zeroizing<String>,
) -> Result<(Public, Zeroizing<Vec<u8>>), KeystoreError> {
    let file = read(path)?;
    let bad = |why: &str| KeystoreError::Format {
        path: path.into(),
        why: why.into(),
    };
    if !file.kdf.within(MAX_COST) {
        return Err(bad("its key derivation asks for too much memory or time"));
    }
    let salt = hex::decode(&file.salt).map_err(|_| bad("the salt is not hex"))?;
    let nonce: [u8; 24] = hex::decode(&file.nonce)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| bad("the nonce is not 24 bytes of hex"))?;
    let sealed = hex::decode(&file.sealed).map_err(|_| bad("the secrets are not hex"))?;
    let cipher = cipher(passphrase, &salt, file.kdf).map_err(|why| bad(&why))?;
    let payload = Payload {
        msg: &sealed,
        aad: &associated(&file.public),
    };
    let plain = cipher
        .decrypt(&XNonce::from(nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| KeystoreError::Passphrase(path.into()))?;
    Ok((file.public, plain))
}

fn cipher(
    passphrase: &Zeroizing<String>,
    salt: &[u8],
    cost: Cost,
) -> Result<XChaCha20Poly1305, String> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|error| error.to_string())?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key[..])
        .map_err(|error| error.to_string())?;
    let mut array = (*key).into();
    let cipher = XChaCha20Poly1305::new(&array);
    array.zeroize();
    Ok(cipher)
}

/// The public half as the bytes that the seal is bound to.
fn associated(public: &Public) -> Vec<u8> {
    let mut bytes = b"stele key file 1\n".to_vec();
    bytes.extend_from_slice(public.address.as_slice());
    bytes.extend_from_slice(public.sealing_public.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(public.name.as_bytes());
    bytes
}

fn read(path: &Path) -> Result<File, KeystoreError> {
    let io = |source| KeystoreError::Io {
        verb: "read",
        path: path.into(),
        source,
    };
    let length = fs::metadata(path).map_err(io)?.len();
    if length > MAX_FILE {
        return Err(KeystoreError::Format {
            path: path.into(),
            why: format!("it has {length} bytes, a key file has under {MAX_FILE}"),
        });
    }
    let text = fs::read_to_string(path).map_err(io)?;
    let file: File = serde_json::from_str(&text).map_err(|error| KeystoreError::Format {
        path: path.into(),
        why: error.to_string(),
    })?;
    if file.stele_key != FORMAT {
        return Err(KeystoreError::Format {
            path: path.into(),
            why: format!("format {}, this program reads {FORMAT}", file.stele_key),
        });
    }
    Ok(file)
}

fn write_new(path: &Path, file: &File) -> Result<(), KeystoreError> {
    let io = |source| KeystoreError::Io {
        verb: "write",
        path: path.into(),
        source,
    };
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::create_dir_all(parent).map_err(io)?;
    }
    let mut out = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(KeystoreError::Exists(path.into()));
        }
        other => other.map_err(io)?,
    };
    let mut text = serde_json::to_vec_pretty(file).map_err(|error| KeystoreError::Format {
        path: path.into(),
        why: error.to_string(),
    })?;
    text.push(b'\n');
    out.write_all(&text).map_err(io)?;
    out.sync_all().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Public, [u8; 97]) {
        let public = Public {
            name: "Asha Rao".into(),
            address: Address::repeat_byte(7),
            sealing_public: "01".repeat(33),
        };
        (public, [1; 97])
    }

    fn pass(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.into())
    }

    #[test]
    fn opens_with_its_passphrase_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rao.key");
        let (public, secrets) = sample();
        create(&path, &public, &secrets, &pass("correct horse")).unwrap();
        let (read_public, read) = open(&path, &pass("correct horse")).unwrap();
        assert_eq!(read_public.address, public.address);
        assert_eq!(read[..], secrets);
        assert!(matches!(
            open(&path, &pass("wrong")),
            Err(KeystoreError::Passphrase(_))
        ));
    }

    #[test]
    fn never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rao.key");
        let (public, secrets) = sample();
        create(&path, &public, &secrets, &pass("a")).unwrap();
        let before = fs::read(&path).unwrap();
        let again = create(&path, &public, &secrets, &pass("b"));
        assert!(matches!(again, Err(KeystoreError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_changed_address_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rao.key");
        let (public, secrets) = sample();
        create(&path, &public, &secrets, &pass("a")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let other = Address::repeat_byte(8).to_string();
        let swapped = text.replace(&format!("{:?}", public.address), &other.to_lowercase());
        assert_ne!(text, swapped);
        fs::write(&path, swapped).unwrap();
        assert!(matches!(
            open(&path, &pass("a")),
            Err(KeystoreError::Passphrase(_))
        ));
    }

    #[test]
    fn foreign_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for content in [&b""[..], b"{}", b"not json", &[0u8; 20_000]] {
            fs::write(&path, content).unwrap();
            assert!(matches!(public(&path), Err(KeystoreError::Format { .. })));
        }
        assert!(matches!(
            public(&folder.path().join("none")),
            Err(KeystoreError::Io { .. })
        ));
    }
}
