//! Add and fetch of one large file: the embedded engine beside Kubo daemons. Run by
//! `bench/vault-kubo.sh`, which starts the daemons.
//!
//! Every round uses new random bytes and another order. All additions and fetches are pinned when
//! they end, and every block is verified; two of the daemons flush what they write, as the embedded
//! engine does, and two do not, as is Kubo's default.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt;
use vault::budget::ByteBudget;
use vault::gateway::{Gateway, router};
use vault::replicate::{Holder, MemoryBook};
use vault::sign::wallet::{KnownWallets, WalletSigner};
use vault::sign::{RequestVerifier, system_clock};
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
    let requests = Arc::new(RequestVerifier::new(
        Arc::new(known),
        system_clock(),
        Vec::new(),
    ));
    let book = Arc::new(MemoryBook::default());
    let holder = Arc::new(Holder::new(
        vault.shared(),
        signer.clone(),
        book,
        system_clock(),
    ));
    let app = router(Gateway {
        holder,
        requests,
        budget: ByteBudget::default(),
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

/// Two connected daemons: one adds, the other fetches.
struct Pair {
    first: Kubo,
    gateway: String,
    second: Kubo,
    names: [&'static str; 4],
}

impl Pair {
    fn new(
        http: &reqwest::Client,
        [rpc, gateway, other]: [&String; 3],
        names: [&'static str; 4],
    ) -> Self {
        let kubo = |rpc: &String| Kubo {
            http: http.clone(),
            rpc: rpc.clone(),
        };
        Self {
            first: kubo(rpc),
            gateway: gateway.clone(),
            second: kubo(other),
            names,
        }
    }

    async fn round(&self, data: &bytes::Bytes, times: &mut Times) -> Outcome<()> {
        let [add, by_gateway, by_rpc, fetch] = self.names;
        let start = Instant::now();
        let root = self.first.add(data.clone()).await?;
        times.note(add, start);
        let start = Instant::now();
        let body = self
            .first
            .http
            .get(format!("{}/ipfs/{root}", self.gateway))
            .send()
            .await?;
        assert_eq!(drain_body(body).await?, data.len());
        times.note(by_gateway, start);
        let start = Instant::now();
        let body = self.first.call(&format!("cat?arg={root}"), None).await?;
        assert_eq!(drain_body(body).await?, data.len());
        times.note(by_rpc, start);
        let start = Instant::now();
        self.second
            .call(&format!("pin/add?arg={root}"), None)
            .await?
            .bytes()
            .await?;
        times.note(fetch, start);
        Ok(())
    }
}

/// Our two nodes.
struct Ours {
    first: EmbeddedVault,
    second: EmbeddedVault,
    client: GatewayClient,
}

impl Ours {
    async fn round(&self, data: &bytes::Bytes, times: &mut Times) -> Outcome<()> {
        let start = Instant::now();
        let root = self.first.put_file(bytes_stream(data.clone())).await?.cid;
        times.note("add: embedded engine, flushed", start);
        let start = Instant::now();
        assert_eq!(drain(self.first.get_file(&root)).await?, data.len());
        times.note("read: embedded engine", start);
        let start = Instant::now();
        self.client.fetch(&root, &self.second).await?;
        times.note(
            "fetch from another node: embedded engine, signed HTTP, flushed",
            start,
        );
        Ok(())
    }
}

const DEFAULT: [&str; 4] = [
    "add: Kubo daemon, not flushed (its default)",
    "read: Kubo daemon, gateway",
    "read: Kubo daemon, RPC",
    "fetch from another node: Kubo daemon, Bitswap, not flushed (its default)",
];
const FLUSHED: [&str; 4] = [
    "add: Kubo daemon, flushed (sync: true)",
    "read: Kubo daemon, gateway",
    "read: Kubo daemon, RPC",
    "fetch from another node: Kubo daemon, Bitswap, flushed (sync: true)",
];

#[tokio::main]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [
        mib,
        rounds,
        rpc_a,
        gateway_a,
        rpc_b,
        rpc_c,
        gateway_c,
        rpc_d,
    ] = &args[..]
    else {
        return Err("run by bench/vault-kubo.sh".into());
    };
    let (mib, rounds): (usize, usize) = (mib.parse()?, rounds.parse()?);
    let dir = std::env::var("STELE_BENCH_DIR")?;
    let http = reqwest::Client::new();
    let default = Pair::new(&http, [rpc_a, gateway_a, rpc_b], DEFAULT);
    let flushed = Pair::new(&http, [rpc_c, gateway_c, rpc_d], FLUSHED);
    let first = EmbeddedVault::open(format!("{dir}/a")).await?;
    let second = EmbeddedVault::open(format!("{dir}/b")).await?;
    let client = our_gateway(&first).await?;
    let ours = Ours {
        first,
        second,
        client,
    };
    let mut times = Times::default();
    for round in 0..=rounds {
        let mut data = vec![0; mib << 20];
        getrandom::fill(&mut data)?;
        let data = bytes::Bytes::from(data);
        if round == 1 {
            // The first round was to warm up.
            times = Times::default();
        }
        for turn in 0..3 {
            match (turn + round) % 3 {
                0 => ours.round(&data, &mut times).await?,
                1 => default.round(&data, &mut times).await?,
                _ => flushed.round(&data, &mut times).await?,
            }
        }
    }
    times.0.sort_by_key(|(what, _)| *what);
    times.print(mib);
    Ok(())
}
