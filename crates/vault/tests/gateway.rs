//! The gateway over real HTTP: what it answers, to whom, and what its client accepts. The cases
//! are those of the official conformance suite's groups for blocks and CARs, on DAGs made here.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Response;
use reqwest::header::HeaderMap;
use support::{bytes, holder, serve, signer};
use vault::block::{DAG_CBOR, DAG_PB, RAW, cid_of};
use vault::car::Decoder;
use vault::dagpb::{Link, Node};
use vault::file::CHUNK;
use vault::sign::{Clock, system_clock};
use vault::unixfs::{Data, Kind};
use vault::{Block, Cid, Error, GatewayClient, MemoryVault, Vault, bytes_stream, collect};

/// A tree with all that paths can lead through.
struct Tree {
    vault: MemoryVault,
    root: Cid,
    sub: Cid,
    text: Cid,
    file: Cid,
    chunks: Vec<Cid>,
    shards: Vec<Cid>,
    sharded: Cid,
    document: Cid,
    copies: Cid,
}

const TEXT: &[u8] = b"carved in stone\n";

async fn put(vault: &MemoryVault, codec: u64, data: Vec<u8>) -> Cid {
    let block = Block::new(codec, data).unwrap();
    vault.put_block(block.clone()).await.unwrap();
    *block.cid()
}

async fn directory(vault: &MemoryVault, entries: &[(&str, Cid)]) -> Cid {
    let links = entries.iter().map(|(name, cid)| Link {
        cid: *cid,
        name: (*name).to_owned(),
        tsize: 0,
    });
    let node = Node {
        links: links.collect(),
        data: Some(Data::directory().encode().into()),
    };
    put(vault, DAG_PB, node.encode()).await
}

/// A file of five chunks: four of 256 bytes and one of 2.
async fn chunked(vault: &MemoryVault) -> (Cid, Vec<Cid>) {
    let data = bytes(42, 1026);
    let (mut links, mut sizes, mut cids) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in data.chunks(256) {
        let cid = put(vault, RAW, chunk.to_vec()).await;
        links.push(Link {
            cid,
            name: String::new(),
            tsize: chunk.len() as u64,
        });
        sizes.push(chunk.len() as u64);
        cids.push(cid);
    }
    let node = Node {
        links,
        data: Some(Data::file(sizes).encode().into()),
    };
    (put(vault, DAG_PB, node.encode()).await, cids)
}

/// One directory over two levels of shards of fanout 16, holding `names`.
async fn sharded(vault: &MemoryVault, names: &[String], to: Cid) -> (Cid, Vec<Cid>) {
    let bucket = |name: &str, level: u32| {
        let hash = murmur3::murmur3_x64_128(&mut name.as_bytes(), 0).unwrap() as u64;
        hash << (4 * level) >> 60
    };
    let shard = Data {
        kind: Kind::HamtShard,
        data: vec![0xff, 0xff].into(),
        hash_type: Some(0x22),
        fanout: Some(16),
        ..Data::directory()
    };
    let data = Some(shard.encode().into());
    let (mut top, mut shards) = (Vec::new(), Vec::new());
    for first in 0..16 {
        let mut inner = Vec::new();
        for second in 0..16 {
            let here = |name: &&String| bucket(name, 0) == first && bucket(name, 1) == second;
            let found: Vec<_> = names.iter().filter(here).collect();
            assert!(
                found.len() < 2,
                "choose names that differ within two levels"
            );
            inner.extend(found.iter().map(|name| Link {
                cid: to,
                name: format!("{second:X}{name}"),
                tsize: 0,
            }));
        }
        if !inner.is_empty() {
            let cid = put(
                vault,
                DAG_PB,
                Node {
                    links: inner,
                    data: data.clone(),
                }
                .encode(),
            )
            .await;
            top.push(Link {
                cid,
                name: format!("{first:X}"),
                tsize: 0,
            });
            shards.push(cid);
        }
    }
    (
        put(vault, DAG_PB, Node { links: top, data }.encode()).await,
        shards,
    )
}

