//! What the tests share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod programs;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use k256::ecdsa::SigningKey;
use vault::budget::ByteBudget;
use vault::gateway::{Gateway, router};
use vault::replicate::{Book, Holder, MemoryBook, Quotas};
use vault::sign::wallet::{KnownWallets, WalletSigner};
use vault::sign::{RequestVerifier, Signer, Verifier, system_clock};
use vault::{ByteStream, Vault};

/// Bytes that depend on `seed` alone and do not compress: xorshift64*.
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    out.truncate(len);
    out
}

/// A stream of `data` in pieces of `step` bytes.
pub fn pieces(data: Vec<u8>, step: usize) -> ByteStream {
    let data = Bytes::from(data);
    let starts = (0..data.len()).step_by(step);
    let pieces: Vec<_> = starts
        .map(|at| Ok(data.slice(at..(at + step).min(data.len()))))
        .collect();
    futures_util::stream::iter(pieces).boxed()
}

pub fn signer(seed: u8) -> Arc<WalletSigner> {
    Arc::new(WalletSigner::new(
        SigningKey::from_slice(&[seed; 32]).unwrap(),
    ))
}

/// Accepts the wallets of [`signer`] for these seeds.
pub fn known(seeds: impl IntoIterator<Item = u8>) -> Arc<dyn Verifier> {
    Arc::new(KnownWallets::new(
        seeds.into_iter().map(|seed| signer(seed).address()),
    ))
}

/// A holder that takes 1 GiB from each wallet of [`signer`] with a seed up to 5.
pub fn holder(seed: u8, vault: Arc<dyn Vault>) -> Arc<Holder> {
    let quotas = Quotas::new((1..6).map(|seed| (key_id(seed), 1 << 30)));
    let book: Arc<dyn Book> = Arc::new(MemoryBook::default());
    Arc::new(Holder::new(vault, signer(seed), book, system_clock()).with_quotas(quotas))
}

/// A gateway on a free port, until the runtime ends.
pub async fn serve(
    holder: Arc<Holder>,
    public: bool,
    seeds: impl IntoIterator<Item = u8>,
) -> SocketAddr {
    let requests = RequestVerifier::new(known(seeds), system_clock(), Vec::new());
    let gateway = Gateway {
        holder,
        requests: Arc::new(requests),
        budget: ByteBudget::default(),
        public,
    };
    listen(gateway).await
}

/// Any gateway on a free port, until the runtime ends.
pub async fn listen(gateway: Gateway) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(gateway);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

pub fn key_id(seed: u8) -> String {
    signer(seed).key_id()
}

pub fn vectors(name: &str) -> serde_json::Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/vectors")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
