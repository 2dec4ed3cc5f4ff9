//! What a program may give its node beside configuration and keys.

use std::sync::Arc;

use crate::http::web::Assets;
use crate::reading::ReadingEngine;

/// Parts that a node works without, and that it takes as values so that it depends on none of them.
#[derive(Clone, Default)]
pub struct Extras {
    /// The web app. Without it the node shows a page that says how to build it.
    pub web: Option<Arc<dyn Assets>>,
    /// What reads radiographs. Without it nothing is read.
    pub reader: Option<Arc<dyn ReadingEngine>>,
}
