//! The engines that run a network: the native one, ONNX Runtime where its library is found, and burn
//! where it is compiled in.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::native::{Answer, Mode, Native, Until, Workspace};
use super::weights::{Arrays, Weights};
use crate::error::Error;

/// Which engine to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// ONNX Runtime when its library is found, else the native engine.
    #[default]
    Auto,
    /// Stele's own kernels.
    Native,
    /// burn; on a GPU with the feature `vulkan`.
    Burn,
    /// ONNX Runtime; an error when its library is not found.
    OnnxRuntime,
}

impl EngineChoice {
    /// Reads a name: `auto`, `native`, `burn` (or `vulkan`, which is burn on a GPU) or
    /// `onnxruntime`.
    ///
    /// # Errors
    /// Lists the names, or names the feature without which this program was built.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Native),
            "burn" if cfg!(feature = "burn") => Ok(Self::Burn),
            "burn" => Err(left_out("burn", "burn")),
            "vulkan" if cfg!(feature = "vulkan") => Ok(Self::Burn),
            "vulkan" => Err(left_out("vulkan", "vulkan")),
            "onnxruntime" => Ok(Self::OnnxRuntime),
            other => Err(Error::Network(format!(
                "unknown engine {other:?}; there are auto, native, onnxruntime, and with the feature burn or vulkan those two"
            ))),
        }
    }
}

/// An engine and whether it can be used here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// Its name.
    pub name: String,
    /// Whether it can be used on this machine.
    pub available: bool,
    /// Whether [`EngineChoice::Auto`] takes it.
    pub chosen: bool,
    /// Version, instruction set, or why it cannot be used and what to do.
    pub detail: String,
}

/// Every engine, for `stele reader engines`.
pub fn engines() -> Vec<EngineInfo> {
    let onnx = ort_engine::find();
    let found = onnx.is_ok();
    let simd = if cfg!(target_arch = "x86_64") {
        format!("{:?}", pulp::Arch::new())
    } else {
        "portable".into()
    };
    vec![
        EngineInfo {
            name: "onnxruntime".into(),
            available: found,
            chosen: found,
            detail: onnx.map_or_else(|e| e.to_string(), |p| p.display().to_string()),
        },
        EngineInfo {
            name: "native".into(),
            available: true,
            chosen: !found,
            detail: format!(
                "reads and trains, {} instructions",
                simd.split('(').next().unwrap_or("portable")
            ),
        },
        EngineInfo {
            name: "burn".into(),
            available: cfg!(feature = "burn"),
            chosen: false,
            detail: match (cfg!(feature = "vulkan"), cfg!(feature = "burn")) {
                (true, _) => "burn 0.22.1, vulkan".into(),
                (_, true) => "burn 0.22.1, flex (slow: the feature vulkan is for GPUs)".into(),
                _ => NOT_COMPILED.replace("FEATURE", "burn"),
            },
        },
    ]
}

/// Something that runs one network.
pub trait Engine: Send + Sync {
    /// Its name and version.
    fn name(&self) -> String;

    /// Runs `n` grey squares, `[n, size, size]`, normalised.
    ///
    /// # Errors
    /// When the input does not fit or the engine fails.
    fn run(&self, pixels: &[f32], n: usize, size: usize) -> Result<Answer, Error>;

    /// The last features of one grey square and the gradient of a class's logit with respect to
    /// them, where the engine can tell; `None` leaves that to the native engine.
    ///
    /// # Errors
    /// As [`Engine::run`].
    fn explain(
        &self,
        _pixels: &[f32],
        _size: usize,
        _class: usize,
    ) -> Result<Option<Explanation>, Error> {
        Ok(None)
    }

    /// Whether [`Engine::explain`] can tell.
    fn explains(&self) -> bool {
        false
    }
}

/// The last features `[h, w, c]` with h, w and c, and the gradient of a class's logit with respect
/// to them.
pub type Explanation = ((Vec<f32>, usize, usize, usize), Vec<f32>);

/// Makes an engine for a folded one-channel network.
///
/// # Errors
/// When the engine asked for cannot be used.
pub fn make(
    choice: EngineChoice,
    graph: &Graph,
    weights: &dyn Arrays,
    size: usize,
) -> Result<Box<dyn Engine>, Error> {
    // Two copies of a very large network (VGG-16) would not fit the memory promised.
    let large = graph.parameters() > 100_000_000;
    match choice {
        EngineChoice::Auto if !large && ort_engine::find().is_ok() => {
            match ort_engine::Ort::new(graph, weights.load()?.as_ref(), size) {
                Ok(engine) => Ok(Box::new(engine)),
                // A library that is too old for us must not stop a reading.
                Err(_) => Ok(Box::new(NativeEngine::new(graph, weights)?)),
            }
        }
        EngineChoice::Auto | EngineChoice::Native => {
            Ok(Box::new(NativeEngine::new(graph, weights)?))
        }
        EngineChoice::Burn => burn_engine(graph, weights.load()?.as_ref()),
        EngineChoice::OnnxRuntime => {
            let weights = weights.load()?;
            Ok(Box::new(ort_engine::Ort::new(graph, &weights, size)?))
        }
    }
}

