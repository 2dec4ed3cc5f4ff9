//! Writes a network as an ONNX model (opset 13), so that ONNX Runtime and others can run it.
//!
//! Only a dozen message types of onnx.proto3 are needed; they are written out by hand here, in the
//! protocol-buffers wire format, rather than through a generated crate of the whole schema.

use super::graph::{Conv, Graph, Op, Padding};
use super::weights::Weights;
use crate::error::Error;

/// A protocol-buffers message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn int(&mut self, field: u64, value: i64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn float(&mut self, field: u64, value: f32) -> &mut Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn text(&mut self, field: u64, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }
}

fn attribute(name: &str, fill: impl FnOnce(&mut Message), kind: i64) -> Message {
    let mut m = Message::default();
    m.text(1, name);
    fill(&mut m);
    m.int(20, kind);
    m
}

fn ints(name: &str, values: &[usize]) -> Message {
    attribute(
        name,
        |m| {
            values.iter().for_each(|&v| {
                m.int(8, v as i64);
            })
        },
        7,
    )
}

fn int(name: &str, value: i64) -> Message {
    attribute(
        name,
        |m| {
            m.int(3, value);
        },
        2,
    )
}

fn text(name: &str, value: &str) -> Message {
    attribute(
        name,
        |m| {
            m.bytes(4, value.as_bytes());
        },
        3,
    )
}

fn tensor(name: &str, shape: &[usize], data: &[f32]) -> Message {
    let mut m = Message::default();
    shape.iter().for_each(|&d| {
        m.int(1, d as i64);
    });
    m.int(2, 1); // FLOAT
    m.text(8, name);
    let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    m.bytes(9, &raw);
    m
}

fn value_info(name: &str, shape: &[Option<usize>]) -> Message {
    let mut dims = Message::default();
    for (axis, d) in shape.iter().enumerate() {
        let mut dim = Message::default();
        match d {
            Some(d) => dim.int(1, *d as i64),
            None => dim.text(2, ["batch", "channels", "height", "width"][axis.min(3)]),
        };
        dims.bytes(1, &dim.0);
    }
    let mut tensor = Message::default();
    tensor.int(1, 1).bytes(2, &dims.0);
    let mut kind = Message::default();
    kind.bytes(1, &tensor.0);
    let mut m = Message::default();
    m.text(1, name).bytes(2, &kind.0);
    m
}

/// Collects nodes and initial tensors.
#[derive(Default)]
struct Writer {
    graph: Message,
    constants: Vec<Message>,
}

impl Writer {
    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[Message]) {
        let mut m = Message::default();
        inputs.iter().for_each(|i| {
            m.text(1, i);
        });
        m.text(2, output).text(3, output).text(4, kind);
        attributes.iter().for_each(|a| {
            m.bytes(5, &a.0);
        });
        self.graph.bytes(1, &m.0);
    }

    fn constant(&mut self, name: &str, shape: &[usize], data: &[f32]) {
        self.constants.push(tensor(name, shape, data));
    }
}

/// Names of the outputs of an exported model.
pub const OUTPUTS: [&str; 4] = ["logits", "pooled", "features", "evidence"];

/// The ONNX file of a network for square inputs of `size`: input `image` `[batch, C, size, size]`;
/// outputs `logits`, `pooled`, `features` and, where there is one, `evidence`.
///
/// # Errors
/// When a weight is missing or the input size does not fit.
pub fn export(graph: &Graph, weights: &Weights, size: usize) -> Result<Vec<u8>, Error> {
    graph.check(weights)?;
    let shapes = graph.shapes(size)?;
    let mut w = Writer::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        write_node(
            &mut w,
            graph,
            weights,
            &shapes,
            i,
            node.inputs.first().map_or(0, |&j| shapes[j][1]),
        )?;
    }
    let mut g = w.graph;
    g.text(2, "stele");
    w.constants.iter().for_each(|c| {
        g.bytes(5, &c.0);
    });
    g.bytes(
        11,
        &value_info("image", &[None, Some(graph.channels()), None, None]).0,
    );
    let mut outputs = Message::default();
    let wanted = [
        Some(graph.logits),
        Some(graph.pooled),
        Some(graph.features),
        graph.evidence,
    ];
    for (name, node) in OUTPUTS.iter().zip(wanted) {
        let Some(node) = node else { continue };
        let [c, ..] = shapes[node];
        let flat = [None, Some(c)];
        let spatial = [None, Some(c), None, None];
        let pooled = matches!(*name, "logits" | "pooled");
        g.bytes(
            12,
            &value_info(name, if pooled { &flat } else { &spatial }).0,
        );
        let mut identity = Message::default();
        identity
            .text(1, &format!("n{node}"))
            .text(2, name)
            .text(4, "Identity");
        outputs.bytes(1, &identity.0);
    }
    g.0.extend(outputs.0);
    let mut opset = Message::default();
    opset.text(1, "").int(2, 13);
    let mut model = Message::default();
    model
        .int(1, 7)
        .text(2, "stele")
        .bytes(7, &g.0)
        .bytes(8, &opset.0);
    Ok(model.0)
}

