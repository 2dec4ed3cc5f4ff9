//! How signatures of ours are told from others (RFC 9421).

/// Label of the signature in its two fields.
pub(super) const LABEL: &str = "stele";
/// The `tag` parameter: what the signature is for.
pub(super) const TAG: &str = "stele-vault";
