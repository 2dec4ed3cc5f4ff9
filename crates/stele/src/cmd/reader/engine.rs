//! The choice of what runs a network.

use reader::model::{EngineChoice, LoadedModel};

use crate::output::Failure;

/// The engine to use, common to most commands.
#[derive(Debug, clap::Args)]
pub(super) struct EngineArg {
    /// What runs the network: auto, native, burn or onnxruntime
    #[arg(long, default_value = "auto", value_name = "NAME")]
    engine: String,
}

impl EngineArg {
    pub(super) fn choice(&self) -> Result<EngineChoice, Failure> {
        EngineChoice::parse(&self.engine).map_err(Failure::usage)
    }

    pub(super) fn open(&self, model: &str) -> Result<LoadedModel, Failure> {
        LoadedModel::named(model, self.choice()?).map_err(|e| {
            Failure::usage(e)
                .hint("name a shipped model (fracture, chest) or a folder with a model.json")
        })
    }
}
