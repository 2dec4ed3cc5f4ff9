//! [Delegated routing] for our own blocks: tells Kubo and others that this gateway has them, so
//! that they fetch over HTTP what they are asked for.
//!
//! [Delegated routing]: https://specs.ipfs.tech/routing/http-routing-v1/

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cid::Cid;
use serde_json::json;

use crate::engine::Vault;

/// How others reach this gateway.
#[derive(Clone, Debug)]
pub struct Reachable {
    /// The libp2p peer id that names this node; see [`crate::sign::wallet::peer_id`].
    pub peer_id: String,
    /// Multiaddresses, such as `/dns4/ipfs.example/tcp/443/tls/http`. Kubo uses addresses without
    /// TLS only on loopback and private networks.
    pub addresses: Vec<String>,
}

/// The route `/routing/v1/providers/{cid}`. Anyone may ask; the answer tells who has a block, so
/// mount it only where the gateway is public.
pub fn routing(vault: Arc<dyn Vault>, reachable: Reachable) -> Router {
    Router::new()
        .route("/routing/v1/providers/{cid}", get(providers))
        .with_state((vault, Arc::new(reachable)))
}

async fn providers(
    State((vault, reachable)): State<(Arc<dyn Vault>, Arc<Reachable>)>,
    Path(cid): Path<String>,
) -> Response {
    let Ok(cid) = cid.parse::<Cid>() else {
        return (StatusCode::BAD_REQUEST, format!("{cid:?} is not a CID\n")).into_response();
    };
    let kind = [(CONTENT_TYPE, "application/json")];
    if !vault.has(&cid).await.unwrap_or_default() {
        return (
            StatusCode::NOT_FOUND,
            kind,
            json!({ "Providers": null }).to_string(),
        )
            .into_response();
    }
    let provider = json!({
        "Schema": "peer",
        "ID": reachable.peer_id,
        "Addrs": reachable.addresses,
        "Protocols": ["transport-ipfs-gateway-http"],
    });
    (kind, json!({ "Providers": [provider] }).to_string()).into_response()
}