/// [`Native`] behind the trait, with one workspace that its buffers return to.
pub struct NativeEngine {
    network: Native,
    workspaces: Mutex<Vec<Workspace>>,
}

impl NativeEngine {
    /// An engine for a folded network.
    ///
    /// # Errors
    /// When the weights do not fit.
    pub fn new(graph: &Graph, weights: &dyn Arrays) -> Result<Self, Error> {
        Ok(Self {
            network: Native::new(graph, weights)?,
            workspaces: Mutex::new(Vec::new()),
        })
    }

    /// Runs something with a workspace, which is kept for the next call.
    fn with<T>(&self, run: impl FnOnce(&Native, &mut Workspace) -> T) -> T {
        let lock = || {
            self.workspaces
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let mut workspace = lock().pop().unwrap_or_default();
        let result = run(&self.network, &mut workspace);
        lock().push(workspace);
        result
    }
}

impl Engine for NativeEngine {
    fn name(&self) -> String {
        "native".into()
    }

    fn run(&self, pixels: &[f32], n: usize, size: usize) -> Result<Answer, Error> {
        let mode = Mode {
            parallel: true,
            ..Mode::INFER
        };
        self.with(|network, ws| network.forward(&network.parameters, pixels, n, size, mode, ws))
    }

    fn explain(
        &self,
        pixels: &[f32],
        size: usize,
        class: usize,
    ) -> Result<Option<Explanation>, Error> {
        let mode = Mode {
            parallel: true,
            keep: true,
            until: Until::Features,
            ..Mode::INFER
        };
        self.with(|network, ws| {
            let answer = network.forward(&network.parameters, pixels, 1, size, mode, ws)?;
            let mut wanted = vec![0.0; answer.logits.len()];
            wanted[class] = 1.0;
            let gradient = network.feature_gradient(&network.parameters, &wanted, ws)?;
            Ok(Some((answer.features, gradient)))
        })
    }

    fn explains(&self) -> bool {
        true
    }
}

/// What is said of an engine that this program was built without.
const NOT_COMPILED: &str = "not compiled in: build stele with --features FEATURE";

/// An engine that needs a feature which this program was built without.
pub(crate) fn left_out(engine: &'static str, feature: &str) -> Error {
    Error::Engine {
        engine,
        reason: NOT_COMPILED.replace("FEATURE", feature),
    }
}

#[cfg(feature = "burn")]
fn burn_engine(graph: &Graph, weights: &Weights) -> Result<Box<dyn Engine>, Error> {
    let engine = super::burn_net::BurnEngine::new(graph, weights)?;
    Ok(Box::new(engine))
}

#[cfg(not(feature = "burn"))]
fn burn_engine(_: &Graph, _: &Weights) -> Result<Box<dyn Engine>, Error> {
    Err(left_out("burn", "burn"))
}

/// ONNX Runtime.
#[cfg(feature = "onnxruntime")]
mod ort_engine {
    use std::path::PathBuf;
    use std::sync::{Mutex, OnceLock};

    use ort::environment::Environment;
    use ort::session::Session;
    use ort::value::TensorRef;

    use super::{Answer, Engine, Error, Graph, Weights};
    use crate::model::onnx;

    fn failed(reason: impl ToString) -> Error {
        Error::Engine {
            engine: "onnxruntime",
            reason: reason.to_string(),
        }
    }

    /// Where the library is: `ORT_DYLIB_PATH`, the Python package `onnxruntime` of a virtual
    /// environment or of the system, or a system library folder.
    pub(super) fn find() -> Result<PathBuf, Error> {
        static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
        FOUND.get_or_init(search).clone().ok_or_else(|| {
            failed("its library was not found: set ORT_DYLIB_PATH to libonnxruntime.so, or install the Python package onnxruntime 1.24 or newer")
        })
    }