async fn tree() -> Tree {
    let vault = MemoryVault::new();
    let text = put(&vault, RAW, TEXT.to_vec()).await;
    let (file, chunks) = chunked(&vault).await;
    let names: Vec<String> = (1..9).map(|n| format!("{}.txt", n * 111)).collect();
    let (sharded, shards) = sharded(&vault, &names, file).await;
    let link = ipld_core::ipld!({ "files": { "single": text, "many": [1, file] }, "title": "x" });
    let document = put(&vault, DAG_CBOR, serde_ipld_dagcbor::to_vec(&link).unwrap()).await;
    let sub = directory(&vault, &[("file.bin", file), ("ä b.txt", text)]).await;
    let copies = directory(&vault, &[("a", text), ("b", text), ("c", file)]).await;
    let entries = [("document", document), ("sharded", sharded), ("sub", sub)];
    let root = directory(&vault, &entries).await;
    Tree {
        vault,
        root,
        sub,
        text,
        file,
        chunks,
        shards,
        sharded,
        document,
        copies,
    }
}

async fn public(tree: &Tree) -> SocketAddr {
    serve(holder(1, Arc::new(tree.vault.clone())), true, []).await
}

async fn get(address: SocketAddr, path: &str, accept: &str) -> Response {
    let request = reqwest::Client::new().get(format!("http://{address}/ipfs/{path}"));
    let request = if accept.is_empty() {
        request
    } else {
        request.header("accept", accept)
    };
    request.send().await.unwrap()
}

/// The CIDs of a CAR answer, in order, each block verified.
async fn car(address: SocketAddr, path: &str, accept: &str) -> Vec<Cid> {
    let response = get(address, path, accept).await;
    assert_eq!(response.status(), 200, "{path}");
    let mut decoder = Decoder::default();
    decoder.push(&response.bytes().await.unwrap());
    let mut cids = Vec::new();
    while let Some(block) = decoder.next_block().unwrap() {
        cids.push(*block.cid());
    }
    decoder.finish().unwrap();
    cids
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|v| v.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn raw_blocks_come_with_their_headers() {
    let tree = tree().await;
    let address = public(&tree).await;
    for (path, accept) in [
        (format!("{}?format=raw", tree.text), ""),
        (tree.text.to_string(), "application/vnd.ipld.raw"),
    ] {
        let response = get(address, &path, accept).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(text(&headers, "content-type"), "application/vnd.ipld.raw");
        assert_eq!(text(&headers, "content-length"), TEXT.len().to_string());
        assert_eq!(
            text(&headers, "content-disposition"),
            format!("attachment; filename=\"{}.bin\"", tree.text)
        );
        assert_eq!(text(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(
            text(&headers, "x-ipfs-path"),
            format!("/ipfs/{}", tree.text)
        );
        assert_eq!(text(&headers, "x-ipfs-roots"), tree.text.to_string());
        assert!(text(&headers, "cache-control").contains("immutable"));
        let etag = text(&headers, "etag");
        assert_eq!(response.bytes().await.unwrap(), TEXT);

        let again = reqwest::Client::new().get(format!("http://{address}/ipfs/{path}"));
        let again = again
            .header("accept", accept)
            .header("if-none-match", etag)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), 304);
    }
}

#[tokio::test]
async fn names_that_headers_cannot_hold_are_written_safely() {
    let tree = tree().await;
    let address = public(&tree).await;
    let response = get(
        address,
        &format!("{}?format=raw&filename=a%22%0d%0aX: y%C3%A4.bin", tree.text),
        "",
    )
    .await;
    assert_eq!(response.status(), 200);
    let disposition = text(response.headers(), "content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"a___X: y_.bin\"; filename*=UTF-8''a%22"),
        "{disposition}"
    );
    let response = get(
        address,
        &format!("{}/%C3%A4%20b.txt?format=raw", tree.sub),
        "",
    )
    .await;
    assert_eq!(response.bytes().await.unwrap(), TEXT);
}

