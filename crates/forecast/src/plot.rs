//! Plots, as SVG or PNG by the name of the file.

use std::path::Path;

use jiff::civil::Date;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontStyle;

use crate::Error;
use crate::backtest::Backtest;
use crate::evaluate::Evaluation;
use crate::features::count;
use crate::history::History;
use crate::outlook::Outlook;

const SIZE: (u32, u32) = (900, 420);
const INK: RGBColor = RGBColor(38, 50, 56);
const BLUE: RGBColor = RGBColor(21, 101, 192);
const ORANGE: RGBColor = RGBColor(216, 96, 0);
const GREY: RGBColor = RGBColor(120, 130, 136);
const PALE: RGBColor = RGBColor(225, 229, 231);
/// Told apart by people who do not see all colours (Okabe and Ito 2008).
const SERIES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];
/// Days of history that a forecast is shown after.
const SHOWN: usize = 45;
const GWEI: f64 = 1e9;

type Drawing<E> = Result<(), DrawingAreaErrorKind<E>>;

/// The last weeks and the next days with their interval.
///
/// # Errors
/// [`Error::Plot`] if it cannot be drawn or written.
pub fn forecast(path: &Path, history: &History, outlook: &Outlook) -> Result<(), Error> {
    draw(path, Picture::Forecast(history, outlook))
}

/// The loss of each epoch of a training.
///
/// # Errors
/// [`Error::Plot`] if it cannot be drawn or written.
pub fn losses(path: &Path, losses: &[f64]) -> Result<(), Error> {
    draw(path, Picture::Losses(losses))
}

/// What was forecast a day before against what came.
///
/// # Errors
/// [`Error::Plot`] if it cannot be drawn or written.
pub fn backtest(path: &Path, history: &History, backtest: &Backtest) -> Result<(), Error> {
    draw(path, Picture::Backtest(history, backtest))
}

/// The models' errors by horizon.
///
/// # Errors
/// [`Error::Plot`] if it cannot be drawn or written.
pub fn horizons(path: &Path, evaluation: &Evaluation) -> Result<(), Error> {
    draw(path, Picture::Horizons(evaluation))
}

/// The share of outcomes inside the best model's intervals, over eight weeks at a time.
///
/// # Errors
/// [`Error::Plot`] if it cannot be drawn or written.
pub fn reliability(path: &Path, history: &History, backtest: &Backtest) -> Result<(), Error> {
    draw(path, Picture::Reliability(history, backtest))
}

/// What following each model's advice would have saved.
///
/// # Errors
/// [`Error::Plot`] if it cannot be drawn or written.
pub fn savings(path: &Path, evaluation: &Evaluation) -> Result<(), Error> {
    draw(path, Picture::Savings(evaluation))
}

#[derive(Clone, Copy)]
enum Picture<'a> {
    Forecast(&'a History, &'a Outlook),
    Losses(&'a [f64]),
    Backtest(&'a History, &'a Backtest),
    Horizons(&'a Evaluation),
    Reliability(&'a History, &'a Backtest),
    Savings(&'a Evaluation),
}

fn draw(path: &Path, picture: Picture<'_>) -> Result<(), Error> {
    let problem = |problem: String| Error::Plot { problem };
    let font = include_bytes!("../font/DejaVuSans-latin.ttf");
    plotters::style::register_font("sans-serif", FontStyle::Normal, font)
        .map_err(|_| problem("the font is damaged".into()))?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let bytes = match extension {
        Some("svg") => {
            let mut text = String::new();
            let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            picture
                .paint(&root)
                .map_err(|error| problem(error.to_string()))?;
            drop(root);
            text.into_bytes()
        }
        Some("png") => {
            let mut pixels = vec![255; 3 * SIZE.0 as usize * SIZE.1 as usize];
            let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
            picture
                .paint(&root)
                .map_err(|error| problem(error.to_string()))?;
            drop(root);
            encode(&pixels).map_err(|error| problem(error.to_string()))?
        }
        _ => {
            return Err(problem(format!(
                "{} ends neither in .svg nor in .png",
                path.display()
            )));
        }
    };
    std::fs::write(path, bytes).map_err(|source| {
        let path = path.display().to_string();
        Error::File { path, source }
    })
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(bytes)
}

impl Picture<'_> {
    fn paint<B: DrawingBackend>(self, root: &DrawingArea<B, Shift>) -> Drawing<B::ErrorType>
    where
        B::ErrorType: 'static,
    {
        root.fill(&WHITE)?;
        match self {
            Self::Forecast(history, outlook) => paint_forecast(root, history, outlook)?,
            Self::Losses(losses) => paint_losses(root, losses)?,
            Self::Backtest(history, backtest) => paint_backtest(root, history, backtest)?,
            Self::Horizons(evaluation) => paint_horizons(root, evaluation)?,
            Self::Reliability(history, backtest) => paint_reliability(root, history, backtest)?,
            Self::Savings(evaluation) => paint_savings(root, evaluation)?,
        }
        root.present()
    }
}

/// Axes of a plot.
struct Frame<'a> {
    title: &'a str,
    x: (f64, f64),
    y: (f64, f64),
    x_labels: usize,
    x_text: &'a dyn Fn(f64) -> String,
    y_name: &'a str,
    y_text: &'a dyn Fn(f64) -> String,
}

