//! Templates of reports: FHIR R4 Questionnaires, as data files.
//!
//! Those in `templates/` are built in; a hospital adds its own in a folder, and one of its own with
//! the same `url` takes the place of a built-in one. Files are checked when the node starts, so
//! that a doctor never meets a form that cannot be filled in.

use std::path::Path;

use clinical::fhir::check_questionnaire;
use serde_json::Value;

/// The largest file, bytes.
const FILE: u64 = 256 << 10;
/// Most files in the folder.
const FILES: usize = 200;
const BUILT_IN: [(&str, &str); 6] = [
    (
        "high-blood-pressure.json",
        include_str!("../templates/high-blood-pressure.json"),
    ),
    ("covid-19.json", include_str!("../templates/covid-19.json")),
    (
        "radiograph.json",
        include_str!("../templates/radiograph.json"),
    ),
    ("visit.json", include_str!("../templates/visit.json")),
    (
        "consultation.json",
        include_str!("../templates/consultation.json"),
    ),
    (
        "prescription.json",
        include_str!("../templates/prescription.json"),
    ),
];

/// The templates of a hospital.
pub(crate) struct Templates(Vec<Value>);

impl Templates {
    /// The built-in ones and those of `folder`; an empty path is no folder.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn load(folder: &Path) -> Result<Self, String> {
        let mut templates = Self(Vec::new());
        for (name, text) in BUILT_IN {
            templates.add(name, text)?;
        }
        if folder.as_os_str().is_empty() {
            return Ok(templates);
        }
        let failed = |e: std::io::Error| format!("templates: {}: {e}", folder.display());
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
        if files.len() > FILES {
            return Err(format!("templates: at most {FILES} files"));
        }
        files.sort();
        for path in files {
            let name = path.display().to_string();
            let size = std::fs::metadata(&path).map_err(failed)?.len();
            if size > FILE {
                return Err(format!("{name}: it is over the limit of {FILE} bytes"));
            }
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            templates.add(&name, &text)?;
        }
        Ok(templates)
    }

    /// All of them, in the order of their files.
    pub(crate) fn all(&self) -> &[Value] {
        &self.0
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), String> {
        let questionnaire: Value =
            serde_json::from_str(text).map_err(|e| format!("{name}: {e}"))?;
        check_questionnaire(&questionnaire).map_err(|why| format!("{name}: {why}"))?;
        let url = questionnaire["url"].clone();
        match self.0.iter_mut().find(|known| known["url"] == url) {
            Some(known) => *known = questionnaire,
            None => self.0.push(questionnaire),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl Fn(&mut Value)) -> Result<Templates, String> {
        let mut own: Value = serde_json::from_str(BUILT_IN[0].1).unwrap();
        change(&mut own);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("own.json"), own.to_string()).unwrap();
        std::fs::write(dir.path().join("README.md"), "not a template").unwrap();
        Templates::load(dir.path())
    }

    #[test]
    fn the_built_in_ones_hold_and_a_hospital_adds_and_replaces() {
        let built_in = Templates::load(Path::new("")).unwrap();
        assert_eq!(built_in.all().len(), BUILT_IN.len());
        let replaced = with(|own| own["title"] = "Ours".into()).unwrap();
        assert_eq!(replaced.all().len(), BUILT_IN.len());
        assert_eq!(replaced.all()[0]["title"], "Ours");
        let added = with(|own| own["url"] = "urn:ours".into()).unwrap();
        assert_eq!(added.all().len(), BUILT_IN.len() + 1);
    }

    #[test]
    fn a_template_that_cannot_be_filled_in_is_named_and_refused() {
        let deep = (0..6).fold(serde_json::json!([]), |inner, n| {
            serde_json::json!([{"linkId": n.to_string(), "type": "group", "text": "", "item": inner}])
        });
        type Change<'a> = &'a dyn Fn(&mut Value);
        let wrong: [(&str, Change<'_>); 7] = [
            ("resourceType", &|q| q["resourceType"] = "Bundle".into()),
            ("url", &|q| q["url"] = Value::Null),
            ("twice", &|q| q["item"][1]["linkId"] = "bp-1".into()),
            ("does not exist", &|q| {
                q["item"][0]["type"] = "slider".into()
            }),
            ("asks nothing", &|q| q["item"] = Value::Null),
            ("choose from", &|q| q["item"][3]["type"] = "choice".into()),
            ("nested", &|q| q["item"] = deep.clone()),
        ];
        for (why, change) in wrong {
            let error = with(change).err().unwrap();
            assert!(error.contains(why) && error.contains("own.json"), "{error}");
        }
        let missing = Templates::load(Path::new("/nonexistent/templates"));
        assert!(missing.err().unwrap().contains("templates"));
    }
}
