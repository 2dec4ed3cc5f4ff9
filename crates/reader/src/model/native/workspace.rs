//! Memory of a pass: buffers that are used again, and the values that a backward pass needs.

/// A value: `[n, h, w, c]`.
#[derive(Debug, Default, Clone)]
pub(super) struct Value {
    pub(super) data: Vec<f32>,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) c: usize,
}

impl Value {
    /// A map of other values and the same size.
    pub(super) fn with(&self, data: Vec<f32>) -> Self {
        Self { data, ..*self }
    }

    /// A row of `c` values an image.
    pub(super) fn row(data: Vec<f32>, c: usize) -> Self {
        Self {
            data,
            h: 1,
            w: 1,
            c,
        }
    }

    /// Places of the map.
    pub(super) fn area(&self) -> usize {
        self.h * self.w
    }

    /// Values of one image.
    pub(super) fn each(&self) -> usize {
        self.area() * self.c
    }
}

/// What a normalisation normalised by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Applied {
    pub(super) mean: Vec<f32>,
    /// 1 / sqrt(variance + eps).
    pub(super) inverse: Vec<f32>,
    /// The batch's variance without bias, and its number of values a channel; none with running
    /// statistics.
    pub(super) batch: Option<(Vec<f32>, f64)>,
}

/// Buffers that are used again from pass to pass, and the values that a backward pass needs.
#[derive(Debug, Default)]
pub struct Workspace {
    free: Vec<Vec<f32>>,
    pub(super) values: Vec<Value>,
    pub(super) masks: Vec<Vec<f32>>,
    pub(super) norms: Vec<Option<Applied>>,
    pub(super) n: usize,
}

impl Workspace {
    /// Ready for a pass of `n` images through `steps` steps.
    pub(super) fn start(&mut self, steps: usize, n: usize) {
        for value in std::mem::take(&mut self.values) {
            self.give(value.data);
        }
        self.values.resize(steps, Value::default());
        self.masks = vec![Vec::new(); steps];
        self.norms = vec![None; steps];
        self.n = n;
    }

    /// A buffer of `len` values of whatever was in it.
    pub(super) fn take(&mut self, len: usize) -> Vec<f32> {
        let best = (0..self.free.len())
            .filter(|&i| self.free[i].capacity() >= len)
            .min_by_key(|&i| self.free[i].capacity());
        let mut buffer = match best {
            Some(i) => self.free.swap_remove(i),
            None => Vec::with_capacity(len),
        };
        buffer.resize(len, 0.0);
        buffer
    }

    /// A buffer to use again.
    pub(super) fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    /// A buffer of `len` zeros.
    pub(super) fn zeros(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// A buffer with these values.
    pub(super) fn copy(&mut self, data: &[f32]) -> Vec<f32> {
        let mut buffer = self.take(data.len());
        buffer.copy_from_slice(data);
        buffer
    }
}
