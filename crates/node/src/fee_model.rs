//! The model that forecasts fees: the one that ships with the program, or the chain's own.

use std::path::Path;

use forecast::trained::Trained;

/// The chain's own model where the configuration names one, or the one that ships.
pub(crate) fn model(path: &Path) -> Result<Trained, String> {
    if path.as_os_str().is_empty() {
        return Trained::shipped().map_err(|error| error.to_string());
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Trained::from_json(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}