type Chart<'a, B> = ChartContext<
    'a,
    B,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn chart<'a, B: DrawingBackend + 'a>(
    root: &'a DrawingArea<B, Shift>,
    frame: &Frame<'_>,
) -> Result<Chart<'a, B>, DrawingAreaErrorKind<B::ErrorType>>
where
    B::ErrorType: 'static,
{
    let mut chart = ChartBuilder::on(root)
        .caption(frame.title, ("sans-serif", 18).into_font().color(&INK))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(frame.x.0..frame.x.1, frame.y.0..frame.y.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(PALE)
        .axis_style(GREY)
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .x_labels(frame.x_labels)
        .y_labels(6)
        .x_label_formatter(&|x| (frame.x_text)(*x))
        .y_label_formatter(&|y| (frame.y_text)(*y))
        .y_desc(frame.y_name)
        .draw()?;
    Ok(chart)
}

fn legend<'a, B: DrawingBackend + 'a>(chart: &mut Chart<'a, B>) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(PALE)
        .label_font(("sans-serif", 13).into_font().color(&INK))
        .draw()
}

fn key(color: RGBColor) -> impl Fn((i32, i32)) -> PathElement<(i32, i32)> {
    move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2))
}

/// A position on a time axis that counts days from `first`, as a date.
fn day_text(first: Date, x: f64) -> String {
    use jiff::ToSpan as _;
    // Axes span a few thousand days.
    #[allow(clippy::cast_possible_truncation, reason = "a few thousand days")]
    let days = x.round() as i64;
    first
        .saturating_add(days.days())
        .strftime("%-d %b %y")
        .to_string()
}

fn highest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max).max(f64::MIN_POSITIVE)
}

fn gwei_text(value: f64) -> String {
    match value {
        v if v.abs() < 1e-9 => "0".to_owned(),
        v if v < 0.1 => format!("{v:.3}"),
        v if v < 10.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

fn paint_forecast<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    history: &History,
    outlook: &Outlook,
) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    let len = history.days().len();
    let start = len.saturating_sub(SHOWN);
    let past: Vec<(f64, f64)> = (start..len)
        .filter_map(|at| Some((count(at - start), history.days()[at].gas_price? / GWEI)))
        .collect();
    let now = (count(len - 1 - start), outlook.now_wei / GWEI);
    let x = |horizon: usize| now.0 + count(horizon);
    let line = |value: &dyn Fn(&crate::outlook::Ahead) -> f64| -> Vec<(f64, f64)> {
        std::iter::once(now)
            .chain(
                outlook
                    .days
                    .iter()
                    .map(|day| (x(day.horizon), value(day) / GWEI)),
            )
            .collect()
    };
    let ahead = line(&|day| day.price_wei);
    let high = line(&|day| day.high_wei.unwrap_or(day.price_wei));
    let low = line(&|day| day.low_wei.unwrap_or(day.price_wei));
    let top = highest(past.iter().chain(&high).map(|point| point.1)) * 1.1;
    let first = history.date(start);
    let mut chart = chart(
        root,
        &Frame {
            title: "Gas price of the next seven days",
            x: (0.0, x(outlook.days.len()) + 0.5),
            y: (0.0, top),
            x_labels: 8,
            x_text: &|x| day_text(first, x),
            y_name: "gwei",
            y_text: &gwei_text,
        },
    )?;
    let band: Vec<(f64, f64)> = high.into_iter().chain(low.into_iter().rev()).collect();
    chart
        .draw_series(std::iter::once(Polygon::new(band, ORANGE.mix(0.2))))?
        .label("80 % interval")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], ORANGE.mix(0.2).filled()));
    chart
        .draw_series(LineSeries::new(past, BLUE.stroke_width(2)))?
        .label("daily mean")
        .legend(key(BLUE));
    chart
        .draw_series(LineSeries::new(ahead, ORANGE.stroke_width(2)))?
        .label("forecast")
        .legend(key(ORANGE));
    legend(&mut chart)
}

