//! What a gateway request asks for: path, format, scope and byte range.

use std::ops::Range;
use std::str::FromStr;

use cid::Cid;
use http::header::ACCEPT;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

/// Media type of one block.
pub const RAW_TYPE: &str = "application/vnd.ipld.raw";
/// Media type of a CAR stream.
pub const CAR_TYPE: &str = "application/vnd.ipld.car";
/// Longest path and query, in bytes.
const MAX_URI: usize = 8 * 1024;

/// A request that cannot be served, with the status to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRequest {
    pub(super) status: u16,
    pub(super) why: String,
}

fn bad(why: impl Into<String>) -> BadRequest {
    BadRequest {
        status: 400,
        why: why.into(),
    }
}

/// `dag-scope`: how much below the path's end is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The block alone.
    Block,
    /// The file, or the directory without its entries' content.
    Entity,
    /// Everything.
    All,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Entity => "entity",
            Self::All => "all",
        }
    }
}

/// `entity-bytes`: a range of a file, ends included; negative numbers count from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub from: i64,
    /// Last byte; None for the end.
    pub to: Option<i64>,
}

impl ByteRange {
    /// The bytes of a file of `size` that are meant, end excluded.
    #[must_use]
    pub fn within(self, size: u64) -> Range<u64> {
        let from_end = |offset: i64| size.checked_sub(offset.unsigned_abs());
        let start = if self.from < 0 {
            from_end(self.from).unwrap_or(0)
        } else {
            self.from.unsigned_abs()
        };
        let end = match self.to {
            None => size,
            Some(to) if to < 0 => from_end(to).map_or(0, |last| last.saturating_add(1)),
            Some(to) => to.unsigned_abs().saturating_add(1),
        };
        start..end.min(size).max(start)
    }
}

impl FromStr for ByteRange {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (from, to) = text.split_once(':').ok_or(())?;
        let from = from.parse().map_err(|_| ())?;
        let to = if to == "*" {
            None
        } else {
            Some(to.parse::<i64>().map_err(|_| ())?)
        };
        let backwards = |to: i64| (from >= 0) == (to >= 0) && to < from;
        if to.is_some_and(backwards) {
            return Err(());
        }
        Ok(Self { from, to })
    }
}

/// What to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Raw,
    Car {
        scope: Scope,
        range: Option<ByteRange>,
        duplicates: bool,
    },
}

/// A parsed request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Params {
    /// The path as it was asked for.
    pub(super) path: String,
    pub(super) root: Cid,
    pub(super) segments: Vec<String>,
    pub(super) format: Format,
    pub(super) filename: Option<String>,
}

impl Params {
    pub(super) fn parse(uri: &Uri, headers: &HeaderMap) -> Result<Self, BadRequest> {
        if uri.path().len() + uri.query().map_or(0, str::len) > MAX_URI {
            return Err(BadRequest {
                status: 414,
                why: format!("the address is longer than {MAX_URI} bytes"),
            });
        }
        let query = Query::parse(uri.query().unwrap_or_default())?;
        let rest = uri
            .path()
            .strip_prefix("/ipfs/")
            .ok_or_else(|| bad("the path must start with /ipfs/"))?;
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            segments.push(decoded(segment)?);
        }
        if segments.is_empty() {
            return Err(bad("the path names no CID"));
        }
        let root = segments.remove(0);
        let root = Cid::from_str(&root).map_err(|e| bad(format!("{root:?} is not a CID: {e}")))?;
        let format = format(&query, headers)?;
        Ok(Self {
            path: uri.path().to_owned(),
            root,
            segments,
            format,
            filename: query.get("filename"),
        })
    }
}

fn decoded(text: &str) -> Result<String, BadRequest> {
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| bad("the address is not UTF-8"))?;
    Ok(text.into_owned())
}

/// The query's parameters, decoded.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Result<Self, BadRequest> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(&value.replace('+', " "))?))
        });
        pairs.collect::<Result<_, BadRequest>>().map(Self)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }
}

