//! Lists of labelled images: a CSV file, or folders named after the classes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A marked finding, in fractions of the image's width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxF {
    /// Centre, from the left.
    pub center_x: f32,
    /// Centre, from the top.
    pub center_y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl BoxF {
    /// Whether a point (fractions of the image) lies inside.
    pub fn contains(&self, (x, y): (f32, f32)) -> bool {
        (x - self.center_x).abs() <= self.width / 2.0
            && (y - self.center_y).abs() <= self.height / 2.0
    }
}

/// One image of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where the file is.
    pub path: PathBuf,
    /// The path as the manifest writes it.
    pub name: String,
    /// Its class.
    pub label: String,
    /// Patient, or whatever must stay on one side of a split.
    pub group: String,
    /// Split, where the data set has one.
    pub split: Option<String>,
    /// The other columns.
    pub attributes: BTreeMap<String, String>,
    /// Marked findings.
    pub boxes: Vec<BoxF>,
}

/// A data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The folder that paths start from.
    pub root: PathBuf,
    /// Its images.
    pub samples: Vec<Sample>,
    /// Its labels in alphabetical order.
    pub classes: Vec<String>,
    /// Whether boxes were given.
    pub has_boxes: bool,
}

/// File names that are images.
const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "dcm", "dicom", "ima"];
/// Most rows of a manifest.
const MAX_ROWS: usize = 2_000_000;

impl Manifest {
    /// Opens a CSV manifest (columns `path`, `label` and, where known, `group` and `split`; a
    /// `boxes.csv` beside it is read too), a folder that holds a `manifest.csv`, or a folder of
    /// class folders, with or without `train`, `val` and `test` above them.
    ///
    /// # Errors
    /// When nothing of the kind is there, or a column is missing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            let inside = path.join("manifest.csv");
            return if inside.is_file() {
                Self::from_csv(&inside)
            } else {
                Self::from_folders(path)
            };
        }
        Self::from_csv(path)
    }

    fn from_csv(path: &Path) -> Result<Self, Error> {
        let root = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut boxes = read_boxes(&root.join("boxes.csv"))?;
        let has_boxes = boxes.is_some();
        let mut samples = Vec::new();
        for mut row in rows(path)? {
            let name = take(&mut row, "path", path)?;
            let label = take(&mut row, "label", path)?;
            let group = row
                .remove("group")
                .filter(|g| !g.is_empty())
                .unwrap_or_else(|| name.clone());
            let split = row.remove("split").filter(|s| !s.is_empty());
            let boxes = boxes
                .as_mut()
                .and_then(|b| b.remove(&name))
                .unwrap_or_default();
            samples.push(Sample {
                path: root.join(&name),
                name,
                label,
                group,
                split,
                attributes: row,
                boxes,
            });
        }
        Self::of(root, samples, has_boxes)
    }

    fn from_folders(root: &Path) -> Result<Self, Error> {
        const SPLITS: [&str; 5] = ["train", "val", "valid", "validation", "test"];
        let mut samples = Vec::new();
        for first in folders(root)? {
            let name = file_name(&first);
            if SPLITS.contains(&name.to_lowercase().as_str()) {
                let split = if name.to_lowercase().starts_with("val") {
                    "val".into()
                } else {
                    name.to_lowercase()
                };
                for class in folders(&first)? {
                    collect(root, &class, &file_name(&class), Some(&split), &mut samples)?;
                }
            } else {
                collect(root, &first, &name, None, &mut samples)?;
            }
        }
        Self::of(root.to_owned(), samples, false)
    }

    fn of(root: PathBuf, samples: Vec<Sample>, has_boxes: bool) -> Result<Self, Error> {
        if samples.is_empty() {
            return Err(Error::Data(format!(
                "{} holds no images: give a CSV with the columns path and label, or a folder of class folders",
                root.display()
            )));
        }
        let classes: BTreeSet<_> = samples.iter().map(|s| s.label.clone()).collect();
        Ok(Self {
            root,
            samples,
            classes: classes.into_iter().collect(),
            has_boxes,
        })
    }

    /// The images of one split.
    pub fn split(&self, name: &str) -> Vec<&Sample> {
        self.samples
            .iter()
            .filter(|s| s.split.as_deref() == Some(name))
            .collect()
    }

    /// Refuses a data set in which a group stands in more than one split.
    ///
    /// # Errors
    /// [`Error::Leak`] with some of the groups.
    pub fn check_groups(&self) -> Result<(), Error> {
        let mut splits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for s in &self.samples {
            if let Some(split) = &s.split {
                splits.entry(&s.group).or_default().insert(split);
            }
        }
        let leaking: Vec<String> = splits
            .iter()
            .filter(|(_, s)| s.len() > 1)
            .map(|(g, _)| (*g).to_owned())
            .collect();
        if leaking.is_empty() {
            return Ok(());
        }
        Err(Error::Leak {
            count: leaking.len(),
            example: leaking.into_iter().take(5).collect(),
        })
    }

    /// Puts every image into `train` or `val`, groups whole, when the data set has no split of its
    /// own; `share` of the groups of each label go to `val`, chosen by the seed.
    pub fn ensure_split(&mut self, share: f32, seed: u64) {
        if self.samples.iter().any(|s| s.split.is_some()) {
            return;
        }
        for s in &mut self.samples {
            // A group's side depends on its name and the seed alone.
            let hash = s.group.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
            });
            let side = crate::rng::Rng::new(hash).unit() < share;
            s.split = Some(if side { "val" } else { "train" }.into());
        }
    }
}

