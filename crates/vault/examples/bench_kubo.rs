//! Add and fetch of one large file: the embedded engine beside two Kubo daemons. Run by
//! `bench/vault-kubo.sh`, which starts the daemons.
//!
//! Every round uses new random bytes and alternates who goes first. All additions are durable and
//! pinned when they end; all fetches verify every block.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt;
use vault::gateway::{Gateway, router};
use vault::replicate::{Holder, MemoryBook};
use vault::sign::wallet::{KnownWallets, WalletSigner};
use vault::sign::{Guard, system_clock};
use vault::{ByteStream, Cid, EmbeddedVault, GatewayClient, Vault, bytes_stream};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Kubo {
    http: reqwest::Client,
    rpc: String,
}

impl Kubo {
    async fn call(
        &self,
        command: &str,
        form: Option<reqwest::multipart::Form>,
    ) -> Outcome<reqwest::Response> {
        let mut request = self.http.post(format!("{}/api/v0/{command}", self.rpc));
        if let Some(form) = form {
            request = request.multipart(form);
        }
        Ok(request.send().await?.error_for_status()?)
    }

    async fn add(&self, data: bytes::Bytes) -> Outcome<Cid> {
        let form = reqwest::multipart::Form::new().part(
            "file",
            reqwest::multipart::Part::stream(data).file_name("x"),
        );
        let options = "cid-version=1&raw-leaves=true&chunker=size-1048576&quieter=true&progress=false&pin=true";
        let answer = self
            .call(&format!("add?{options}"), Some(form))
            .await?
            .bytes()
            .await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        Ok(answer["Hash"].as_str().ok_or("no hash")?.parse()?)
    }
}

/// Reads a stream to its end; tells how many bytes it had.
async fn drain(mut stream: ByteStream) -> Outcome<usize> {
    let mut total = 0;
    while let Some(piece) = stream.try_next().await? {
        total += piece.len();
    }
    Ok(total)
}

async fn drain_body(mut body: reqwest::Response) -> Outcome<usize> {
    let mut total = 0;
    while let Some(piece) = body.chunk().await? {
        total += piece.len();
    }
    Ok(total)
}

async fn our_gateway(vault: &EmbeddedVault) -> Outcome<GatewayClient> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let signer = Arc::new(WalletSigner::new(k256::ecdsa::SigningKey::from_slice(
        &[1; 32],
    )?));
    let known = KnownWallets::new([signer.address()]);
    let guard = Arc::new(Guard::new(Arc::new(known), system_clock(), Vec::new()));
    let book = Arc::new(MemoryBook::default());
    let holder = Arc::new(Holder::new(
        vault.shared(),
        signer.clone(),
        book,
        system_clock(),
    ));
    let app = router(Gateway {
        holder,
        guard,
        public: false,
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    // Signed, as between institutions.
    Ok(GatewayClient::new(&url)?.signed_by(signer, system_clock()))
}

/// Seconds of each round, by what was measured.
#[derive(Default)]
struct Times(Vec<(&'static str, Vec<f64>)>);

impl Times {
    fn note(&mut self, what: &'static str, since: Instant) {
        let seconds = since.elapsed().as_secs_f64();
        match self.0.iter_mut().find(|(name, _)| *name == what) {
            Some((_, all)) => all.push(seconds),
            None => self.0.push((what, vec![seconds])),
        }
    }

    fn print(mut self, mib: usize) {
        println!("| {mib} MiB | median MiB/s | best | worst |\n| --- | ---: | ---: | ---: |");
        for (what, all) in &mut self.0 {
            all.sort_by(f64::total_cmp);
            let rate = |seconds: f64| mib as f64 / seconds;
            let (best, worst) = (rate(all[0]), rate(all[all.len() - 1]));
            println!(
                "| {what} | {:.0} | {best:.0} | {worst:.0} |",
                rate(all[all.len() / 2])
            );
        }
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [rpc_a, gateway_a, rpc_b, mib, rounds] = &args[..] else {
        return Err(
            "usage: bench_kubo RPC_A GATEWAY_A RPC_B MIB ROUNDS; see bench/vault-kubo.sh".into(),
        );
    };
    let (mib, rounds): (usize, usize) = (mib.parse()?, rounds.parse()?);
    let dir = std::env::var("STELE_BENCH_DIR")?;
    let http = reqwest::Client::new();
    let a = Kubo {
        http: http.clone(),
        rpc: rpc_a.clone(),
    };
    let b = Kubo {
        http: http.clone(),
        rpc: rpc_b.clone(),
    };
    let ours = EmbeddedVault::open(format!("{dir}/a")).await?;
    let other = EmbeddedVault::open(format!("{dir}/b")).await?;
    let client = our_gateway(&ours).await?;
    let mut times = Times::default();
    for round in 0..=rounds {
        let mut data = vec![0; mib << 20];
        getrandom::fill(&mut data)?;
        let data = bytes::Bytes::from(data);
        let len = data.len();
        let mut here = Times::default();
        // The first round warms up; then the order alternates.
        for turn in 0..2 {
            if (turn + round) % 2 == 0 {
                let start = Instant::now();
                let root = ours.put_file(bytes_stream(data.clone())).await?.cid;
                here.note("add, embedded engine", start);
                let start = Instant::now();
                assert_eq!(drain(ours.get_file(&root)).await?, len);
                here.note("read on the same node, embedded engine", start);
                let start = Instant::now();
                client.fetch(&root, &other).await?;
                here.note(
                    "fetch from another node, durable, embedded engine (signed HTTP)",
                    start,
                );
            } else {
                let start = Instant::now();
                let root = a.add(data.clone()).await?;
                here.note("add, Kubo daemon", start);
                let start = Instant::now();
                assert_eq!(
                    drain_body(http.get(format!("{gateway_a}/ipfs/{root}")).send().await?).await?,
                    len
                );
                here.note("read on the same node, Kubo daemon (gateway)", start);
                let start = Instant::now();
                assert_eq!(
                    drain_body(a.call(&format!("cat?arg={root}"), None).await?).await?,
                    len
                );
                here.note("read on the same node, Kubo daemon (RPC)", start);
                let start = Instant::now();
                b.call(&format!("pin/add?arg={root}"), None)
                    .await?
                    .bytes()
                    .await?;
                here.note(
                    "fetch from another node, durable, Kubo daemon (Bitswap)",
                    start,
                );
            }
        }
        if round > 0 {
            for (what, all) in here.0 {
                match times.0.iter_mut().find(|(name, _)| *name == what) {
                    Some((_, known)) => known.extend(all),
                    None => times.0.push((what, all)),
                }
            }
        }
    }
    times.0.sort_by_key(|(what, _)| *what);
    times.print(mib);
    Ok(())
}
