//! The recurrent network of the paper that forecast gas prices in 2023.
//!
//! Dense 4→64, reshaped to 16 steps of 4, ten stacked LSTM cells of 16 units (Hochreiter and
//! Schmidhuber 1997, with the forget gate of Gers et al. 2000), dense 16→1: 20,689 parameters. The
//! paper does not name its four inputs. Ours are: how far today's price stands from its mean of the
//! last 28 days, how far the last 7 days' mean does, the weekday of the target, and the horizon. The
//! output is the change of the logarithm of the price from today to the target. The dense layers
//! are linear, the default of the library the paper used.

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::{
    Adam, LANES, Lane, affine, affine_back, cosine, generator, glorot, narrow, shuffle, sigmoid,
    tanh,
};
use crate::features::{LOOKBACK, Series, count};
use crate::model::{Model, Path};
use crate::{Error, HORIZON};

const INPUTS: usize = 4;
const WIDE: usize = 64;
const STEPS: usize = 16;
const STEP_WIDTH: usize = WIDE / STEPS;
const UNITS: usize = 16;
const GATES: usize = 4 * UNITS;
const LAYERS: usize = 10;

/// Number of weights.
pub const PARAMETERS: usize = {
    let dense = INPUTS * WIDE + WIDE;
    let first = GATES * (STEP_WIDTH + UNITS + 1);
    let other = GATES * (UNITS + UNITS + 1);
    dense + first + (LAYERS - 1) * other + UNITS + 1
};

/// Width of what a layer reads.
const fn width(layer: usize) -> usize {
    if layer == 0 { STEP_WIDTH } else { UNITS }
}

/// Where each layer's weights begin: input weights, recurrent weights, bias.
const fn layer_at(layer: usize) -> (usize, usize, usize) {
    let mut at = INPUTS * WIDE + WIDE;
    let mut before = 0;
    while before < layer {
        at += GATES * (width(before) + UNITS + 1);
        before += 1;
    }
    let recurrent = at + GATES * width(layer);
    (at, recurrent, recurrent + GATES * UNITS)
}

const LAST_AT: usize = PARAMETERS - UNITS - 1;

/// How the network is trained.
#[derive(Clone, Copy, Debug)]
pub struct PaperSettings {
    /// Passes over the data at the first fit.
    pub epochs: usize,
    /// Passes at every later fit, from the weights that are there.
    pub refit_epochs: usize,
    /// Seed of weights and order.
    pub seed: u64,
}

impl Default for PaperSettings {
    fn default() -> Self {
        Self {
            epochs: 30,
            refit_epochs: 1,
            seed: 1,
        }
    }
}

/// The model around the network.
pub struct Paper {
    settings: PaperSettings,
    weights: Vec<f32>,
    fitted: bool,
    losses: Vec<f64>,
}

impl Paper {
    /// An untrained network.
    #[must_use]
    pub fn new(settings: PaperSettings) -> Self {
        Self {
            settings,
            weights: initial(settings.seed),
            fitted: false,
            losses: Vec::new(),
        }
    }

    /// The network with weights that were trained before; `None` unless there are
    /// [`PARAMETERS`], all of them finite.
    #[must_use]
    pub fn from_weights(weights: Vec<f32>) -> Option<Self> {
        let sound = weights.len() == PARAMETERS && weights.iter().all(|weight| weight.is_finite());
        sound.then(|| Self {
            settings: PaperSettings::default(),
            weights,
            fitted: true,
            losses: Vec::new(),
        })
    }

    /// The weights: dense, cells, dense.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Mean absolute error in logarithms of each epoch so far.
    #[must_use]
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    fn train(&mut self, series: &Series, end: usize, epochs: usize) {
        let mut rng = generator(self.settings.seed.wrapping_add(count(end).to_bits()));
        let mut samples: Vec<(usize, usize)> = Vec::new();
        let mut adam = Adam::new(PARAMETERS, 2e-3, 0.0);
        let mut gradient = vec![0.0; PARAMETERS];
        let mut tape = Tape::default();
        let origins: Vec<Vec<usize>> = (1..=HORIZON)
            .map(|horizon| series.origins(0, end, horizon))
            .collect();
        let groups = origins[HORIZON - 1].len().div_ceil(LANES);
        for epoch in 0..epochs {
            samples.clear();
            for &at in &origins[HORIZON - 1] {
                samples.push((at, rng.random_range(1..=HORIZON)));
            }
            shuffle(&mut rng, &mut samples);
            let mut loss = 0.0;
            for (group, samples) in samples.chunks(LANES).enumerate() {
                loss += self.group(series, samples, &mut tape, &mut gradient);
                let factor = cosine(epoch * groups + group, epochs * groups);
                adam.step(&mut self.weights, &mut gradient, factor);
            }
            self.losses.push(loss / count(samples.len()));
        }
    }

