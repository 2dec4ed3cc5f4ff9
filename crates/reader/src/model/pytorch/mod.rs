//! Weights out of PyTorch's files: the zip of `torch.save`, and the pickles of versions before 1.6.
//!
//! A state dict is a pickled dictionary of names and tensors; a tensor names a storage, whose bytes lie
//! beside the pickle. No class is ever made and no function called: a pickle that asks for anything
//! but tensors is refused, or what it asks for is passed over.

mod pickle;
mod zip;

use half::f16;

use super::weights::Array;
use pickle::{Storage, Tensor, Value};

/// The start of the old format: a pickle of its magic number.
const MAGIC: [u8; 4] = [0x80, 0x02, 0x8A, 0x0A];

/// Whether bytes begin as PyTorch's files do.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&MAGIC)
}

/// The tensors of a state dict that hold 32-bit or 16-bit floats (the others are counters), by name;
/// that of a checkpoint may lie under `state_dict`. What is wrong with the file, else.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>, String> {
    let container = if bytes.starts_with(b"PK") {
        Container::of_zip(bytes)?
    } else {
        Container::of_pickles(bytes)?
    };
    let mut arrays = Vec::new();
    for (name, tensor) in state_dict(&container.object)? {
        let width = match tensor.storage.kind.as_str() {
            "torch.FloatStorage" => 4,
            "torch.HalfStorage" => 2,
            _ => continue,
        };
        let data = container.bytes(&tensor.storage)?;
        let array = values(&tensor, data, width).map_err(|e| format!("{name}: {e}"))?;
        arrays.push((name, array));
    }
    if arrays.is_empty() {
        return Err("it holds no state dict of floats".into());
    }
    Ok(arrays)
}

/// The pickled object and where its storages lie.
struct Container<'a> {
    object: Value,
    storages: Vec<(String, &'a [u8])>,
}

impl<'a> Container<'a> {
    /// `NAME/data.pkl`, and `NAME/data/KEY` for each storage.
    fn of_zip(bytes: &'a [u8]) -> Result<Self, String> {
        let entries = zip::entries(bytes)?;
        let (folder, pickle) = entries
            .iter()
            .find_map(|(name, data)| Some((name.strip_suffix("data.pkl")?, *data)))
            .ok_or("it has no data.pkl")?;
        let inside = |wanted: &str| format!("{folder}{wanted}");
        let (order, keys) = (inside("byteorder"), inside("data/"));
        if entries.iter().any(|(n, d)| *n == order && *d != b"little") {
            return Err("it was written on a big-endian machine".into());
        }
        let storages = entries
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(&keys)?.to_owned(), *data)))
            .collect();
        Ok(Self {
            object: pickle::load(&mut &pickle[..])?,
            storages,
        })
    }

    /// A magic number, a version, facts about the machine, the object, the storages' keys, and then
    /// each storage: its number of elements in 64 bits, and they.
    fn of_pickles(mut bytes: &'a [u8]) -> Result<Self, String> {
        for _ in ["magic number", "version", "machine"] {
            pickle::load(&mut bytes)?;
        }
        let object = pickle::load(&mut bytes)?;
        let Value::List(keys) = pickle::load(&mut bytes)? else {
            return Err("the list of storages is missing".into());
        };
        let mut widths = Vec::new();
        for (_, tensor) in state_dict(&object)? {
            widths.push((tensor.storage.key.clone(), width(&tensor.storage.kind)?));
        }
        let mut storages = Vec::new();
        for key in keys.items() {
            let Value::Text(key) = key else {
                return Err("a storage has no name".into());
            };
            let width = widths.iter().find(|(k, _)| k == &**key).map(|(_, w)| *w);
            let width = width.ok_or_else(|| format!("storage {key} belongs to no tensor"))?;
            let (count, rest) = bytes.split_first_chunk::<8>().ok_or("it was cut")?;
            let size = usize::try_from(u64::from_le_bytes(*count))
                .ok()
                .and_then(|n| n.checked_mul(width))
                .ok_or("a storage is too large")?;
            let (data, rest) = rest.split_at_checked(size).ok_or("it was cut")?;
            storages.push((key.to_string(), data));
            bytes = rest;
        }
        Ok(Self { object, storages })
    }

    fn bytes(&self, storage: &Storage) -> Result<&'a [u8], String> {
        self.storages
            .iter()
            .find(|(key, _)| *key == storage.key)
            .map(|(_, data)| *data)
            .ok_or_else(|| format!("storage {} is missing", storage.key))
    }
}

/// Bytes of an element.
fn width(kind: &str) -> Result<usize, String> {
    Ok(match kind {
        "torch.DoubleStorage" | "torch.LongStorage" => 8,
        "torch.FloatStorage" | "torch.IntStorage" => 4,
        "torch.HalfStorage" | "torch.BFloat16Storage" | "torch.ShortStorage" => 2,
        "torch.ByteStorage" | "torch.CharStorage" | "torch.BoolStorage" => 1,
        other => return Err(format!("{other} is not known")),
    })
}

/// The names and tensors of a state dict, or of the one under `state_dict`.
fn state_dict(object: &Value) -> Result<Vec<(String, Tensor)>, String> {
    let Value::Dict(entries) = object else {
        return Err("it holds no state dict".into());
    };
    let mut tensors = Vec::new();
    for (key, value) in entries.pairs() {
        match (key, value) {
            (Value::Text(name), Value::Tensor(tensor)) => {
                tensors.push((name.to_string(), (**tensor).clone()));
            }
            (Value::Text(name), inner @ Value::Dict(_)) if &**name == "state_dict" => {
                return state_dict(inner);
            }
            _ => {}
        }
    }
    Ok(tensors)
}

/// A tensor's values in row-major order, whatever its strides.
fn values(tensor: &Tensor, data: &[u8], width: usize) -> Result<Array, String> {
    let number = |place: usize| -> Option<f32> {
        let bytes = data.get(place.checked_mul(width)?..)?.get(..width)?;
        Some(match bytes {
            [a, b, c, d] => f32::from_le_bytes([*a, *b, *c, *d]),
            [a, b] => f16::from_le_bytes([*a, *b]).to_f32(),
            _ => return None,
        })
    };
    let count = tensor
        .shape
        .iter()
        .try_fold(1usize, |a, b| a.checked_mul(*b));
    // Strides may repeat elements; a weight does not.
    let count = count
        .filter(|n| *n <= data.len() / width)
        .ok_or("it is larger than its storage")?;
    let mut out = Vec::with_capacity(count);
    for i in 0..count {
        let (mut rest, mut place) = (i, Some(tensor.offset));
        for (length, stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
            let step = (rest % length).checked_mul(*stride);
            place = place.zip(step).and_then(|(p, s)| p.checked_add(s));
            rest /= length;
        }
        out.push(
            place
                .and_then(number)
                .ok_or("it lies outside its storage")?,
        );
    }
    Ok(Array::new(tensor.shape.clone(), out))
}
