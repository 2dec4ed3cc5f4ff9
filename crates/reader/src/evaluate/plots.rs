//! Plots as SVG and PNG, drawn from the same description.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::metrics::{Bin, Point};
use crate::Error;

/// DejaVu Sans, the Latin letters (licence beside it), so that PNGs need no font on the machine.
const FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
const FAMILY: &str = "sans-serif";
/// Columns and rows of a plot.
const SIZE: (u32, u32) = (720, 540);
/// Blue, orange, green and purple that the colour-blind tell apart (Okabe and Ito 2008).
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// What to draw.
#[derive(Debug, Clone)]
pub enum Plot {
    /// Lines over two axes.
    Lines {
        /// Title, above.
        title: String,
        /// Names of the axes.
        axes: (String, String),
        /// Range of the horizontal axis.
        x: (f64, f64),
        /// Range of the vertical axis.
        y: (f64, f64),
        /// Name and points of each line.
        series: Vec<(String, Vec<(f64, f64)>)>,
        /// Whether the diagonal is drawn for comparison.
        diagonal: bool,
        /// The corner that the lines leave free for their names.
        legend: SeriesLabelPosition,
    },
    /// A reliability diagram.
    Reliability {
        /// Title, above.
        title: String,
        /// Its bars.
        bins: Vec<Bin>,
    },
    /// A confusion matrix, truth downwards.
    Matrix {
        /// Title, above.
        title: String,
        /// Names of the classes.
        classes: Vec<String>,
        /// `counts[truth][said]`.
        counts: Vec<Vec<u32>>,
    },
}

impl Plot {
    /// ROC curves.
    #[must_use]
    pub fn roc(curves: &[(String, Vec<Point>)]) -> Self {
        let line = |points: &[Point]| {
            std::iter::once((0.0, 0.0))
                .chain(
                    points
                        .iter()
                        .map(|p| (p.false_positive_rate, p.true_positive_rate)),
                )
                .collect()
        };
        Self::Lines {
            title: "Receiver operating characteristic".into(),
            axes: ("1 - specificity".into(), "sensitivity".into()),
            x: (0.0, 1.0),
            y: (0.0, 1.0),
            series: curves.iter().map(|(n, p)| (n.clone(), line(p))).collect(),
            diagonal: true,
            legend: SeriesLabelPosition::LowerRight,
        }
    }

    /// Precision-recall curves.
    #[must_use]
    pub fn precision_recall(curves: &[(String, Vec<Point>)]) -> Self {
        let line = |points: &[Point]| {
            points
                .iter()
                .map(|p| (p.true_positive_rate, p.precision))
                .collect()
        };
        Self::Lines {
            title: "Precision and recall".into(),
            axes: ("recall".into(), "precision".into()),
            x: (0.0, 1.0),
            y: (0.0, 1.0),
            series: curves.iter().map(|(n, p)| (n.clone(), line(p))).collect(),
            diagonal: false,
            legend: SeriesLabelPosition::LowerLeft,
        }
    }

    /// As an SVG file.
    ///
    /// # Errors
    /// When the plot cannot be drawn.
    pub fn svg(&self) -> Result<Vec<u8>, Error> {
        fonts()?;
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            self.draw(&area)
                .and_then(|()| area.present())
                .map_err(failed)?;
        }
        Ok(text.into_bytes())
    }

    /// As a PNG file.
    ///
    /// # Errors
    /// When the plot cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        fonts()?;
        let (w, h) = (SIZE.0 as usize, SIZE.1 as usize);
        let mut rgb = vec![255; 3 * w * h];
        {
            let area = BitMapBackend::with_buffer(&mut rgb, SIZE).into_drawing_area();
            self.draw(&area)
                .and_then(|()| area.present())
                .map_err(failed)?;
        }
        crate::predict::png_rgb(&rgb, w, h)
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        area.fill(&WHITE)?;
        match self {
            Self::Lines {
                title,
                axes,
                x,
                y,
                series,
                diagonal,
                legend,
            } => lines(area, title, axes, (*x, *y), series, (*diagonal, legend)),
            Self::Reliability { title, bins } => reliability(area, title, bins),
            Self::Matrix {
                title,
                classes,
                counts,
            } => matrix(area, title, classes, counts),
        }
    }
}

type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Input(format!("the plot cannot be drawn: {e}"))
}

/// Make the font known: the SVG backend measures text with it too. Doing so again does no harm.
pub(super) fn fonts() -> Result<(), Error> {
    register_font(FAMILY, FontStyle::Normal, FONT).map_err(|_| failed("the font is damaged"))
}