    /// Forward, loss and backward for one group of samples; the sum of absolute errors.
    fn group(
        &self,
        series: &Series,
        samples: &[(usize, usize)],
        tape: &mut Tape,
        gradient: &mut [f32],
    ) -> f64 {
        let input = inputs(series, samples);
        let output = forward(&self.weights, &input, tape);
        let mut dy = [0.0; LANES];
        let mut loss = 0.0;
        for (lane, &(at, horizon)) in samples.iter().enumerate() {
            let target = narrow(series.log(at + horizon) - series.log(at));
            let error = output[lane] - target;
            loss += f64::from(error.abs());
            // The absolute error, quadratic within 0.05 of zero.
            dy[lane] = (error / 0.05).clamp(-1.0, 1.0) / narrow(count(samples.len()));
        }
        backward(&self.weights, &input, tape, &dy, gradient);
        loss
    }
}

impl Model for Paper {
    fn name(&self) -> &'static str {
        "paper-lstm"
    }

    fn fit(&mut self, series: &Series, end: usize) -> Result<(), Error> {
        let have = series.origins(0, end, HORIZON).len();
        if have < 2 * LANES {
            return Err(Error::TooShort {
                have,
                need: 2 * LANES,
                purpose: "the paper's network",
            });
        }
        let epochs = if self.fitted {
            self.settings.refit_epochs
        } else {
            self.settings.epochs
        };
        self.train(series, end, epochs);
        self.fitted = true;
        Ok(())
    }

    fn predict(&self, series: &Series, at: usize) -> Result<Path, Error> {
        if at < LOOKBACK || !self.fitted {
            let purpose = "the paper's network";
            return Err(Error::TooShort {
                have: at,
                need: LOOKBACK,
                purpose,
            });
        }
        let samples: Vec<(usize, usize)> = (1..=HORIZON).map(|horizon| (at, horizon)).collect();
        let output = forward(
            &self.weights,
            &inputs(series, &samples),
            &mut Tape::default(),
        );
        Ok(std::array::from_fn(|step| {
            series.log(at) + f64::from(output[step])
        }))
    }
}

fn inputs(series: &Series, samples: &[(usize, usize)]) -> [Lane; INPUTS] {
    let mut input = [[0.0; LANES]; INPUTS];
    for (lane, &(at, horizon)) in samples.iter().enumerate() {
        let month = series.mean(at, 28);
        input[0][lane] = narrow(series.log(at) - month);
        input[1][lane] = narrow(series.mean(at, 7) - month);
        input[2][lane] = narrow(count(series.weekday(at + horizon)) / 6.0);
        input[3][lane] = narrow(count(horizon) / count(HORIZON));
    }
    input
}

fn initial(seed: u64) -> Vec<f32> {
    let mut rng: Pcg64Mcg = generator(seed);
    let mut weights = vec![0.0; PARAMETERS];
    glorot(&mut rng, &mut weights[..INPUTS * WIDE], INPUTS, WIDE);
    for layer in 0..LAYERS {
        let (input, recurrent, bias) = layer_at(layer);
        glorot(
            &mut rng,
            &mut weights[input..recurrent],
            width(layer),
            GATES,
        );
        glorot(&mut rng, &mut weights[recurrent..bias], UNITS, GATES);
        // Forget gates begin open (Jozefowicz et al. 2015).
        weights[bias + UNITS..bias + 2 * UNITS].fill(1.0);
    }
    glorot(&mut rng, &mut weights[LAST_AT..LAST_AT + UNITS], UNITS, 1);
    weights
}

/// What one step of one cell leaves behind for the way back.
#[derive(Clone)]
struct Cell {
    /// Input, forget, candidate and output gates after their activations.
    gates: [Lane; GATES],
    state: [Lane; UNITS],
    squashed: [Lane; UNITS],
    out: [Lane; UNITS],
}

