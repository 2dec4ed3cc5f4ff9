//! Fixtures shared by the tests: a repeatable generator, wallets and a signed record.
#![allow(dead_code, unreachable_pub)]

use core::convert::Infallible;

use acts::WalletKey;
use alloy_primitives::{Address, B256, Bytes};
use cid::Cid;
use cid::multihash::Multihash;
use record::manifest::NewManifest;
use record::{Domain, Manifest, Part};
use sha2::{Digest, Sha256};

/// SHA-256 in counter mode: the same numbers in every run and in every language.
pub struct TestRng(pub u64);

impl rand_core::TryRng for TestRng {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|n| n as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            let block = Sha256::digest(self.0.to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
            self.0 += 1;
        }
        Ok(())
    }
}
impl rand_core::TryCryptoRng for TestRng {}

pub struct Wallet(WalletKey);

impl Wallet {
    pub fn new(n: u8) -> Self {
        Self(WalletKey::from_bytes(&[n; 32]).unwrap())
    }
    pub fn secret(&self) -> [u8; 32] {
        *self.0.expose()
    }
    pub fn address(&self) -> Address {
        self.0.address()
    }
    pub fn sign(&self, digest: B256) -> Bytes {
        Bytes::copy_from_slice(&self.0.sign(digest))
    }
}

pub const DOMAIN: Domain = Domain {
    chain_id: 31337,
    contract: Address::repeat_byte(0x5e),
};

pub fn raw_cid(bytes: &[u8]) -> Cid {
    Cid::new_v1(0x55, Multihash::wrap(0x12, &Sha256::digest(bytes)).unwrap())
}

pub fn parts(count: usize, rng: &mut TestRng) -> Vec<Part> {
    (0..count)
        .map(|i| {
            let name = format!("part-{i:02}");
            let cid = raw_cid(&[i as u8]);
            Part::new(&name, "application/dicom", 1000 + i as u64, cid, rng).unwrap()
        })
        .collect()
}

pub fn new_manifest(parts: Vec<Part>) -> NewManifest {
    NewManifest {
        corrects: None,
        created_at: 1_700_000_000,
        author: Wallet::new(1).address(),
        institution: Wallet::new(2).address(),
        patient: B256::repeat_byte(0x9a),
        parts,
    }
}

/// A signed record version of `count` parts, with its salt, the CID of its sealed manifest and
/// its commitment.
pub struct Fixture {
    pub manifest: Manifest,
    pub salt: B256,
    pub cid: Cid,
    pub commitment: B256,
}

pub fn record(count: usize) -> Fixture {
    let mut rng = TestRng(0);
    let parts = parts(count, &mut rng);
    let manifest = Manifest::new(new_manifest(parts), &mut rng).unwrap();
    let signature = Wallet::new(1).sign(manifest.digest(&DOMAIN));
    let manifest = manifest.signed(signature);
    let salt = B256::repeat_byte(0x5a);
    let cid = raw_cid(b"sealed manifest");
    let commitment = manifest.commitment(&salt, &cid);
    Fixture {
        manifest,
        salt,
        cid,
        commitment,
    }
}
