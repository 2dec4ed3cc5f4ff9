//! From a graph to steps: what can be done in one pass over memory becomes one step.

use super::layout::{Segment, lay_out};
use super::{Kind, Native, Outputs, Step};
use crate::error::Error;
use crate::model::graph::{Conv, Graph, Node, Op, Padding};
use crate::model::kernels::Activation;
use crate::model::weights::Arrays;

impl Native {
    /// Lays out a network. To read with or to fine-tune, fold it first (see [`Graph::fold`]): its
    /// normalisations then cost nothing.
    ///
    /// # Errors
    /// When a weight is missing, misshapen or not finite, or the network has a convolution of
    /// another kind than dense or depthwise.
    pub fn new(graph: &Graph, weights: &dyn Arrays) -> Result<Self, Error> {
        graph.check_shapes(weights)?;
        let mut planner = Planner::new(graph, weights);
        for i in 0..graph.nodes.len() {
            planner.node(i)?;
        }
        Ok(planner.finish())
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    weights: &'a dyn Arrays,
    /// How often each node is read, by other nodes or by the caller.
    readers: Vec<usize>,
    /// The step of each node.
    map: Vec<usize>,
    steps: Vec<Step>,
    segments: Vec<Segment>,
    parameters: Vec<f32>,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, weights: &'a dyn Arrays) -> Self {
        let mut readers = vec![0; graph.nodes.len()];
        for node in &graph.nodes {
            node.inputs.iter().for_each(|&i| readers[i] += 1);
        }
        let outputs = [graph.logits, graph.features, graph.pooled];
        for output in outputs.into_iter().chain(graph.evidence) {
            readers[output] += 1;
        }
        Self {
            graph,
            weights,
            readers,
            map: vec![0; graph.nodes.len()],
            steps: Vec::new(),
            segments: Vec::new(),
            parameters: Vec::with_capacity(graph.parameters()),
        }
    }

    /// Adds the step of a node, or joins the node to the step before it.
    fn node(&mut self, i: usize) -> Result<(), Error> {
        let node = &self.graph.nodes[i];
        let act = match node.op {
            Op::Relu => Activation::Relu,
            Op::Relu6 => Activation::Relu6,
            _ => Activation::None,
        };
        if act != Activation::None && self.join_activation(node, i, act) || self.waits(i) {
            return Ok(());
        }
        let (owner, inputs) = match self.joined_norm(node) {
            Some(norm) => {
                let from = self.graph.nodes[norm].inputs[0];
                (&self.graph.nodes[norm], vec![from, node.inputs[1]])
            }
            None => (node, node.inputs.clone()),
        };
        let mut step = Step {
            kind: Kind::Activation,
            inputs: inputs.iter().map(|&j| self.map[j]).collect(),
            act,
            kernel: (1, 1, Padding::Each(0)),
            channels: (0, 0),
            weight: self.segments.len(),
            biased: false,
            stage: self.graph.stage_of(i),
        };
        step.kind = kind(owner, &mut step)?;
        self.segments_of(owner, step.stage)?;
        self.map[i] = self.steps.len();
        self.steps.push(step);
        Ok(())
    }

    /// Lets the step before do an activation too, where nobody else reads what is before it.
    fn join_activation(&mut self, node: &Node, i: usize, act: Activation) -> bool {
        let before = self.map[node.inputs[0]];
        let step = &mut self.steps[before];
        let fits = matches!(
            step.kind,
            Kind::Pointwise
                | Kind::Depthwise
                | Kind::Dense
                | Kind::Linear
                | Kind::Add
                | Kind::BatchNorm { .. }
        );
        let joins = fits && self.readers[node.inputs[0]] == 1;
        if joins {
            step.act = act;
            self.map[i] = before;
        }
        joins
    }

    /// Whether a node is a normalisation that the sum behind it will do.
    fn waits(&self, i: usize) -> bool {
        self.graph
            .nodes
            .iter()
            .any(|n| n.inputs.first() == Some(&i) && self.joined_norm(n) == Some(i))
    }

    /// The normalisation that a sum does along: that of its first input, read by nobody else.
    fn joined_norm(&self, node: &Node) -> Option<usize> {
        let (Op::Add, [first, second]) = (&node.op, &node.inputs[..]) else {
            return None;
        };
        let norm = matches!(self.graph.nodes[*first].op, Op::BatchNorm { .. });
        (norm && first != second && self.readers[*first] == 1).then_some(*first)
    }

    /// Lays a node's weights out.
    fn segments_of(&mut self, node: &Node, stage: usize) -> Result<(), Error> {
        for (name, shape, trained) in node.op.tensors() {
            let offset = self.parameters.len();
            lay_out(self.weights, &name, &shape, &mut self.parameters)?;
            let decays = shape.len() > 1;
            self.segments.push(Segment {
                name,
                offset,
                shape,
                stage,
                decays,
                trained,
            });
        }
        Ok(())
    }

    fn finish(self) -> Native {
        let (graph, map) = (self.graph, &self.map);
        let at = Outputs {
            logits: map[graph.logits],
            features: map[graph.features],
            pooled: map[graph.pooled],
            evidence: graph.evidence.map(|e| map[e]),
        };
        let mut last_use: Vec<usize> = (0..self.steps.len()).collect();
        for (i, step) in self.steps.iter().enumerate() {
            step.inputs.iter().for_each(|&j| last_use[j] = i);
        }
        for kept in [at.logits, at.features, at.pooled]
            .into_iter()
            .chain(at.evidence)
        {
            last_use[kept] = usize::MAX;
        }
        Native {
            steps: self.steps,
            segments: self.segments,
            parameters: self.parameters,
            at,
            last_use,
        }
    }
}

/// What a node's step computes; sets the step's sizes.
fn kind(node: &Node, step: &mut Step) -> Result<Kind, Error> {
    Ok(match &node.op {
        Op::Input { channels } => {
            step.channels = (*channels, *channels);
            Kind::Input
        }
        Op::Conv(c) => {
            step.kernel = (c.kernel, c.stride, c.pad);
            step.channels = (c.cin, c.cout);
            step.biased = c.bias;
            convolution(c)?
        }
        Op::Linear { input, output, .. } => {
            step.channels = (*input, *output);
            step.biased = true;
            Kind::Linear
        }
        Op::BatchNorm { channels, eps, .. } => {
            step.channels = (*channels, *channels);
            Kind::BatchNorm { eps: *eps }
        }
        Op::Relu | Op::Relu6 => Kind::Activation,
        Op::Add => Kind::Add,
        Op::MaxPool {
            kernel,
            stride,
            pad,
        } => {
            step.kernel = (*kernel, *stride, Padding::Each(*pad));
            Kind::MaxPool
        }
        Op::AdaptivePool { side } => Kind::Adaptive(*side),
        Op::GlobalPool => Kind::GlobalPool,
        Op::SoftPool { sharpness } => Kind::SoftPool(*sharpness),
        Op::Upsample2 => Kind::Upsample2,
        Op::Concat => Kind::Concat,
        Op::Flatten => Kind::Flatten,
        Op::Dropout { rate } => Kind::Dropout(*rate),
    })
}

fn convolution(c: &Conv) -> Result<Kind, Error> {
    if c.groups == 1 && c.kernel == 1 && c.stride == 1 {
        Ok(Kind::Pointwise)
    } else if c.groups == 1 {
        Ok(Kind::Dense)
    } else if c.groups == c.cin && c.cin == c.cout {
        Ok(Kind::Depthwise)
    } else {
        Err(Error::Network(format!(
            "{} has {} groups",
            c.name, c.groups
        )))
    }
}