#[tokio::test]
async fn head_answers_without_a_body() {
    let tree = tree().await;
    let address = public(&tree).await;
    for format in ["raw", "car"] {
        let url = format!("http://{address}/ipfs/{}?format={format}", tree.text);
        let response = reqwest::Client::new().head(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!text(response.headers(), "etag").is_empty());
        assert!(response.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn paths_lead_through_directories_shards_and_documents() {
    let tree = tree().await;
    let address = public(&tree).await;
    let root = tree.root;
    let file: Vec<Cid> = std::iter::once(tree.file)
        .chain(tree.chunks.clone())
        .collect();
    let whole = car(address, &format!("{root}/sub/file.bin?format=car"), "").await;
    assert_eq!(whole, [&[root, tree.sub][..], &file].concat());

    let through_document = car(
        address,
        &format!("{root}/document/files/single?format=car"),
        "",
    )
    .await;
    assert_eq!(through_document, [root, tree.document, tree.text]);
    let into_list = car(
        address,
        &format!("{}/files/many/1?format=car&dag-scope=block", tree.document),
        "",
    )
    .await;
    assert_eq!(into_list, [tree.document, tree.file]);

    let through_shards = car(
        address,
        &format!("{root}/sharded/333.txt?format=car&dag-scope=block"),
        "",
    )
    .await;
    let [a, b, shard, end] = through_shards[..] else {
        panic!("{through_shards:?}")
    };
    assert_eq!((a, b, end), (root, tree.sharded, tree.file));
    assert!(tree.shards.contains(&shard));

    for missing in [
        "sub/none",
        "sub/file.bin/deeper",
        "sharded/none.txt",
        "document/none",
    ] {
        assert_eq!(
            get(address, &format!("{root}/{missing}?format=car"), "")
                .await
                .status(),
            404,
            "{missing}"
        );
        assert_eq!(
            get(address, &format!("{root}/{missing}?format=raw"), "")
                .await
                .status(),
            404,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn scopes_select_what_they_say() {
    let tree = tree().await;
    let address = public(&tree).await;
    let Tree {
        root, sub, file, ..
    } = tree;
    assert_eq!(
        car(
            address,
            &format!("{root}/sub?format=car&dag-scope=block"),
            ""
        )
        .await,
        [root, sub]
    );
    assert_eq!(
        car(
            address,
            &format!("{root}/sub?format=car&dag-scope=entity"),
            ""
        )
        .await,
        [root, sub]
    );
    let all = car(address, &format!("{root}/sub?format=car&dag-scope=all"), "").await;
    assert_eq!(
        all,
        [&[root, sub, file][..], &tree.chunks, &[tree.text]].concat()
    );
    let shards = car(
        address,
        &format!("{}?format=car&dag-scope=entity", tree.sharded),
        "",
    )
    .await;
    assert_eq!(shards, [&[tree.sharded][..], &tree.shards].concat());
    let document = car(
        address,
        &format!("{}?format=car&dag-scope=entity", tree.document),
        "",
    )
    .await;
    assert_eq!(document, [tree.document]);
    let linked = car(address, &format!("{}?format=car", tree.document), "").await;
    assert_eq!(linked.len(), 1 + 1 + 1 + tree.chunks.len());
}

#[tokio::test]
async fn byte_ranges_select_the_fewest_blocks() {
    let tree = tree().await;
    let address = public(&tree).await;
    let cases = [
        ("0:*", 0..5),
        ("0:0", 0..1),
        ("512:*", 2..5),
        ("512:1023", 2..4),
        ("512:-256", 2..4),
        ("-5:*", 3..5),
        ("-9999:*", 0..5),
        ("-9999:-3", 0..4),
        ("1024:1024", 4..5),
        ("255:256", 0..2),
        ("99999:*", 0..0),
    ];
    for (range, expected) in cases {
        let path = format!(
            "{}?format=car&dag-scope=entity&entity-bytes={range}",
            tree.file
        );
        let blocks = car(address, &path, "").await;
        assert_eq!(
            blocks,
            [&[tree.file][..], &tree.chunks[expected]].concat(),
            "{range}"
        );
    }
    // What lies outside the range may be missing.
    tree.vault.tamper(&tree.chunks[1], None);
    let path = format!(
        "{}?format=car&dag-scope=entity&entity-bytes=512:*",
        tree.file
    );
    assert_eq!(car(address, &path, "").await.len(), 4);
}

#[tokio::test]
async fn duplicates_come_when_asked_for() {
    let tree = tree().await;
    let address = public(&tree).await;
    let path = tree.copies.to_string();
    let once = "application/vnd.ipld.car; version=1; order=dfs; dups=n";
    let each = "application/vnd.ipld.car; version=1; order=dfs; dups=y";
    let (text_, file) = (tree.text, tree.file);
    assert_eq!(
        car(address, &path, once).await,
        [&[tree.copies, text_, file][..], &tree.chunks].concat()
    );
    assert_eq!(
        car(address, &path, each).await,
        [&[tree.copies, text_, text_, file][..], &tree.chunks].concat()
    );
    let kind = |headers: &HeaderMap| text(headers, "content-type");
    assert_eq!(kind(get(address, &path, each).await.headers()), each);
    assert_eq!(
        kind(
            get(address, &path, "application/vnd.ipld.car; order=unk")
                .await
                .headers()
        ),
        once
    );
    // The two answers are different bytes, so they must not share an ETag.
    let tag = |headers: &HeaderMap| text(headers, "etag");
    assert_ne!(
        tag(get(address, &path, each).await.headers()),
        tag(get(address, &path, once).await.headers())
    );
}

#[tokio::test]
async fn identity_cids_carry_their_own_bytes() {
    let tree = tree().await;
    let address = public(&tree).await;
    let identity = "bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa";
    let raw = get(address, &format!("{identity}?format=raw"), "").await;
    assert_eq!(raw.bytes().await.unwrap(), "hello i am inlined cid\n");
    assert!(
        car(address, identity, "application/vnd.ipld.car; dups=y")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn what_cannot_be_served_says_why() {
    let tree = tree().await;
    let address = public(&tree).await;
    let absent = cid_of(RAW, b"absent");
    for (path, accept, status) in [
        (format!("{absent}?format=raw"), "", 404),
        (format!("{absent}?format=car"), "", 404),
        (format!("{}?format=tar", tree.text), "", 406),
        (tree.text.to_string(), "text/html", 406),
        ("nonsense?format=raw".to_owned(), "", 400),
        (format!("{}?format=car&dag-scope=most", tree.text), "", 400),
        (
            format!("{}?format=car", tree.text),
            "application/vnd.ipld.car; version=2",
            400,
        ),
        (
            "zQmWvQxTqbG2Z9HPJgG57jjwR154cKhbtJenbyYTWkjgF3e?format=raw".to_owned(),
            "",
            404,
        ),
    ] {
        let response = get(address, &path, accept).await;
        assert_eq!(response.status(), status, "{path}");
        assert!(!response.text().await.unwrap().is_empty(), "{path}");
    }
    let url = format!("http://{address}/ipfs/{absent}?format=raw");
    let cached = reqwest::Client::new()
        .head(url)
        .header("cache-control", "only-if-cached")
        .send()
        .await
        .unwrap();
    assert_eq!(cached.status(), 412);
}

#[tokio::test]
async fn a_damaged_block_is_never_served() {
    let tree = tree().await;
    let address = public(&tree).await;
    tree.vault.tamper(&tree.text, Some("forged".into()));
    assert_eq!(
        get(address, &format!("{}?format=raw", tree.text), "")
            .await
            .status(),
        500
    );
    tree.vault.tamper(&tree.chunks[3], Some("forged".into()));
    // The answer breaks off, early or late: the client sees an error, not a short file.
    let url = format!("http://{address}/ipfs/{}?format=car", tree.file);
    if let Ok(response) = reqwest::get(url).await {
        assert!(response.bytes().await.is_err());
    }
}

#[tokio::test]
async fn only_known_institutions_are_served_unless_public() {
    let tree = tree().await;
    let address = serve(holder(1, Arc::new(tree.vault.clone())), false, [2]).await;
    let url = format!("http://{address}");
    let refused = get(address, &format!("{}?format=raw", tree.text), "").await;
    assert_eq!(refused.status(), 401);
    assert!(text(refused.headers(), "accept-signature").contains("stele-vault"));
    assert!(refused.text().await.unwrap().contains("RFC 9421"));

    let member = GatewayClient::new(&url)
        .unwrap()
        .signed_by(signer(2), system_clock());
    assert_eq!(member.block(&tree.text).await.unwrap().data(), TEXT);
    let stranger = GatewayClient::new(&url)
        .unwrap()
        .signed_by(signer(3), system_clock());
    assert!(matches!(
        stranger.block(&tree.text).await,
        Err(Error::Refused { status: 401, .. })
    ));
    let late: Clock = Arc::new(|| 1_000_000_000);
    let late = GatewayClient::new(&url).unwrap().signed_by(signer(2), late);
    assert!(matches!(
        late.block(&tree.text).await,
        Err(Error::Refused { status: 401, .. })
    ));
}

#[tokio::test]
async fn whole_files_are_fetched_and_verified() {
    let source = MemoryVault::new();
    let data = bytes(6, 5 * CHUNK + 3);
    let root = source
        .put_file(bytes_stream(data.clone()))
        .await
        .unwrap()
        .cid;
    let address = serve(holder(1, Arc::new(source.clone())), false, [2]).await;
    let client = GatewayClient::new(&format!("http://{address}"))
        .unwrap()
        .signed_by(signer(2), system_clock());
    let copy = MemoryVault::new();
    let imported = client.fetch(&root, &copy).await.unwrap();
    assert_eq!(imported.blocks, 7);
    assert_eq!(copy.pins().await.unwrap(), [root]);
    assert!(collect(copy.get_file(&root), data.len()).await.unwrap() == data);
    assert!(matches!(
        client.fetch(&cid_of(RAW, b"absent"), &copy).await,
        Err(Error::NotFound(_))
    ));
}

/// A server that answers anything with fixed bytes.
async fn impostor(body: Vec<u8>) -> GatewayClient {
    let app = axum::Router::new().fallback(move || async move { body });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    GatewayClient::new(&format!("http://{address}")).unwrap()
}

#[tokio::test]
async fn lying_gateways_get_nowhere() {
    let vault = MemoryVault::new();
    let wanted = cid_of(RAW, b"wanted");
    let other = Block::new(RAW, &b"other"[..]).unwrap();
    assert!(matches!(
        impostor(b"not it".to_vec()).await.block(&wanted).await,
        Err(Error::Damaged(_))
    ));
    let huge = impostor(vec![0; 3 << 20]).await;
    assert!(matches!(
        huge.block(&wanted).await,
        Err(Error::Limit { .. })
    ));

    let mut car = vault::car::header(&wanted).unwrap().to_vec();
    car.extend(vault::car::section(other.cid(), 5));
    car.extend(b"other");
    let uninvited = impostor(car).await;
    assert!(matches!(
        uninvited.fetch(&wanted, &vault).await,
        Err(Error::Malformed { .. })
    ));
    let empty = impostor(vault::car::header(&wanted).unwrap().to_vec()).await;
    assert!(matches!(
        empty.fetch(&wanted, &vault).await,
        Err(Error::NotFound(_))
    ));
    assert!(
        impostor(b"<html>".to_vec())
            .await
            .fetch(&wanted, &vault)
            .await
            .is_err()
    );
    assert_eq!(vault.stat().await.unwrap().blocks, 0);
    let nobody = GatewayClient::new("http://127.0.0.1:1").unwrap();
    assert!(matches!(
        nobody.block(&wanted).await,
        Err(Error::Remote { .. })
    ));
}

/// A file as old writers made it: named by CIDv0, its leaves dag-pb nodes of 100 bytes, two of them
/// under each inner node.
struct OldFile {
    root: Cid,
    inner: Vec<Cid>,
    leaves: Vec<Cid>,
    blocks: Vec<Block>,
}

fn old_file() -> OldFile {
    let v0 = |block: &Block| Cid::new_v0(*block.cid().hash()).unwrap();
    let over = |children: &[Cid], size: u64| {
        let links = children.iter().map(|cid| Link {
            cid: *cid,
            name: String::new(),
            tsize: size,
        });
        let node = Node {
            links: links.collect(),
            data: Some(Data::file(vec![size; children.len()]).encode().into()),
        };
        Block::new(DAG_PB, node.encode()).unwrap()
    };
    let leaf = |chunk: &[u8]| {
        let data = Data {
            data: chunk.to_vec().into(),
            filesize: Some(chunk.len() as u64),
            ..Data::file(Vec::new())
        };
        let node = Node {
            links: Vec::new(),
            data: Some(data.encode().into()),
        };
        Block::new(DAG_PB, node.encode()).unwrap()
    };
    let leaf_blocks: Vec<Block> = bytes(3, 600).chunks(100).map(leaf).collect();
    let leaves: Vec<Cid> = leaf_blocks.iter().map(v0).collect();
    let inner_blocks: Vec<Block> = leaves.chunks(2).map(|pair| over(pair, 100)).collect();
    let inner: Vec<Cid> = inner_blocks.iter().map(v0).collect();
    let root = over(&inner, 200);
    OldFile {
        root: v0(&root),
        inner,
        leaves,
        blocks: [leaf_blocks, inner_blocks, vec![root]].concat(),
    }
}

/// The root and the CIDs of a CAR answer, as they are written.
async fn written(address: SocketAddr, path: &str) -> (Cid, Vec<Cid>) {
    let response = get(address, path, "").await;
    assert_eq!(response.status(), 200, "{path}");
    let body = response.bytes().await.unwrap();
    let (len, mut rest) = unsigned_varint::decode::usize(&body).unwrap();
    let header: ipld_core::ipld::Ipld = serde_ipld_dagcbor::from_slice(&rest[..len]).unwrap();
    let ipld_core::ipld::Ipld::Map(header) = header else {
        panic!("{header:?}")
    };
    let ipld_core::ipld::Ipld::List(roots) = &header["roots"] else {
        panic!("{header:?}")
    };
    let [ipld_core::ipld::Ipld::Link(root)] = roots[..] else {
        panic!("{roots:?}")
    };
    rest = &rest[len..];
    let mut cids = Vec::new();
    while !rest.is_empty() {
        let (len, section) = unsigned_varint::decode::usize(rest).unwrap();
        let mut data = &section[..len];
        let cid = Cid::read_bytes(&mut data).unwrap();
        assert!(Block::verified(&cid, data.to_vec()).is_ok(), "{cid}");
        cids.push(cid);
        rest = &section[len..];
    }
    (root, cids)
}

/// What the official suite calls "even if the gateway is missing a block before (or after) the
/// requested range": a range needs its own blocks and no others, from either end of the file.
#[tokio::test]
async fn byte_ranges_need_no_block_outside_them() {
    let file = old_file();
    let cases = [
        ("0:0", 0..1),
        ("0:150", 0..2),
        ("-600:-500", 0..2),
        ("99:100", 0..2),
        ("200:299", 2..3),
        ("250:450", 2..5),
        ("-350:-201", 2..4),
        ("500:*", 5..6),
        ("550:99999", 5..6),
        ("-1:*", 5..6),
        ("-101:*", 4..6),
        ("600:*", 0..0),
    ];
    for (range, wanted) in cases {
        let mut expected = vec![file.root];
        for (at, inner) in file.inner.iter().enumerate() {
            let pair: Vec<usize> = (2 * at..2 * at + 2)
                .filter(|n| wanted.contains(n))
                .collect();
            if !pair.is_empty() {
                expected.push(*inner);
                expected.extend(pair.iter().map(|n| file.leaves[*n]));
            }
        }
        // Nothing else is there.
        let vault = MemoryVault::new();
        let needed = |block: &&Block| expected.iter().any(|cid| cid.hash() == block.cid().hash());
        for block in file.blocks.iter().filter(needed) {
            vault.put_block(block.clone()).await.unwrap();
        }
        let folder = directory(&vault, &[("file", file.root)]).await;
        let address = serve(holder(1, Arc::new(vault)), true, []).await;
        let query = format!("format=car&dag-scope=entity&entity-bytes={range}");
        let (root, cids) = written(address, &format!("{}?{query}", file.root)).await;
        assert_eq!((root, &cids), (file.root, &expected), "{range}");
        let (root, cids) = written(address, &format!("{folder}/file?{query}")).await;
        assert_eq!(root, file.root, "{range}");
        assert_eq!(cids, [&[folder][..], &expected].concat(), "{range}");
    }
}

#[tokio::test]
async fn an_absent_block_inside_the_range_breaks_the_answer_off() {
    let file = old_file();
    let vault = MemoryVault::new();
    for block in &file.blocks {
        if block.cid().hash() != file.leaves[3].hash() {
            vault.put_block(block.clone()).await.unwrap();
        }
    }
    let address = serve(holder(1, Arc::new(vault)), true, []).await;
    let url = format!(
        "http://{address}/ipfs/{}?format=car&entity-bytes=100:350",
        file.root
    );
    if let Ok(response) = reqwest::get(url).await {
        assert!(response.bytes().await.is_err());
    }
}

/// A client looks for blocks under the names that paths and links give them, CIDv0 or CIDv1.
#[tokio::test]
async fn blocks_are_sent_under_the_names_they_are_linked_by() {
    let file = old_file();
    let vault = MemoryVault::new();
    for block in &file.blocks {
        vault.put_block(block.clone()).await.unwrap();
    }
    let address = serve(holder(1, Arc::new(vault)), true, []).await;
    let below: Vec<Cid> = (0..3)
        .flat_map(|at| {
            let leaves = &file.leaves[2 * at..2 * at + 2];
            [&[file.inner[at]][..], leaves].concat()
        })
        .collect();
    for root in [file.root, Cid::new_v1(DAG_PB, *file.root.hash())] {
        for scope in ["all", "entity"] {
            let path = format!("{root}?format=car&dag-scope={scope}");
            let expected = [&[root][..], &below].concat();
            assert_eq!(written(address, &path).await, (root, expected), "{path}");
        }
    }
    // Our own client stores them as it stores all others.
    let copy = MemoryVault::new();
    let client = GatewayClient::new(&format!("http://{address}")).unwrap();
    let imported = client.fetch(&file.root, &copy).await.unwrap();
    assert_eq!(imported.blocks, 10);
    let whole = collect(copy.get_file(&file.root), 600).await.unwrap();
    assert_eq!(whole, bytes(3, 600));
}

/// `echo hello | ipfs add --cid-version 1 --hash sha2-512 -Q`.
const HELLO_512: &str = "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs";

#[tokio::test]
async fn names_by_sha2_512_are_served_and_fetched() {
    let vault = MemoryVault::new();
    let hello: Cid = HELLO_512.parse().unwrap();
    let block = Block::verified(&hello, &b"hello\n"[..]).unwrap();
    vault.put_block(block).await.unwrap();
    let folder = directory(&vault, &[("hello", hello)]).await;
    let address = serve(holder(1, Arc::new(vault.clone())), true, []).await;
    let raw = get(address, &format!("{folder}/hello?format=raw"), "").await;
    assert_eq!(raw.bytes().await.unwrap(), "hello\n");
    let (_, cids) = written(address, &format!("{folder}?format=car")).await;
    assert_eq!(cids, [folder, hello]);

    let client = GatewayClient::new(&format!("http://{address}")).unwrap();
    assert_eq!(client.block(&hello).await.unwrap().data(), "hello\n");
    let copy = MemoryVault::new();
    assert_eq!(client.fetch(&folder, &copy).await.unwrap().blocks, 2);
    assert_eq!(copy.get_block(&hello).await.unwrap(), "hello\n");
    let liar = impostor(b"hallo\n".to_vec()).await;
    assert!(matches!(liar.block(&hello).await, Err(Error::Damaged(_))));
}