fn paint_losses<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    losses: &[f64],
) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    let points: Vec<(f64, f64)> = (1..).map(count).zip(losses.iter().copied()).collect();
    let low = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let high = highest(losses.iter().copied());
    let room = (high - low).max(1e-6) * 0.1;
    let mut chart = chart(
        root,
        &Frame {
            title: "Training loss by epoch",
            x: (1.0, count(losses.len().max(2))),
            y: (low - room, high + room),
            x_labels: losses.len().clamp(2, 16),
            x_text: &|x| format!("{x:.0}"),
            y_name: "mean absolute error, log price",
            y_text: &|y| format!("{y:.3}"),
        },
    )?;
    chart.draw_series(LineSeries::new(points.clone(), BLUE.stroke_width(2)))?;
    chart.draw_series(
        points
            .into_iter()
            .map(|point| Circle::new(point, 3, BLUE.filled())),
    )?;
    Ok(())
}

fn paint_backtest<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    history: &History,
    backtest: &Backtest,
) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    let next: Vec<_> = backtest
        .forecasts
        .iter()
        .filter(|forecast| forecast.horizon == 1)
        .collect();
    let start = next.first().map_or(0, |forecast| forecast.origin + 1);
    let x = |origin: usize| count(origin + 1 - start);
    let line = |value: &dyn Fn(&crate::backtest::Forecast) -> Option<f64>| -> Vec<(f64, f64)> {
        next.iter()
            .filter_map(|forecast| Some((x(forecast.origin), value(forecast)? / GWEI)))
            .collect()
    };
    let actual = line(&|forecast| forecast.actual);
    let made = line(&|forecast| Some(forecast.price));
    let high = line(&|forecast| Some(forecast.interval?.1));
    let low = line(&|forecast| Some(forecast.interval?.0));
    let top = highest(actual.iter().map(|point| point.1)) * 1.1;
    let first = history.date(start);
    let mut chart = chart(
        root,
        &Frame {
            title: &format!("{}: forecast a day ahead, and what came", backtest.model),
            x: (0.0, count(next.len().max(2))),
            y: (0.0, top),
            x_labels: 8,
            x_text: &|x| day_text(first, x),
            y_name: "gwei",
            y_text: &gwei_text,
        },
    )?;
    let band: Vec<(f64, f64)> = high
        .into_iter()
        .chain(low.into_iter().rev())
        .map(|(x, y)| (x, y.min(top)))
        .collect();
    chart
        .draw_series(std::iter::once(Polygon::new(band, ORANGE.mix(0.2))))?
        .label("80 % interval")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], ORANGE.mix(0.2).filled()));
    chart
        .draw_series(LineSeries::new(actual, BLUE.stroke_width(1)))?
        .label("daily mean")
        .legend(key(BLUE));
    chart
        .draw_series(LineSeries::new(made, ORANGE.stroke_width(1)))?
        .label("forecast")
        .legend(key(ORANGE));
    legend(&mut chart)
}

fn paint_horizons<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    evaluation: &Evaluation,
) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    let all = evaluation
        .models
        .values()
        .flat_map(|judged| judged.by_horizon.values());
    let top = highest(all.map(|score| score.relative_mae)).clamp(1.1, 2.0) + 0.05;
    let mut chart = chart(
        root,
        &Frame {
            title: "Error against persistence, by days ahead",
            x: (0.8, count(crate::HORIZON) + 2.6),
            y: (0.5, top),
            x_labels: 10,
            x_text: &|x| {
                if x < 7.5 {
                    format!("{x:.0}")
                } else {
                    String::new()
                }
            },
            y_name: "relative MAE (1 = persistence)",
            y_text: &|y| format!("{y:.1}"),
        },
    )?;
    for ((name, judged), color) in evaluation.models.iter().zip(SERIES) {
        let line = judged
            .by_horizon
            .iter()
            .map(|(h, score)| (count(*h), score.relative_mae.min(top)));
        let line: Vec<(f64, f64)> = line.collect();
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(*name)
            .legend(key(color));
    }
    legend(&mut chart)
}

