//! What this program gives a node: the web app.

use std::sync::Arc;

use node::Extras;
use node::http::web::{Asset, Assets};

/// The built web app. A debug build reads it from the source tree each time, so that work on the app
/// shows without building this program again; a release build carries it along.
#[derive(rust_embed::Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

struct Web;

impl Assets for Web {
    fn get(&self, path: &str) -> Option<Asset> {
        let file = Files::get(path)?;
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        let charset = if kind.type_() == "text" {
            "; charset=utf-8"
        } else {
            ""
        };
        Some(Asset {
            bytes: file.data,
            media_type: format!("{kind}{charset}"),
            digest: file.metadata.sha256_hash(),
        })
    }
}

/// Everything that was built in.
pub(crate) fn all() -> Extras {
    Extras {
        web: Some(Arc::new(Web)),
    }
}
