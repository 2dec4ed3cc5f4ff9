//! Named arrays: in memory, in safetensors files, and out of PyTorch's files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::pytorch;
use crate::error::Error;

/// Largest weights file that is read (VGG-16 in 32-bit floats is 553 MB).
pub const MAX_FILE: u64 = 1 << 30;

/// An array of 32-bit floats in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub data: Vec<f32>,
}

impl Array {
    /// An array of a shape; the lengths must agree.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape, data }
    }
}

/// Named arrays, in memory or still in a file.
pub trait Arrays {
    /// The shape of an array.
    ///
    /// # Errors
    /// When there is none of this name.
    fn shape(&self, name: &str) -> Result<&[usize], Error>;

    /// Hands an array's values over in pieces, in their order, each with the place of its first.
    ///
    /// # Errors
    /// When there is none of this name or it cannot be read.
    fn read(&self, name: &str, piece: &mut dyn FnMut(usize, &[f32])) -> Result<(), Error>;

    /// All arrays, in memory.
    ///
    /// # Errors
    /// When they cannot be read.
    fn load(&self) -> Result<Cow<'_, Weights>, Error>;
}

/// A network's weights by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights {
    map: BTreeMap<String, Array>,
}

/// How numbers are kept in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: exact.
    F32,
    /// 16-bit floats: half the size, about three digits.
    F16,
}

impl Weights {
    /// The array of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Array, Error> {
        self.map.get(name).ok_or_else(|| missing(name))
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Puts an array in, in place of any of the same name.
    pub fn insert(&mut self, name: &str, array: Array) {
        self.map.insert(name.to_owned(), array);
    }

    /// All arrays in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.map.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Number of arrays.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Copies every array of `other` whose name and shape are also here; returns how many.
    pub fn adopt(&mut self, other: &Self) -> usize {
        let mut count = 0;
        for (name, array) in &other.map {
            if let Some(own) = self.map.get_mut(name)
                && own.shape == array.shape
            {
                own.data.copy_from_slice(&array.data);
                count += 1;
            }
        }
        count
    }

    /// The safetensors bytes.
    ///
    /// # Errors
    /// When the format refuses an array.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, Error> {
        let raw: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .map
            .iter()
            .map(|(k, a)| {
                let bytes = match precision {
                    Precision::F32 => a.data.iter().flat_map(|x| x.to_le_bytes()).collect(),
                    Precision::F16 => a
                        .data
                        .iter()
                        .flat_map(|&x| f16::from_f32(x).to_le_bytes())
                        .collect(),
                };
                (k.clone(), a.shape.clone(), bytes)
            })
            .collect();
        let dtype = if precision == Precision::F32 {
            Dtype::F32
        } else {
            Dtype::F16
        };
        let views: Result<Vec<_>, _> = raw
            .iter()
            .map(|(k, s, b)| TensorView::new(dtype, s.clone(), b).map(|v| (k.as_str(), v)))
            .collect();
        views
            .and_then(|v| safetensors::serialize(v, None))
            .map_err(|e| Error::Weights(e.to_string()))
    }

    /// Reads safetensors bytes, or those of a PyTorch state dict (zip or the old pickle), told apart
    /// by content; 32-bit or 16-bit floats.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if pytorch::recognises(bytes) {
            let arrays = pytorch::read(bytes)
                .map_err(|e| Error::Weights(format!("not a PyTorch state dict: {e}")))?;
            return Ok(Self {
                map: arrays.into_iter().collect(),
            });
        }
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| Error::Weights(format!("not a safetensors file: {e}")))?;
        let mut map = BTreeMap::new();
        for (name, view) in file.iter() {
            let data: Vec<f32> = match view.dtype() {
                Dtype::F32 => view
                    .data()
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|b| f32::from_le_bytes(*b))
                    .collect(),
                Dtype::F16 => view
                    .data()
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|b| f16::from_le_bytes(*b).to_f32())
                    .collect(),
                other => {
                    return Err(Error::Weights(format!(
                        "{name} is of type {other:?}, not a float"
                    )));
                }
            };
            map.insert(name.to_owned(), Array::new(view.shape().to_vec(), data));
        }
        Ok(Self { map })
    }

    /// Reads a weights file (see [`Weights::from_bytes`]).
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or is of neither kind.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let size = std::fs::metadata(path)
            .map_err(|e| Error::file(path, e))?
            .len();
        if size > MAX_FILE {
            return Err(Error::Weights(format!(
                "{} is larger than {MAX_FILE} bytes",
                path.display()
            )));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::file(path, e))?;
        Self::from_bytes(&bytes).map_err(|e| match e {
            Error::Weights(reason) => Error::Weights(format!("{}: {reason}", path.display())),
            other => other,
        })
    }

    /// Writes a safetensors file through a temporary one, so that a crash leaves the old or the
    /// new file, never half of one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path, precision: Precision) -> Result<(), Error> {
        write_whole(path, &self.to_bytes(precision)?)
    }
}

