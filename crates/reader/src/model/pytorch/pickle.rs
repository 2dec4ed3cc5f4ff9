//! As much of Python's pickle (protocol 2) as a state dict needs.

use std::collections::HashMap;
use std::rc::Rc;

/// Most opcodes of a pickle: a state dict has some dozens a tensor.
const MAX_STEPS: usize = 1 << 20;
/// Most containers inside each other.
const MAX_DEPTH: u8 = 16;

/// A storage: the class of its elements, and its key.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) kind: String,
    pub(super) key: String,
}

/// A tensor: a part of a storage.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Values inside a tuple, a list or a dictionary (then keys and values in turn), and how deep they
/// contain each other. A copy costs nothing, whatever a hostile pickle asks to be repeated.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    items: Rc<Vec<Value>>,
    depth: u8,
}

impl Items {
    /// The values.
    pub(super) fn items(&self) -> &[Value] {
        &self.items
    }

    /// Keys and values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.items.as_chunks::<2>().0.iter().map(|[k, v]| (k, v))
    }

    fn extend(&mut self, more: Vec<Value>) -> Result<(), String> {
        let depth = more.iter().map(Value::depth).max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH {
            return Err("its values lie too deep inside each other".into());
        }
        self.depth = self.depth.max(depth);
        Rc::make_mut(&mut self.items).extend(more);
        Ok(())
    }

    fn of(items: Vec<Value>) -> Result<Self, String> {
        let mut all = Self::default();
        all.extend(items)?;
        Ok(all)
    }
}

/// A value of a pickle.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// The start of a group of values on the stack.
    Mark,
    Int(i64),
    Text(Rc<str>),
    /// A class or a function by its full name; it is never called.
    Name(Rc<str>),
    Tuple(Items),
    List(Items),
    Dict(Items),
    Storage(Rc<Storage>),
    Tensor(Rc<Tensor>),
    /// Anything else: None, a boolean, a number with a point, an object.
    Other,
}

impl Value {
    fn depth(&self) -> u8 {
        match self {
            Self::Tuple(i) | Self::List(i) | Self::Dict(i) => i.depth,
            _ => 0,
        }
    }
}

/// Reads the pickle at the front of `bytes`, which then begin behind it; what is wrong, else.
pub(super) fn load(bytes: &mut &[u8]) -> Result<Value, String> {
    let mut machine = Machine {
        bytes,
        stack: Vec::new(),
        memo: HashMap::new(),
    };
    for _ in 0..MAX_STEPS {
        let [opcode] = machine.take::<1>()?;
        if opcode == b'.' {
            return machine.pop();
        }
        machine.step(opcode)?;
    }
    Err("its pickle is too long".into())
}

struct Machine<'a, 'b> {
    bytes: &'a mut &'b [u8],
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
}