/// Everything that the way back needs.
#[derive(Default)]
struct Tape {
    wide: Vec<Lane>,
    cells: Vec<Cell>,
}

fn forward(weights: &[f32], input: &[Lane; INPUTS], tape: &mut Tape) -> Lane {
    let dense = INPUTS * WIDE;
    tape.wide.clear();
    tape.wide.resize(WIDE, [0.0; LANES]);
    affine(
        &weights[..dense],
        Some(&weights[dense..dense + WIDE]),
        input,
        &mut tape.wide,
    );
    tape.cells.clear();
    let zero = [[0.0; LANES]; UNITS];
    for layer in 0..LAYERS {
        for step in 0..STEPS {
            let cell = {
                let before = (step > 0).then(|| &tape.cells[layer * STEPS + step - 1]);
                let (state, out) = before.map_or((&zero, &zero), |cell| (&cell.state, &cell.out));
                let x: &[Lane] = if layer == 0 {
                    &tape.wide[step * STEP_WIDTH..][..STEP_WIDTH]
                } else {
                    &tape.cells[(layer - 1) * STEPS + step].out
                };
                cell_forward(weights, layer, x, out, state)
            };
            tape.cells.push(cell);
        }
    }
    let mut y = [[0.0; LANES]];
    // Ten layers of sixteen steps were pushed.
    let last = &tape.cells[LAYERS * STEPS - 1].out;
    affine(
        &weights[LAST_AT..LAST_AT + UNITS],
        Some(&weights[LAST_AT + UNITS..]),
        last,
        &mut y,
    );
    y[0]
}

fn cell_forward(
    weights: &[f32],
    layer: usize,
    x: &[Lane],
    out: &[Lane; UNITS],
    state: &[Lane; UNITS],
) -> Cell {
    let (input, recurrent, bias) = layer_at(layer);
    let mut gates = [[0.0; LANES]; GATES];
    affine(
        &weights[input..recurrent],
        Some(&weights[bias..bias + GATES]),
        x,
        &mut gates,
    );
    affine(&weights[recurrent..bias], None, out, &mut gates);
    let mut cell = Cell {
        gates,
        state: [[0.0; LANES]; UNITS],
        squashed: [[0.0; LANES]; UNITS],
        out: [[0.0; LANES]; UNITS],
    };
    for (row, lane) in cell.gates.iter_mut().enumerate() {
        let candidate = (2 * UNITS..3 * UNITS).contains(&row);
        for value in lane {
            *value = if candidate {
                tanh(*value)
            } else {
                sigmoid(*value)
            };
        }
    }
    for unit in 0..UNITS {
        for lane in 0..LANES {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| cell.gates[gate * UNITS + unit][lane]);
            let state = f * state[unit][lane] + i * g;
            cell.state[unit][lane] = state;
            cell.squashed[unit][lane] = tanh(state);
            cell.out[unit][lane] = o * cell.squashed[unit][lane];
        }
    }
    cell
}

fn backward(weights: &[f32], input: &[Lane; INPUTS], tape: &Tape, dy: &Lane, gradient: &mut [f32]) {
    let zero = [[0.0; LANES]; UNITS];
    // Gradients of each step's output of the layer above, replaced layer by layer.
    let mut above = vec![zero; STEPS];
    {
        let last = &tape.cells[LAYERS * STEPS - 1].out;
        let (dweights, dbias) = gradient[LAST_AT..].split_at_mut(UNITS);
        let row = &weights[LAST_AT..LAST_AT + UNITS];
        affine_back(
            row,
            last,
            &[*dy],
            dweights,
            Some(dbias),
            Some(&mut above[STEPS - 1]),
        );
    }
    let mut dwide = vec![[0.0; LANES]; WIDE];
    for layer in (0..LAYERS).rev() {
        let mut below = vec![zero; STEPS];
        let (mut dstate, mut dout_next) = (zero, zero);
        for step in (0..STEPS).rev() {
            let mut dout = above[step];
            add(&mut dout, &dout_next);
            let dgates = gates_back(tape, layer, step, &dout, &mut dstate);
            let (at, recurrent, bias) = layer_at(layer);
            let out_before = match step {
                0 => &zero,
                _ => &tape.cells[layer * STEPS + step - 1].out,
            };
            let (dinput, rest) = gradient[at..bias + GATES].split_at_mut(recurrent - at);
            let (drecurrent, dbias) = rest.split_at_mut(bias - recurrent);
            dout_next = zero;
            let recurrent_weights = &weights[recurrent..bias];
            affine_back(
                recurrent_weights,
                out_before,
                &dgates,
                drecurrent,
                None,
                Some(&mut dout_next),
            );
            let input_weights = &weights[at..recurrent];
            if layer == 0 {
                let x = &tape.wide[step * STEP_WIDTH..][..STEP_WIDTH];
                let dx = &mut dwide[step * STEP_WIDTH..][..STEP_WIDTH];
                affine_back(input_weights, x, &dgates, dinput, Some(dbias), Some(dx));
            } else {
                let x = &tape.cells[(layer - 1) * STEPS + step].out;
                affine_back(
                    input_weights,
                    x,
                    &dgates,
                    dinput,
                    Some(dbias),
                    Some(&mut below[step]),
                );
            }
        }
        above = below;
    }
    let dense = INPUTS * WIDE;
    let (dweights, rest) = gradient.split_at_mut(dense);
    affine_back(
        &weights[..dense],
        input,
        &dwide,
        dweights,
        Some(&mut rest[..WIDE]),
        None,
    );
}