fn lines<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
    axes: &(String, String),
    (x, y): ((f64, f64), (f64, f64)),
    series: &[(String, Vec<(f64, f64)>)],
    (diagonal, legend): (bool, &SeriesLabelPosition),
) -> Drawn<DB> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FAMILY, 22))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(60)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
    chart
        .configure_mesh()
        .x_desc(axes.0.as_str())
        .y_desc(axes.1.as_str())
        .label_style((FAMILY, 15))
        .axis_desc_style((FAMILY, 17))
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    if diagonal {
        chart.draw_series(LineSeries::new(
            [(x.0, y.0), (x.1, y.1)],
            RGBColor(160, 160, 160),
        ))?;
    }
    for (i, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    if series.len() > 1 || series.first().is_some_and(|s| !s.0.is_empty()) {
        chart
            .configure_series_labels()
            .position(legend.clone())
            .label_font((FAMILY, 15))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .draw()?;
    }
    Ok(())
}

fn reliability<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
    bins: &[Bin],
) -> Drawn<DB> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FAMILY, 22))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("probability of the likeliest class")
        .y_desc("share that it came true")
        .label_style((FAMILY, 15))
        .axis_desc_style((FAMILY, 17))
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    let width = 1.0 / bins.len().max(1) as f64;
    for (i, bin) in bins.iter().enumerate().filter(|(_, b)| b.n > 0) {
        let left = i as f64 * width;
        let bar = Rectangle::new(
            [(left + 0.1 * width, 0.0), (left + 0.9 * width, bin.came)],
            COLOURS[0].mix(0.75).filled(),
        );
        chart.draw_series(std::iter::once(bar))?;
        let n = Text::new(
            bin.n.to_string(),
            (left + 0.25 * width, (bin.came + 0.05).min(0.99)),
            (FAMILY, 14),
        );
        chart.draw_series(std::iter::once(n))?;
    }
    chart.draw_series(LineSeries::new(
        [(0.0, 0.0), (1.0, 1.0)],
        BLACK.stroke_width(1),
    ))?;
    Ok(())
}

fn matrix<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
    classes: &[String],
    counts: &[Vec<u32>],
) -> Drawn<DB> {
    let n = classes.len().max(1) as i32;
    let (w, h) = (SIZE.0 as i32, SIZE.1 as i32);
    let (left, top) = (190, 100);
    let cell = ((w - left - 30) / n).min((h - top - 60) / n);
    let dark = TextStyle::from((FAMILY, 17)).color(&BLACK);
    area.draw_text(
        title,
        &TextStyle::from((FAMILY, 22)).color(&BLACK),
        (left, 20),
    )?;
    area.draw_text("truth in rows, verdict in columns", &dark, (left, 46))?;
    for (row, line) in counts.iter().enumerate() {
        let total: u32 = line.iter().sum();
        let y = top + row as i32 * cell;
        area.draw_text(&classes[row], &dark, (20, y + cell / 2 - 8))?;
        for (column, count) in line.iter().enumerate() {
            let x = left + column as i32 * cell;
            let share = f64::from(*count) / f64::from(total.max(1));
            area.draw(&Rectangle::new(
                [(x, y), (x + cell - 3, y + cell - 3)],
                COLOURS[0].mix(0.08 + 0.8 * share).filled(),
            ))?;
            let ink = if share > 0.55 { &WHITE } else { &BLACK };
            let style = TextStyle::from((FAMILY, 18)).color(ink);
            area.draw_text(
                &format!("{count}"),
                &style,
                (x + cell / 2 - 18, y + cell / 2 - 18),
            )?;
            area.draw_text(
                &format!("{:.0} %", share * 100.0),
                &style,
                (x + cell / 2 - 18, y + cell / 2 + 4),
            )?;
        }
    }
    for (column, name) in classes.iter().enumerate() {
        area.draw_text(name, &dark, (left + column as i32 * cell, top - 20))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_draws_as_svg_and_as_png() {
        let point = |t: f64| Point {
            threshold: 1.0 - t,
            false_positive_rate: t * t,
            true_positive_rate: t,
            precision: 1.0 - t / 2.0,
        };
        let curve: Vec<Point> = (0..=20).map(|i| point(f64::from(i) / 20.0)).collect();
        let bins = vec![
            Bin {
                n: 4,
                said: 0.3,
                came: 0.25,
            },
            Bin {
                n: 9,
                said: 0.8,
                came: 0.85,
            },
        ];
        let plots = [
            Plot::roc(&[("fractured".into(), curve.clone())]),
            Plot::precision_recall(&[("fractured".into(), curve)]),
            Plot::Reliability {
                title: "Reliability".into(),
                bins,
            },
            Plot::Matrix {
                title: "Confusion".into(),
                classes: vec!["non_fractured".into(), "fractured".into()],
                counts: vec![vec![300, 50], vec![12, 60]],
            },
        ];
        for plot in plots {
            let svg = String::from_utf8(plot.svg().unwrap()).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            let png = plot.png().unwrap();
            let picture = crate::input::decode(&png, &crate::input::Limits::default()).unwrap();
            assert_eq!((picture.image.width, picture.image.height), (720, 540));
            let ink = picture.image.pixels.iter().filter(|v| **v < 0.5).count();
            assert!(ink > 500, "{ink} dark pixels");
        }
    }
}
