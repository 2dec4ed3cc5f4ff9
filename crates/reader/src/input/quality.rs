//! Whether a picture can be read at all, judged before any network sees it.

use serde::{Deserialize, Serialize};

use super::Decoded;
use super::picture::Image;

/// Something about a picture that its reader must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// One flat grey: no exposure, an empty page.
    Blank,
    /// So few pixels that a fracture line could not show.
    Small,
    /// Hardly any difference between its darkest and its lightest parts.
    LowContrast,
    /// Bright around and dark inside: air is white.
    Inverted,
    /// No structure, only noise.
    Noise,
    /// Strong colours: a photograph of something else than a film, or a chart.
    Photograph,
    /// Weak colours: a photograph of a film on a light box, or a tinted scan.
    LightBox,
}

impl Finding {
    /// Whether a reading would mean nothing, so that none is given.
    #[must_use]
    pub fn forbids_reading(self) -> bool {
        !matches!(self, Self::LightBox | Self::Small)
    }

    /// In words, with what to do.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Blank => "the picture is blank: nothing was exposed",
            Self::Small => "the picture is very small: fine lines cannot show; send the original",
            Self::LowContrast => {
                "the picture has too little contrast to be read: export it with its window"
            }
            Self::Inverted => "the picture is inverted (air is white): export it with black air",
            Self::Noise => "the picture is noise without structure",
            Self::Photograph => "the picture is a colour photograph, not a radiograph",
            Self::LightBox => {
                "the picture looks like a photograph of a film on a light box: less can be seen than on the original"
            }
        }
    }
}

/// What [`quality`] measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
    /// Grey below which 1 % of the pixels lie.
    pub dark: f32,
    /// Grey below which 99 % of the pixels lie.
    pub light: f32,
    /// Mean grey along the rim (the outer twentieth).
    pub rim: f32,
    /// Mean grey of the middle (the inner half on each side).
    pub middle: f32,
    /// Correlation of horizontal and vertical neighbours, 1 for smooth, 0 for noise.
    pub smoothness: f32,
}

impl Quality {
    /// The gravest finding that forbids a reading.
    #[must_use]
    pub fn refusal(&self) -> Option<Finding> {
        self.findings.iter().copied().find(|f| f.forbids_reading())
    }
}

/// Judge a decoded picture.
#[must_use]
pub fn quality(decoded: &Decoded) -> Quality {
    let image = &decoded.image;
    let (dark, light) = percentiles(image);
    let (rim, middle) = rim_and_middle(image);
    let smoothness = smoothness(image);
    let mut findings = Vec::new();
    let mut found = |is: bool, finding| {
        if is {
            findings.push(finding);
        }
    };
    let flat = light - dark < 0.02;
    found(flat, Finding::Blank);
    found(!flat && light - dark < 0.10, Finding::LowContrast);
    found(!flat && smoothness < 0.5, Finding::Noise);
    found(decoded.meta.vivid > 0.20, Finding::Photograph);
    found(!flat && inverted(image, rim, middle), Finding::Inverted);
    let tinted = decoded.meta.coloured > 0.02;
    found(tinted && decoded.meta.vivid <= 0.20, Finding::LightBox);
    found(image.width.max(image.height) < 128, Finding::Small);
    Quality {
        findings,
        dark,
        light,
        rim,
        middle,
        smoothness,
    }
}

/// Greys below which 1 % and 99 % of the pixels lie, by a histogram of 512 steps.
fn percentiles(image: &Image) -> (f32, f32) {
    let mut histogram = [0u32; 512];
    for v in &image.pixels {
        histogram[((v * 511.0) as usize).min(511)] += 1;
    }
    let n = image.pixels.len() as f32;
    let below = |share: f32| {
        let mut sum = 0u32;
        let step = histogram.iter().position(|count| {
            sum += count;
            sum as f32 >= share * n
        });
        step.unwrap_or(511) as f32 / 511.0
    };
    (below(0.01), below(0.99))
}

fn rim_and_middle(image: &Image) -> (f32, f32) {
    let (w, h) = (image.width, image.height);
    let edge = (w.min(h) / 20).max(1);
    let (mut rim, mut rims, mut middle, mut middles) = (0.0f64, 0u32, 0.0f64, 0u32);
    for (y, line) in image.pixels.chunks_exact(w).enumerate() {
        let outer = y < edge || y >= h - edge.min(h);
        let inner = (h / 4..h - h / 4).contains(&y);
        for (x, v) in line.iter().enumerate() {
            if outer || x < edge || x >= w - edge.min(w) {
                rim += f64::from(*v);
                rims += 1;
            } else if inner && (w / 4..w - w / 4).contains(&x) {
                middle += f64::from(*v);
                middles += 1;
            }
        }
    }
    (
        (rim / f64::from(rims.max(1))) as f32,
        (middle / f64::from(middles.max(1))) as f32,
    )
}

/// A film with white air: a light rim and light corners around a clearly darker middle, and hardly
/// any black. The shutters of a collimator are white too, but the air inside them is black.
fn inverted(image: &Image, rim: f32, middle: f32) -> bool {
    let (w, h) = (image.width, image.height);
    let (cw, ch) = ((w / 10).max(1), (h / 10).max(1));
    let corner = |left: usize, top: usize| {
        let mut sum = 0.0;
        for y in top..top + ch {
            for x in left..left + cw {
                sum += image.at(x, y);
            }
        }
        sum / (cw * ch) as f32
    };
    let corners = [
        corner(0, 0),
        corner(w - cw, 0),
        corner(0, h - ch),
        corner(w - cw, h - ch),
    ];
    let light = corners.iter().filter(|c| **c > 0.7).count();
    let black = image.pixels.iter().filter(|v| **v < 0.2).count();
    let hardly_black = black * 16 < image.pixels.len();
    rim > 0.8 && light >= 3 && middle < rim - 0.25 && hardly_black
}

/// Correlation between neighbours.
fn smoothness(image: &Image) -> f32 {
    let (w, h) = (image.width, image.height);
    if w < 2 || h < 2 {
        return 1.0;
    }
    let mean = image.pixels.iter().map(|v| f64::from(*v)).sum::<f64>() / image.pixels.len() as f64;
    let (mut product, mut square) = (0.0f64, 0.0f64);
    for y in 0..h - 1 {
        let (line, below) = (
            &image.pixels[y * w..(y + 1) * w],
            &image.pixels[(y + 1) * w..(y + 2) * w],
        );
        for x in 0..w - 1 {
            let v = f64::from(line[x]) - mean;
            product += v * (f64::from(line[x + 1]) + f64::from(below[x]) - 2.0 * mean) * 0.5;
            square += v * v;
        }
    }
    if square == 0.0 {
        1.0
    } else {
        (product / square) as f32
    }
}