fn add(to: &mut [Lane], from: &[Lane]) {
    for (to, from) in to.iter_mut().zip(from) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += from;
        }
    }
}

/// Gradients before the gates' activations; `dstate` goes from this step's state to the one before.
fn gates_back(
    tape: &Tape,
    layer: usize,
    step: usize,
    dout: &[Lane; UNITS],
    dstate: &mut [Lane; UNITS],
) -> [Lane; GATES] {
    let cell = &tape.cells[layer * STEPS + step];
    let before = (step > 0).then(|| &tape.cells[layer * STEPS + step - 1]);
    let mut dgates = [[0.0; LANES]; GATES];
    for unit in 0..UNITS {
        for lane in 0..LANES {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| cell.gates[gate * UNITS + unit][lane]);
            let squashed = cell.squashed[unit][lane];
            let d = dstate[unit][lane] + dout[unit][lane] * o * (1.0 - squashed * squashed);
            let state_before = before.map_or(0.0, |cell| cell.state[unit][lane]);
            dgates[unit][lane] = d * g * i * (1.0 - i);
            dgates[UNITS + unit][lane] = d * state_before * f * (1.0 - f);
            dgates[2 * UNITS + unit][lane] = d * i * (1.0 - g * g);
            dgates[3 * UNITS + unit][lane] = dout[unit][lane] * squashed * o * (1.0 - o);
            dstate[unit][lane] = d * f;
        }
    }
    dgates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_papers_number_of_parameters() {
        assert_eq!(PARAMETERS, 20_689);
        assert_eq!(initial(1).len(), 20_689);
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let mut rng = generator(9);
        let mut weights = initial(3);
        let mut input = [[0.0; LANES]; INPUTS];
        for value in input.as_flattened_mut() {
            *value = rng.random_range(-1.0..1.0);
        }
        let mut dy = [0.0; LANES];
        for value in &mut dy {
            *value = rng.random_range(-1.0..1.0);
        }
        let value = |weights: &[f32]| -> f64 {
            let y = forward(weights, &input, &mut Tape::default());
            y.iter().zip(dy).map(|(y, dy)| f64::from(y * dy)).sum()
        };
        let mut tape = Tape::default();
        forward(&weights, &input, &mut tape);
        let mut gradient = vec![0.0; PARAMETERS];
        backward(&weights, &input, &tape, &dy, &mut gradient);
        // Weights near the output, where single precision leaves something to compare.
        let (_, recurrent, bias) = layer_at(LAYERS - 1);
        for at in [
            PARAMETERS - 1,
            LAST_AT,
            LAST_AT + 5,
            bias + 3,
            bias + 40,
            recurrent + 100,
        ] {
            let kept = weights[at];
            weights[at] = kept + 0.01;
            let above = value(&weights);
            weights[at] = kept - 0.01;
            let below = value(&weights);
            weights[at] = kept;
            let numeric = (above - below) / 0.02;
            let ours = f64::from(gradient[at]);
            let scale = numeric.abs().max(ours.abs()).max(1e-2);
            assert!(
                (numeric - ours).abs() / scale < 0.02,
                "{at}: {numeric} {ours}"
            );
        }
    }
}