    fn search() -> Option<PathBuf> {
        if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from) {
            return path.is_file().then_some(path);
        }
        let mut roots: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_PREFIX"]
            .iter()
            .filter_map(std::env::var_os)
            .map(|v| PathBuf::from(v).join("lib"))
            .collect();
        if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
            roots.push(home.join(".local/lib"));
            if let Ok(versions) = std::fs::read_dir(home.join(".pyenv/versions")) {
                roots.extend(versions.flatten().map(|v| v.path().join("lib")));
            }
        }
        roots.extend(
            [
                "/usr/local/lib",
                "/usr/lib",
                "/usr/lib/x86_64-linux-gnu",
                "/opt/homebrew/lib",
            ]
            .map(PathBuf::from),
        );
        roots.iter().find_map(|root| library_in(root))
    }

    /// The library in a folder, or in a Python package below it.
    fn library_in(root: &std::path::Path) -> Option<PathBuf> {
        let named = |folder: PathBuf| {
            let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
                .ok()?
                .flatten()
                .map(|e| e.path())
                .filter(|p| {
                    let name = p
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned();
                    name.starts_with("libonnxruntime.so")
                        || (name.starts_with("libonnxruntime.") && name.ends_with("dylib"))
                })
                .collect();
            found.sort();
            found.pop()
        };
        if let Some(direct) = named(root.to_owned()) {
            return Some(direct);
        }
        let pythons = std::fs::read_dir(root).ok()?.flatten().map(|e| e.path());
        pythons
            .filter(|p| {
                p.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with("python3"))
            })
            .flat_map(|p| [p.join("site-packages"), p.join("dist-packages")])
            .find_map(|p| named(p.join("onnxruntime/capi")))
    }

    /// The environment of this process: there can be only one.
    fn environment() -> Result<&'static Environment, Error> {
        static LOADED: OnceLock<Result<Environment, String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            let path = find().map_err(|e| e.to_string())?;
            let builder = ort::init_from(path).map_err(|e| e.to_string())?;
            builder
                .with_name("stele")
                .with_telemetry(false)
                .build()
                .map_err(|e| e.to_string())
        });
        loaded.as_ref().map_err(failed)
    }

    /// A session for one network, exported from the same weights.
    pub(super) struct Ort {
        session: Mutex<Session>,
        version: String,
        has_evidence: bool,
    }

    impl Ort {
        pub(super) fn new(graph: &Graph, weights: &Weights, size: usize) -> Result<Self, Error> {
            let environment = environment()?;
            let bytes = onnx::export(graph, weights, size)?;
            let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let session = Session::builder(environment)
                .map_err(failed)?
                .with_intra_threads(threads)
                .map_err(failed)?
                .commit_from_memory(&bytes)
                .map_err(failed)?;
            let version = find().ok().and_then(|p| version_of(&p)).unwrap_or_default();
            Ok(Self {
                session: Mutex::new(session),
                version,
                has_evidence: graph.evidence.is_some(),
            })
        }
    }

    /// The version in the library's file name, `libonnxruntime.so.1.24.0`.
    fn version_of(path: &std::path::Path) -> Option<String> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        name.split_once(".so.").map(|(_, v)| v.to_owned())
    }

    impl Engine for Ort {
        fn name(&self) -> String {
            format!("onnxruntime {}", self.version)
                .trim_end()
                .to_owned()
        }

        fn run(&self, pixels: &[f32], n: usize, size: usize) -> Result<Answer, Error> {
            let input = TensorRef::from_array_view(([n, 1, size, size], pixels)).map_err(failed)?;
            let mut session = self
                .session
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let outputs = session
                .run(ort::inputs!["image" => input])
                .map_err(failed)?;
            let get = |name: &str| -> Result<(Vec<usize>, Vec<f32>), Error> {
                let value = outputs
                    .get(name)
                    .ok_or_else(|| failed(format!("no output {name}")))?;
                let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
                Ok((shape.iter().map(|&d| d as usize).collect(), data.to_vec()))
            };
            let (shape, planes) = get("features")?;
            let [_, c, h, w] = shape[..] else {
                return Err(failed("features are not a map"));
            };
            let evidence = if self.has_evidence {
                let (shape, map) = get("evidence")?;
                Some((map, shape[2], shape[3]))
            } else {
                None
            };
            let features = (channels_last(&planes, c, h * w), h, w, c);
            Ok(Answer {
                logits: get("logits")?.1,
                pooled: get("pooled")?.1,
                evidence,
                features,
            })
        }
    }

    fn channels_last(planes: &[f32], c: usize, area: usize) -> Vec<f32> {
        let mut out = vec![0.0; planes.len()];
        for (from, to) in planes
            .chunks_exact(c * area)
            .zip(out.chunks_exact_mut(c * area))
        {
            for (k, plane) in from.chunks_exact(area).enumerate() {
                for (p, v) in plane.iter().enumerate() {
                    to[p * c + k] = *v;
                }
            }
        }
        out
    }
}

/// Without the `onnxruntime` feature there is no such engine.
#[cfg(not(feature = "onnxruntime"))]
mod ort_engine {
    use super::{Answer, Engine, Error, Graph, Weights};

    pub(super) fn find() -> Result<std::path::PathBuf, Error> {
        Err(Error::Engine {
            engine: "onnxruntime",
            reason: "not compiled in (feature onnxruntime of the crate reader)".into(),
        })
    }

    pub(super) struct Ort;

    impl Ort {
        pub(super) fn new(_: &Graph, _: &Weights, _: usize) -> Result<Self, Error> {
            Err(find()
                .err()
                .unwrap_or_else(|| Error::Network("unreachable engine".into())))
        }
    }

    impl Engine for Ort {
        fn name(&self) -> String {
            "onnxruntime".into()
        }

        fn run(&self, _: &[f32], _: usize, _: usize) -> Result<Answer, Error> {
            Err(find()
                .err()
                .unwrap_or_else(|| Error::Network("unreachable engine".into())))
        }
    }
}
