//! What this program gives a node: the web app, and the reader where it is built in.

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
        #[cfg(feature = "reader")]
        reader: Some(Arc::new(second_opinion::Reader::default())),
        #[cfg(not(feature = "reader"))]
        reader: None,
    }
}

#[cfg(feature = "reader")]
mod second_opinion {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use api::readings::Task;
    use node::reading::{Finding, NoReading, ReadingEngine};
    use reader::{Ask, Error, Refused, Shipped};

    /// The shipped models, each loaded when it is first asked for: a node whose staff never asks
    /// needs neither their files nor their memory.
    #[derive(Default)]
    pub(super) struct Reader(Mutex<HashMap<&'static str, Arc<Shipped>>>);

    impl Reader {
        fn models(&self, task: Task) -> Result<Arc<Shipped>, NoReading> {
            let name = match task {
                Task::Fracture => "fracture",
                Task::Chest => "chest",
                Task::Auto => "all",
            };
            let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(models) = loaded.get(name) {
                return Ok(models.clone());
            }
            let models = match task {
                Task::Auto => Shipped::load_all(),
                _ => Shipped::load(name),
            };
            let models = Arc::new(models.map_err(|e| NoReading::NoModel(e.to_string()))?);
            loaded.insert(name, models.clone());
            Ok(models)
        }
    }

    impl ReadingEngine for Reader {
        fn read(&self, task: Task, image: Vec<u8>) -> Result<Finding, NoReading> {
            let ask = Ask {
                heatmap: true,
                ..Ask::default()
            };
            let opinion = self.models(task)?.read(image, ask).map_err(refusal)?;
            let said = opinion.prediction;
            Ok(Finding {
                task: said.task,
                engine: said.engine,
                model: said.model,
                model_sha256: said.model_sha256,
                input_sha256: said.input_sha256,
                probabilities: said.probabilities,
                probability: said.probability,
                threshold: said.threshold,
                verdict: said.verdict,
                abstained: said.abstained,
                warnings: said.warnings,
                heatmap_png: opinion.heatmap_png,
                milliseconds: said.ms + said.heatmap_ms.unwrap_or_default(),
            })
        }
    }

    fn refusal(error: Error) -> NoReading {
        match error {
            Error::Refused(Refused::TooLarge) | Error::TooLarge(_) => NoReading::TooLarge,
            Error::Refused(_) => NoReading::Busy,
            other => NoReading::NotAnImage(other.to_string()),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// A photograph-like picture that is no radiograph.
        fn png() -> Vec<u8> {
            let mut rgb = Vec::new();
            for at in 0..96_u32 * 96 {
                let byte = |n: u32| u8::try_from(n % 251).unwrap_or_default();
                rgb.extend([byte(at * 7), byte(at / 96 * 3), byte(at * at)]);
            }
            reader::predict::png_rgb(&rgb, 96, 96).unwrap_or_default()
        }

        #[test]
        fn the_shipped_models_answer_and_what_is_no_image_is_refused() {
            let reader = Reader::default();
            let refused = reader.read(Task::Auto, b"no image".to_vec());
            if let Err(NoReading::NoModel(why)) = &refused {
                eprintln!("SKIPPED the_shipped_models_answer: {why}");
                return;
            }
            assert!(
                matches!(refused, Err(NoReading::NotAnImage(_))),
                "{refused:?}"
            );
            for task in [Task::Auto, Task::Fracture, Task::Chest] {
                let finding = reader.read(task, png());
                let finding = finding.unwrap_or_else(|error| panic!("{task:?}: {error}"));
                assert!(!finding.model_sha256.is_empty());
                assert_eq!(finding.input_sha256.len(), 64, "of the file that was read");
                let knows = finding.verdict.is_some() || finding.abstained.is_some();
                assert!(knows, "{finding:?}");
            }
        }
    }
}