impl Machine<'_, '_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or("it was cut")?;
        *self.bytes = rest;
        Ok(*head)
    }

    fn slice(&mut self, length: usize) -> Result<&[u8], String> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or("it was cut")?;
        *self.bytes = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u32, String> {
        Ok(u32::from(self.take::<1>()?[0]))
    }

    fn word(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn text(&mut self, length: u32) -> Result<Rc<str>, String> {
        let text = std::str::from_utf8(self.slice(length as usize)?);
        text.map(Into::into)
            .map_err(|_| "a name is not UTF-8".into())
    }

    /// Text up to the end of the line.
    fn line(&mut self) -> Result<String, String> {
        let length = self.bytes.iter().position(|b| *b == b'\n');
        let length = length.ok_or("it was cut")?;
        let line = String::from_utf8_lossy(self.slice(length)?).into_owned();
        self.take::<1>()?;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack
            .pop()
            .ok_or_else(|| "its pickle is damaged".into())
    }

    /// The values above the last mark, which goes too.
    fn group(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|v| matches!(v, Value::Mark));
        let mark = mark.ok_or("its pickle is damaged")?;
        let group = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(group)
    }

    fn tuple(&mut self, length: usize) -> Result<Value, String> {
        let start = self.stack.len().checked_sub(length);
        let items = self.stack.split_off(start.ok_or("its pickle is damaged")?);
        Items::of(items).map(Value::Tuple)
    }

    fn remember(&mut self, key: u32) -> Result<(), String> {
        let top = self.stack.last().ok_or("its pickle is damaged")?;
        self.memo.insert(key, top.clone());
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<Value, String> {
        let known = self.memo.get(&key).cloned();
        known.ok_or_else(|| "its pickle is damaged".into())
    }

    /// Puts values into the list or the dictionary on top of the stack.
    fn put(&mut self, values: Vec<Value>) -> Result<(), String> {
        match self.stack.last_mut() {
            Some(Value::List(items) | Value::Dict(items)) => items.extend(values),
            // An object's attributes are of no interest.
            Some(_) => Ok(()),
            None => Err("its pickle is damaged".into()),
        }
    }

    /// One opcode, named as in Python's `pickletools`.
    fn step(&mut self, opcode: u8) -> Result<(), String> {
        let value = match opcode {
            0x80 => return self.take::<1>().map(drop), // PROTO
            b'q' => return self.byte().and_then(|k| self.remember(k)), // BINPUT
            b'r' => return self.word().and_then(|k| self.remember(k)), // LONG_BINPUT
            b'0' => return self.pop().map(drop),       // POP
            b'a' => return self.pop().and_then(|v| self.put(vec![v])), // APPEND
            b'e' | b'u' => return self.group().and_then(|g| self.put(g)), // APPENDS, SETITEMS
            b'b' => return self.pop().map(drop),       // BUILD
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                return self.put(vec![key, value]); // SETITEM
            }
            b'(' => Value::Mark,
            b'h' => self.byte().and_then(|k| self.recall(k))?, // BINGET
            b'j' => self.word().and_then(|k| self.recall(k))?, // LONG_BINGET
            b'K' => Value::Int(i64::from(self.byte()?)),       // BININT1
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.take()?))), // BININT2
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.take()?))), // BININT
            0x8A => self.long()?,                              // LONG1
            b'G' => self.take::<8>().map(|_| Value::Other)?,   // BINFLOAT
            b'N' | 0x88 | 0x89 => Value::Other,                // NONE, NEWTRUE, NEWFALSE
            b'X' => {
                let length = self.word()?;
                Value::Text(self.text(length)?) // BINUNICODE
            }
            b'U' => {
                let length = self.byte()?;
                Value::Text(self.text(length)?) // SHORT_BINSTRING
            }
            b'c' => Value::Name(format!("{}.{}", self.line()?, self.line()?).into()), // GLOBAL
            b'}' => Value::Dict(Items::default()),
            b']' => Value::List(Items::default()),
            b')' => Value::Tuple(Items::default()),
            b't' => Value::Tuple(Items::of(self.group()?)?), // TUPLE
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?, // TUPLE1 to TUPLE3
            b'Q' => storage(&self.pop()?)?,                  // BINPERSID
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                call(&function, arguments)? // REDUCE, NEWOBJ
            }
            other => return Err(format!("its pickle has the opcode {other:#04x}")),
        };
        self.stack.push(value);
        Ok(())
    }

    /// A number of up to 255 bytes; what has more than eight (the magic number) is of no interest.
    fn long(&mut self) -> Result<Value, String> {
        let length = self.byte()?;
        let bytes = self.slice(length as usize)?;
        let Some(top) = bytes.last().filter(|_| bytes.len() <= 8) else {
            return Ok(if bytes.is_empty() {
                Value::Int(0)
            } else {
                Value::Other
            });
        };
        let mut all = [if *top >= 0x80 { 0xFF } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(all)))
    }
}

/// A persistent id: `("storage", class, key, place, count, …)`.
fn storage(id: &Value) -> Result<Value, String> {
    let Value::Tuple(parts) = id else {
        return Err("it refers to something that is not a storage".into());
    };
    match parts.items() {
        [Value::Text(what), Value::Name(kind), Value::Text(key), ..] if &**what == "storage" => {
            Ok(Value::Storage(Rc::new(Storage {
                kind: kind.to_string(),
                key: key.to_string(),
            })))
        }
        _ => Err("it refers to something that is not a storage".into()),
    }
}

/// What a call gives, for those of a state dict.
fn call(function: &Value, arguments: Value) -> Result<Value, String> {
    let (Value::Name(name), Value::Tuple(arguments)) = (function, arguments) else {
        return Err("its pickle is damaged".into());
    };
    match (&**name, arguments.items()) {
        ("collections.OrderedDict", []) => Ok(Value::Dict(Items::default())),
        (
            "torch._utils._rebuild_tensor_v2",
            [
                Value::Storage(storage),
                Value::Int(offset),
                Value::Tuple(shape),
                Value::Tuple(strides),
                ..,
            ],
        ) if shape.items().len() == strides.items().len() => Ok(Value::Tensor(Rc::new(Tensor {
            storage: (**storage).clone(),
            offset: size(&Value::Int(*offset))?,
            shape: sizes(shape)?,
            strides: sizes(strides)?,
        }))),
        ("torch._utils._rebuild_parameter", [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
        _ => Ok(Value::Other),
    }
}

fn size(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(n) => usize::try_from(*n).map_err(|_| "a size is negative".into()),
        _ => Err("a size is not a number".into()),
    }
}

fn sizes(values: &Items) -> Result<Vec<usize>, String> {
    values.items().iter().map(size).collect()
}