type Row = BTreeMap<String, String>;

fn rows(path: &Path) -> Result<Vec<Row>, Error> {
    let bad = |e: csv::Error| Error::Data(format!("{}: {e}", path.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(bad)?;
    let header = reader.headers().map_err(bad)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        if rows.len() == MAX_ROWS {
            return Err(Error::Data(format!(
                "{} has more than {MAX_ROWS} rows",
                path.display()
            )));
        }
        rows.push(
            header
                .iter()
                .map(str::to_owned)
                .zip(record.iter().map(str::to_owned))
                .collect(),
        );
    }
    Ok(rows)
}

fn take(row: &mut Row, column: &str, path: &Path) -> Result<String, Error> {
    row.remove(column)
        .filter(|v| !v.is_empty())
        .ok_or_else(|| Error::Data(format!("{}: a row has no {column}", path.display())))
}

fn read_boxes(path: &Path) -> Result<Option<BTreeMap<String, Vec<BoxF>>>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut all: BTreeMap<String, Vec<BoxF>> = BTreeMap::new();
    for mut row in rows(path)? {
        let name = take(&mut row, "path", path)?;
        let mut number = |column: &str| -> Result<f32, Error> {
            let text = take(&mut row, column, path)?;
            text.parse::<f32>()
                .ok()
                .filter(|v| (0.0..=1.0).contains(v))
                .ok_or_else(|| {
                    Error::Data(format!(
                        "{}: {column} = {text:?} is not a fraction",
                        path.display()
                    ))
                })
        };
        let b = BoxF {
            center_x: number("center_x")?,
            center_y: number("center_y")?,
            width: number("width")?,
            height: number("height")?,
        };
        all.entry(name).or_default().push(b);
    }
    Ok(Some(all))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let listing = std::fs::read_dir(path).map_err(|e| Error::file(path, e))?;
    let mut all = Vec::new();
    for entry in listing {
        all.push(entry.map_err(|e| Error::file(path, e))?.path());
    }
    all.sort();
    Ok(all)
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let hidden = |p: &PathBuf| file_name(p).starts_with('.');
    Ok(entries(path)?
        .into_iter()
        .filter(|p| p.is_dir() && !hidden(p))
        .collect())
}

fn collect(
    root: &Path,
    folder: &Path,
    label: &str,
    split: Option<&str>,
    samples: &mut Vec<Sample>,
) -> Result<(), Error> {
    for path in entries(folder)? {
        let extension = path
            .extension()
            .map(|e| e.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        if !path.is_file() || !EXTENSIONS.contains(&extension.as_str()) {
            continue;
        }
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        samples.push(Sample {
            group: name.clone(),
            name,
            path,
            label: label.to_owned(),
            split: split.map(str::to_owned),
            attributes: BTreeMap::new(),
            boxes: Vec::new(),
        });
    }
    Ok(())
}