/// The parameters of a CAR media type.
#[derive(Default)]
struct CarType {
    version: Option<String>,
    order: Option<String>,
    dups: Option<String>,
}

fn format(query: &Query, headers: &HeaderMap) -> Result<Format, BadRequest> {
    let accepted = accepted(headers);
    let asked = query.get("format");
    let car_type = accepted.iter().find(|(kind, _)| kind == CAR_TYPE);
    let kind = match asked.as_deref() {
        Some("raw") => RAW_TYPE,
        Some("car") => CAR_TYPE,
        Some(other) => {
            let why = format!("format {other:?} is not served here; ask for raw or car");
            return Err(BadRequest { status: 406, why });
        }
        None => match accepted.first() {
            Some((kind, _)) => kind,
            None => {
                let why = format!(
                    "this gateway serves verifiable answers only; ask for {RAW_TYPE} or {CAR_TYPE}"
                );
                return Err(BadRequest { status: 406, why });
            }
        },
    };
    if kind == RAW_TYPE {
        return Ok(Format::Raw);
    }
    car_format(query, car_type.map(|(_, params)| params))
}

fn car_format(query: &Query, car_type: Option<&CarType>) -> Result<Format, BadRequest> {
    // Parameters of the address take precedence over those of the Accept field (IPIP-523).
    let of = |name: &str, from_type: Option<String>| query.get(name).or(from_type);
    match of("car-version", car_type.and_then(|t| t.version.clone())).as_deref() {
        None | Some("1") => {}
        Some(other) => {
            return Err(bad(format!(
                "CAR version {other} is not served; ask for version 1"
            )));
        }
    }
    match of("car-order", car_type.and_then(|t| t.order.clone())).as_deref() {
        None | Some("dfs" | "unk") => {}
        Some(other) => {
            return Err(bad(format!(
                "block order {other:?} is not served; ask for dfs"
            )));
        }
    }
    let duplicates = match of("car-dups", car_type.and_then(|t| t.dups.clone())).as_deref() {
        None | Some("n") => false,
        Some("y") => true,
        Some(other) => return Err(bad(format!("dups must be y or n, not {other:?}"))),
    };
    let range = query.get("entity-bytes").map(|text| {
        text.parse::<ByteRange>()
            .map_err(|()| bad(format!("entity-bytes must be from:to, not {text:?}")))
    });
    let range = range.transpose()?;
    let scope = match query.get("dag-scope").as_deref() {
        // A range makes sense of an entity only.
        Some("entity") => Scope::Entity,
        None if range.is_some() => Scope::Entity,
        None | Some("all") => Scope::All,
        Some("block") => Scope::Block,
        Some(other) => {
            return Err(bad(format!(
                "dag-scope must be block, entity or all, not {other:?}"
            )));
        }
    };
    Ok(Format::Car {
        scope,
        range,
        duplicates,
    })
}

/// The media types of the Accept fields that are served here, in order.
fn accepted(headers: &HeaderMap) -> Vec<(String, CarType)> {
    let fields = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut out = Vec::new();
    for range in fields.flat_map(|field| field.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        if kind != RAW_TYPE && kind != CAR_TYPE {
            continue;
        }
        let mut params = CarType::default();
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = Some(value.trim_matches('"').to_owned());
            match name.to_ascii_lowercase().as_str() {
                "version" => params.version = value,
                "order" => params.order = value,
                "dups" => params.dups = value,
                _ => {}
            }
        }
        out.push((kind, params));
    }
    out
}

impl Format {
    /// The Content-Type of the answer.
    pub(super) fn content_type(self) -> String {
        match self {
            Self::Raw => RAW_TYPE.to_owned(),
            Self::Car { duplicates, .. } => {
                format!(
                    "{CAR_TYPE}; version=1; order=dfs; dups={}",
                    if duplicates { "y" } else { "n" }
                )
            }
        }
    }

