//! A public Trustless Gateway over a directory, for trying out and for the tests against other
//! programs. It takes CAR files, files and CIDs to fetch on the command line, says what they are
//! called, and serves; `--routing` also answers delegated routing
//! for its own blocks.
//!
//! ```text
//! cargo run -p vault --example gateway -- [--listen ADDRESS] [--routing] [--once] STORE [ITEM]...
//! ITEM: FILE (stored as a file), FILE.car (imported), CID=URL (fetched from a gateway)
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use vault::budget::ByteBudget;
use vault::car::CarReader;
use vault::gateway::{Gateway, Reachable, router, routing};
use vault::replicate::{FileBook, Holder};
use vault::sign::wallet::{KnownWallets, WalletSigner, peer_id};
use vault::sign::{RequestVerifier, system_clock};
use vault::{ByteStream, Cid, EmbeddedVault, GatewayClient, Vault};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Options {
    listen: String,
    routing: bool,
    once: bool,
    store: String,
    items: Vec<String>,
}

fn options() -> Outcome<Options> {
    let mut out = Options {
        listen: "127.0.0.1:0".into(),
        routing: false,
        once: false,
        store: String::new(),
        items: Vec::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--listen" => out.listen = args.next().ok_or("--listen needs an address")?,
            "--routing" => out.routing = true,
            "--once" => out.once = true,
            _ if out.store.is_empty() => out.store = arg,
            _ => out.items.push(arg),
        }
    }
    if out.store.is_empty() {
        return Err(
            "usage: gateway [--listen ADDRESS] [--routing] [--once] STORE [ITEM]...".into(),
        );
    }
    Ok(out)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = options()?;
    let vault = EmbeddedVault::open(&options.store).await?;
    for item in &options.items {
        take(&vault, item).await?;
    }
    if options.once {
        return Ok(());
    }
    let listener = tokio::net::TcpListener::bind(&options.listen).await?;
    let address = listener.local_addr()?;
    let signer = Arc::new(WalletSigner::new(k256::ecdsa::SigningKey::from_slice(
        &[1; 32],
    )?));
    let peer_id = peer_id(signer.public_key());
    let book = Arc::new(FileBook::new(Path::new(&options.store).join("book")));
    let holder = Arc::new(Holder::new(
        Arc::new(vault.clone()),
        signer,
        book,
        system_clock(),
    ));
    let requests = Arc::new(RequestVerifier::new(
        Arc::new(KnownWallets::default()),
        system_clock(),
        Vec::new(),
    ));
    let mut app = router(Gateway {
        holder,
        requests,
        budget: ByteBudget::default(),
        public: true,
    });
    if options.routing {
        let addresses = vec![format!("/ip4/{}/tcp/{}/http", address.ip(), address.port())];
        app = app.merge(routing(vault.shared(), Reachable { peer_id, addresses }));
    }
    println!("listening on http://{address}");
    axum::serve(listener, app).await?;
    Ok(())
}

async fn take(vault: &EmbeddedVault, item: &str) -> Outcome<()> {
    if let Some((cid, url)) = item.split_once('=') {
        let root: Cid = cid.parse()?;
        let imported = GatewayClient::new(url)?.fetch(&root, vault).await?;
        println!("fetched {root}: {} blocks", imported.blocks);
    } else if item.ends_with(".car") {
        println!("imported {item}: {} blocks", import(vault, item).await?);
    } else {
        println!(
            "stored {} {item}",
            vault.put_file(file_stream(item).await?).await?.cid
        );
    }
    Ok(())
}

/// Takes all blocks of a CAR file as they are, complete DAGs or not: fixtures may lack some.
async fn import(vault: &EmbeddedVault, path: &str) -> Outcome<u64> {
    let mut reader = CarReader::new(file_stream(path).await?);
    let mut batch = vault.begin().await?;
    let mut blocks = 0;
    while let Some(block) = reader.next_block().await? {
        batch.put(block).await?;
        blocks += 1;
    }
    batch.commit().await?;
    Ok(blocks)
}

async fn file_stream(path: &str) -> Outcome<ByteStream> {
    use tokio::io::AsyncReadExt;
    let file = tokio::fs::File::open(path).await?;
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(1 << 20);
        let read = file
            .read_buf(&mut piece)
            .await
            .map_err(|e| vault::Error::Input(e.to_string()))?;
        Ok((read > 0).then(|| (piece.freeze(), file)))
    });
    Ok(pieces.boxed())
}