fn paint_reliability<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    history: &History,
    backtest: &Backtest,
) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    const WINDOW: usize = 56;
    let first = backtest
        .forecasts
        .first()
        .map_or(0, |forecast| forecast.origin);
    let last = backtest
        .forecasts
        .last()
        .map_or(0, |forecast| forecast.origin);
    let hits: Vec<(usize, bool)> = backtest
        .forecasts
        .iter()
        .filter_map(|forecast| {
            let (low, high) = forecast.interval?;
            Some((forecast.origin, (low..=high).contains(&forecast.actual?)))
        })
        .collect();
    let share = |end: usize| {
        let inside = hits
            .iter()
            .filter(|(origin, _)| (end - WINDOW..end).contains(origin));
        let (n, hit) = inside.fold((0, 0), |(n, hit), (_, covered)| {
            (n + 1, hit + usize::from(*covered))
        });
        (n > 0).then(|| (count(end - first), count(hit) / count(n)))
    };
    let line: Vec<(f64, f64)> = (first + WINDOW..=last).filter_map(share).collect();
    let day = history.date(first);
    let end = count((last - first).max(WINDOW + 1));
    let mut chart = chart(
        root,
        &Frame {
            title: &format!(
                "{}: outcomes inside the 80 % interval, over 8 weeks",
                backtest.model
            ),
            x: (count(WINDOW), end),
            y: (0.5, 1.0),
            x_labels: 8,
            x_text: &|x| day_text(day, x),
            y_name: "share covered",
            y_text: &|y| format!("{:.0} %", y * 100.0),
        },
    )?;
    chart
        .draw_series(std::iter::once(Rectangle::new(
            [(count(WINDOW), 0.76), (end, 0.84)],
            GREY.mix(0.2).filled(),
        )))?
        .label("76 to 84 %")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], GREY.mix(0.2).filled()));
    chart
        .draw_series(LineSeries::new(line, BLUE.stroke_width(2)))?
        .label("covered")
        .legend(key(BLUE));
    legend(&mut chart)
}

fn paint_savings<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    evaluation: &Evaluation,
) -> Drawing<B::ErrorType>
where
    B::ErrorType: 'static,
{
    let mut bars: Vec<(&str, f64)> = evaluation
        .models
        .iter()
        .map(|(name, judged)| (*name, judged.savings.saved_share))
        .collect();
    bars.sort_by(|a, b| b.1.total_cmp(&a.1));
    bars.insert(0, ("hindsight", evaluation.hindsight_share));
    let n = bars.len();
    let low = bars.iter().map(|bar| bar.1).fold(0.0, f64::min);
    let top = highest(bars.iter().map(|bar| bar.1)) * 1.15;
    let mut chart = chart(
        root,
        &Frame {
            title: "Share of the fee that advice would have saved, against sending at once",
            x: (0.0, count(n)),
            y: (low * 1.1, top),
            x_labels: 1,
            x_text: &|_| String::new(),
            y_name: "share of the fee",
            y_text: &|y| format!("{:.0} %", y * 100.0),
        },
    )?;
    chart.draw_series(bars.iter().enumerate().map(|(at, (name, share))| {
        let color = if at == 0 {
            GREY
        } else if *name == evaluation.best {
            ORANGE
        } else {
            BLUE
        };
        Rectangle::new(
            [(count(at) + 0.12, 0.0), (count(at) + 0.88, *share)],
            color.filled(),
        )
    }))?;
    let style = ("sans-serif", 12).into_font().color(&INK);
    chart.draw_series(bars.iter().enumerate().map(|(at, (_, share))| {
        let text = format!("{:.1} %", share * 100.0);
        Text::new(
            text,
            (count(at) + 0.3, share.max(0.0) + top * 0.05),
            style.clone(),
        )
    }))?;
    let (offset_x, _) = chart.plotting_area().get_base_pixel();
    let width = chart.plotting_area().dim_in_pixel().0;
    for (at, (name, _)) in bars.iter().enumerate() {
        let slot = f64::from(width) / count(n);
        #[allow(clippy::cast_possible_truncation, reason = "pixels")]
        let x = offset_x + (slot * count(at) + 6.0) as i32;
        // The longest names are broken in two.
        for (row, part) in name.splitn(2, '-').enumerate() {
            let y = i32::try_from(SIZE.1).unwrap_or(0) - 42 + 14 * i32::try_from(row).unwrap_or(0);
            root.draw(&Text::new(part, (x, y), style.clone()))?;
        }
    }
    Ok(())
}