    /// The ETag of the answer for `last` at the end of `path`.
    pub(super) fn etag(self, path: &str, last: &Cid) -> String {
        match self {
            Self::Raw => format!("\"{last}.raw\""),
            Self::Car {
                scope,
                range,
                duplicates,
            } => {
                let range = range
                    .map(|r| format!("{}:{:?}", r.from, r.to))
                    .unwrap_or_default();
                let selector = format!("{path}\n{}\n{range}\n{duplicates}", scope.as_str());
                let digest = crate::block::cid_of(crate::block::RAW, selector.as_bytes());
                format!("W/\"{last}.car.{}\"", &digest.to_string()[7..23])
            }
        }
    }

    /// The usual ending of a file with the answer.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Raw => "bin",
            Self::Car { .. } => "car",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "bafkqaaa";

    fn parse(uri: &str, accept: &str) -> Result<Params, BadRequest> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        }
        Params::parse(&uri.parse().unwrap(), &headers)
    }

    fn car(scope: Scope, range: Option<(i64, Option<i64>)>, duplicates: bool) -> Format {
        Format::Car {
            scope,
            range: range.map(|(from, to)| ByteRange { from, to }),
            duplicates,
        }
    }

    #[test]
    fn formats_are_negotiated() {
        let plain = format!("/ipfs/{EMPTY}");
        assert_eq!(parse(&plain, RAW_TYPE).unwrap().format, Format::Raw);
        assert_eq!(
            parse(&plain, "text/html, application/vnd.ipld.car;dups=y")
                .unwrap()
                .format,
            car(Scope::All, None, true)
        );
        assert_eq!(parse(&plain, "*/*").unwrap_err().status, 406);
        assert_eq!(
            parse(&format!("{plain}?format=dag-json"), "")
                .unwrap_err()
                .status,
            406
        );
        let both = parse(
            &format!("{plain}?format=car"),
            "application/vnd.ipld.car; dups=y",
        )
        .unwrap();
        assert_eq!(both.format, car(Scope::All, None, true));
        let query = parse(
            &format!("{plain}?format=car&car-dups=n"),
            "application/vnd.ipld.car; dups=y",
        )
        .unwrap();
        assert_eq!(query.format, car(Scope::All, None, false));
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for query in [
            "dag-scope=some",
            "entity-bytes=1",
            "entity-bytes=5:2",
            "car-version=2",
            "car-order=bfs",
            "car-dups=x",
        ] {
            assert_eq!(
                parse(&format!("/ipfs/{EMPTY}?format=car&{query}"), "")
                    .unwrap_err()
                    .status,
                400,
                "{query}"
            );
        }
        assert_eq!(
            parse("/ipfs/nonsense?format=raw", "").unwrap_err().status,
            400
        );
        assert_eq!(parse("/ipfs/%ff?format=raw", "").unwrap_err().status, 400);
    }

    #[test]
    fn ranges_count_from_either_end() {
        let within = |text: &str, size| text.parse::<ByteRange>().unwrap().within(size);
        assert_eq!(within("0:*", 10), 0..10);
        assert_eq!(within("0:0", 10), 0..1);
        assert_eq!(within("-3:*", 10), 7..10);
        assert_eq!(within("-99:-3", 10), 0..8);
        assert_eq!(within("4:99", 10), 4..10);
        assert_eq!(within("20:30", 10), 20..20);
    }

    #[test]
    fn paths_are_decoded_by_segment() {
        let params = parse(&format!("/ipfs/{EMPTY}/a%2Fb//c%20d/?format=raw"), "").unwrap();
        assert_eq!(params.segments, ["a/b", "c d"]);
    }

    proptest! {
        #[test]
        fn ranges_stay_inside_the_file(from: i64, to: Option<i64>, size: u64) {
            let range = ByteRange { from, to }.within(size);
            prop_assert!(range.start <= range.end);
            prop_assert!(range.is_empty() || range.end <= size);
        }
    }
}