impl Arrays for Weights {
    fn shape(&self, name: &str) -> Result<&[usize], Error> {
        Ok(&self.get(name)?.shape)
    }

    fn read(&self, name: &str, piece: &mut dyn FnMut(usize, &[f32])) -> Result<(), Error> {
        piece(0, &self.get(name)?.data);
        Ok(())
    }

    fn load(&self) -> Result<Cow<'_, Weights>, Error> {
        Ok(Cow::Borrowed(self))
    }
}

/// Bytes of a weights file that are in memory at a time.
const PIECE: usize = 1 << 20;
/// Largest header of a safetensors file.
const MAX_HEADER: u64 = 16 << 20;

/// A safetensors file whose arrays are read as they are asked for, so that a network of half a
/// gigabyte is in memory once, in the layout of its engine, and not three times.
#[derive(Debug)]
pub struct StoredWeights {
    path: PathBuf,
    file: File,
    start: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    shape: Vec<usize>,
    half: bool,
    from: u64,
    to: u64,
}

impl StoredWeights {
    /// Opens a safetensors file whose SHA-256 must be `expected`, and reads where its arrays lie.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, has another digest, or is something else.
    pub fn open(path: &Path, expected: &str) -> Result<Self, Error> {
        let failed = |e| Error::file(path, e);
        let bad = |e: &dyn std::fmt::Display| {
            Error::Weights(format!("{}: not a safetensors file: {e}", path.display()))
        };
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size > MAX_FILE {
            return Err(bad(&format!("it is larger than {MAX_FILE} bytes")));
        }
        let found = digest(&mut file).map_err(failed)?;
        if found != expected {
            return Err(Error::Digest {
                path: path.to_owned(),
                expected: expected.to_owned(),
                found,
            });
        }
        file.rewind().map_err(failed)?;
        let mut first = [0; 8];
        file.read_exact(&mut first)
            .map_err(|_| bad(&"it is too short"))?;
        let length = u64::from_le_bytes(first);
        if length > MAX_HEADER || length > size - 8 {
            return Err(bad(&"its header is longer than the file or absurd"));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(failed)?;
        // This checks that shapes, types and places agree, and that the arrays leave no gap.
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| bad(&e))?;
        let start = 8 + length;
        let mut entries = BTreeMap::new();
        for (name, info) in metadata.tensors() {
            let half = match info.dtype {
                Dtype::F32 => false,
                Dtype::F16 => true,
                other => return Err(bad(&format!("{name} is of type {other:?}, not a float"))),
            };
            let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
            if start + to > size {
                return Err(bad(&format!("{name} lies behind the end: it was cut")));
            }
            let shape = info.shape.clone();
            entries.insert(
                name,
                Entry {
                    shape,
                    half,
                    from,
                    to,
                },
            );
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            start,
            entries,
        })
    }

    fn entry(&self, name: &str) -> Result<&Entry, Error> {
        self.entries.get(name).ok_or_else(|| missing(name))
    }
}

impl Arrays for StoredWeights {
    fn shape(&self, name: &str) -> Result<&[usize], Error> {
        Ok(&self.entry(name)?.shape)
    }

    fn read(&self, name: &str, piece: &mut dyn FnMut(usize, &[f32])) -> Result<(), Error> {
        let entry = self.entry(name)?;
        let failed = |e| Error::file(&self.path, e);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start + entry.from))
            .map_err(failed)?;
        let mut left = (entry.to - entry.from) as usize;
        let mut bytes = vec![0; left.min(PIECE)];
        let (mut values, mut at) = (Vec::new(), 0);
        while left > 0 {
            let bytes = &mut bytes[..left.min(PIECE)];
            file.read_exact(bytes).map_err(failed)?;
            values.clear();
            if entry.half {
                let pairs = bytes.as_chunks::<2>().0;
                values.extend(pairs.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
            } else {
                let fours = bytes.as_chunks::<4>().0;
                values.extend(fours.iter().map(|b| f32::from_le_bytes(*b)));
            }
            piece(at, &values);
            at += values.len();
            left -= bytes.len();
        }
        Ok(())
    }

    fn load(&self) -> Result<Cow<'_, Weights>, Error> {
        let mut weights = Weights::default();
        for (name, entry) in &self.entries {
            let mut data = Vec::with_capacity(entry.shape.iter().product());
            self.read(name, &mut |_, values| data.extend_from_slice(values))?;
            weights.insert(name, Array::new(entry.shape.clone(), data));
        }
        Ok(Cow::Owned(weights))
    }
}

/// SHA-256 of a file from where it stands to its end.
fn digest(file: &mut File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            n => hasher.update(&piece[..n]),
        }
    }
}

fn missing(name: &str) -> Error {
    Error::Weights(format!(
        "{name} is missing: these weights belong to another network"
    ))
}

/// Writes a file through a temporary one beside it and a rename.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("part");
    std::fs::write(&temporary, bytes).map_err(|e| Error::file(&temporary, e))?;
    std::fs::rename(&temporary, path).map_err(|e| Error::file(path, e))
}
