//! Run-length encoding (PS3.5, annex G).

/// Bytes of the header: the number of segments and where each of them begins.
const HEADER: usize = 64;

/// The frame's samples, little endian, colours interleaved. There are `planes` segments, one for
/// each byte of each of the `samples` of a pixel, the most significant byte first; each unpacks to
/// `area` bytes. `None` where a segment does not.
pub(super) fn unpack(frame: &[u8], planes: usize, samples: usize, area: usize) -> Option<Vec<u8>> {
    let word = |i: usize| {
        let bytes = frame.get(4 * i..4 * i + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    if frame.len() < HEADER || word(0) != Some(planes) || planes >= HEADER / 4 || samples == 0 {
        return None;
    }
    let segment = |i: usize| {
        let end = if i + 1 == planes {
            Some(frame.len())
        } else {
            word(i + 2)
        };
        frame.get(word(i + 1)?..end?)
    };
    // Nothing is set aside before every segment is known to be whole.
    let whole = (0..planes).all(|i| segment(i).is_some_and(|s| unpacks_to(s, area)));
    if !whole {
        return None;
    }
    let depth = planes / samples;
    let mut out = vec![0; area * planes];
    for i in 0..planes {
        let (sample, byte) = (i / depth, depth - 1 - i % depth);
        let places = out.iter_mut().skip(sample * depth + byte).step_by(planes);
        for (place, value) in places.zip(runs(segment(i)?)) {
            *place = value;
        }
    }
    Some(out)
}

/// The bytes that a segment's runs (PackBits) stand for.
fn runs(segment: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = segment;
    core::iter::from_fn(move || {
        let (&count, later) = rest.split_first()?;
        let (read, run): (usize, &[u8]) = match count {
            0..=127 => (usize::from(count) + 1, later.get(..=usize::from(count))?),
            128 => (0, &[]),
            _ => (1, later.get(..1)?),
        };
        rest = &later[read..];
        let times = if count > 128 {
            257 - usize::from(count)
        } else {
            1
        };
        Some(core::iter::repeat_n(run, times).flatten().copied())
    })
    .flatten()
}

/// Whether a segment's runs (PackBits) give at least `area` bytes.
fn unpacks_to(segment: &[u8], area: usize) -> bool {
    let (mut at, mut out) = (0, 0);
    while out < area {
        let Some(&count) = segment.get(at) else {
            return false;
        };
        let (read, written) = match count {
            0..=127 => (usize::from(count) + 1, usize::from(count) + 1),
            128 => (0, 0),
            _ => (1, 257 - usize::from(count)),
        };
        at += 1 + read;
        if at > segment.len() {
            return false;
        }
        out += written;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        out[..4].copy_from_slice(&(segments.len() as u32).to_le_bytes());
        for (i, segment) in segments.iter().enumerate() {
            let start = (out.len() as u32).to_le_bytes();
            out[4 * i + 4..4 * i + 8].copy_from_slice(&start);
            out.extend_from_slice(segment);
        }
        out
    }

    #[test]
    fn only_whole_planes_pass() {
        // A run of five, three literal bytes, and a filler.
        let good: &[u8] = &[252, 7, 128, 2, 1, 2, 3, 0];
        let whole = unpack(&frame(&[good, good]), 2, 1, 8).unwrap();
        assert_eq!(whole, [7u8, 7, 7, 7, 7, 1, 2, 3].map(|v| [v, v]).concat());
        let planes = unpack(&frame(&[good, &[255, 9, 249, 4]]), 2, 2, 8).unwrap();
        assert_eq!(planes[..6], [7, 9, 7, 9, 7, 4]);
        assert!(unpack(&frame(&[good, good]), 2, 1, 10).is_none());
        assert!(unpack(&frame(&[good]), 2, 1, 8).is_none());
        assert!(unpack(&frame(&[good, &good[..5]]), 2, 1, 8).is_none());
        assert!(unpack(&frame(&[good, &good[..1]]), 2, 1, 5).is_none());
        assert!(unpack(&frame(&[good])[..HEADER - 1], 1, 1, 8).is_none());
        let mut backwards = frame(&[good, good]);
        backwards[4..8].copy_from_slice(&200u32.to_le_bytes());
        assert!(unpack(&backwards, 2, 1, 8).is_none());
    }
}