fn write_node(
    w: &mut Writer,
    graph: &Graph,
    weights: &Weights,
    shapes: &[[usize; 3]],
    i: usize,
    input_side: usize,
) -> Result<(), Error> {
    let node = &graph.nodes[i];
    let out = format!("n{i}");
    let from: Vec<String> = node
        .inputs
        .iter()
        .map(|&j| {
            if matches!(graph.nodes[j].op, Op::Input { .. }) {
                "image".into()
            } else {
                format!("n{j}")
            }
        })
        .collect();
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    match &node.op {
        Op::Input { .. } => {}
        Op::Conv(c) => write_conv(w, c, weights, (input_side, from[0]), &out)?,
        Op::BatchNorm { name, eps, .. } => {
            let names =
                ["weight", "bias", "running_mean", "running_var"].map(|p| format!("{name}.{p}"));
            for n in &names {
                put(w, weights, n)?;
            }
            let inputs = [from[0], &names[0], &names[1], &names[2], &names[3]];
            let epsilon = attribute(
                "epsilon",
                |m| {
                    m.float(2, *eps);
                },
                1,
            );
            w.node("BatchNormalization", &inputs, &out, &[epsilon]);
        }
        Op::Relu => w.node("Relu", &from, &out, &[]),
        Op::Relu6 => {
            let (low, high) = (format!("{out}.low"), format!("{out}.high"));
            w.constant(&low, &[], &[0.0]);
            w.constant(&high, &[], &[6.0]);
            w.node("Clip", &[from[0], &low, &high], &out, &[]);
        }
        Op::Add => w.node("Add", &from, &out, &[]),
        Op::MaxPool {
            kernel,
            stride,
            pad,
        } => {
            let how = window(input_side, *kernel, *stride, Padding::Each(*pad));
            w.node("MaxPool", &from, &out, &how);
        }
        Op::AdaptivePool { side } => {
            write_adaptive(w, shapes[node.inputs[0]], *side, from[0], &out)?
        }
        Op::GlobalPool => {
            let name = format!("{out}.mean");
            w.node("GlobalAveragePool", &from, &name, &[]);
            w.node("Flatten", &[&name], &out, &[int("axis", 1)]);
        }
        Op::SoftPool { sharpness } => {
            write_soft_pool(w, shapes[node.inputs[0]], *sharpness, from[0], &out)
        }
        Op::Upsample2 => write_upsample(w, from[0], &out),
        Op::Concat => w.node("Concat", &from, &out, &[int("axis", 1)]),
        Op::Flatten => w.node("Flatten", &from, &out, &[int("axis", 1)]),
        Op::Dropout { .. } => w.node("Identity", &from, &out, &[]),
        Op::Linear { name, .. } => {
            let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
            put(w, weights, &weight)?;
            put(w, weights, &bias)?;
            let inputs = [from[0], &weight, &bias];
            w.node("Gemm", &inputs, &out, &[int("transB", 1)]);
        }
    }
    Ok(())
}

/// Writes a weight as a constant.
fn put(w: &mut Writer, weights: &Weights, name: &str) -> Result<(), Error> {
    let a = weights.get(name)?;
    w.constant(name, &a.shape, &a.data);
    Ok(())
}

/// The attributes of a window over a square of `side`.
fn window(side: usize, kernel: usize, stride: usize, pad: Padding) -> [Message; 3] {
    let (a, b) = pad.amounts(side, kernel, stride);
    [
        ints("kernel_shape", &[kernel, kernel]),
        ints("strides", &[stride, stride]),
        ints("pads", &[a, a, b, b]),
    ]
}

fn write_conv(
    w: &mut Writer,
    c: &Conv,
    weights: &Weights,
    (side, from): (usize, &str),
    out: &str,
) -> Result<(), Error> {
    let (weight, bias) = (format!("{}.weight", c.name), format!("{}.bias", c.name));
    put(w, weights, &weight)?;
    let mut inputs = vec![from, weight.as_str()];
    if c.bias {
        put(w, weights, &bias)?;
        inputs.push(&bias);
    }
    let [kernel, strides, pads] = window(side, c.kernel, c.stride, c.pad);
    let how = [kernel, strides, pads, int("group", c.groups as i64)];
    w.node("Conv", &inputs, out, &how);
    Ok(())
}

fn write_upsample(w: &mut Writer, from: &str, out: &str) {
    let (roi, scales) = (format!("{out}.roi"), format!("{out}.scales"));
    w.constant(&roi, &[0], &[]);
    w.constant(&scales, &[4], &[1.0, 1.0, 2.0, 2.0]);
    let how = [
        text("mode", "nearest"),
        text("coordinate_transformation_mode", "asymmetric"),
        text("nearest_mode", "floor"),
    ];
    w.node("Resize", &[from, &roi, &scales], out, &how);
}

/// Adaptive pooling for a known input: an identity, or an average pool with fixed windows.
fn write_adaptive(
    w: &mut Writer,
    [_, h, _]: [usize; 3],
    side: usize,
    from: &str,
    out: &str,
) -> Result<(), Error> {
    if h == side {
        w.node("Identity", &[from], out, &[]);
        return Ok(());
    }
    if !h.is_multiple_of(side) {
        return Err(Error::Network(format!(
            "a map of {h} places does not divide into {side} bins: ONNX has no adaptive pooling"
        )));
    }
    let step = h / side;
    w.node(
        "AveragePool",
        &[from],
        out,
        &[
            ints("kernel_shape", &[step, step]),
            ints("strides", &[step, step]),
        ],
    );
    Ok(())
}

/// `log sum exp (r x) / r - log(places) / r`.
fn write_soft_pool(w: &mut Writer, [_, h, s]: [usize; 3], sharpness: f32, from: &str, out: &str) {
    let part = |p: &str| format!("{out}.{p}");
    w.constant(&part("r"), &[], &[sharpness]);
    w.constant(&part("count"), &[], &[((h * s) as f32).ln()]);
    w.node("Mul", &[from, &part("r")], &part("scaled"), &[]);
    w.node(
        "ReduceLogSumExp",
        &[&part("scaled")],
        &part("sum"),
        &[ints("axes", &[2, 3]), int("keepdims", 0)],
    );
    w.node("Sub", &[&part("sum"), &part("count")], &part("mean"), &[]);
    w.node("Div", &[&part("mean"), &part("r")], out, &[]);
}
