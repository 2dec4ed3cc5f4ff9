//! A look at a run-length encoded frame before it is unpacked (PS3.5 annex G): the decoder takes it
//! for granted that every segment holds a whole plane.

/// Bytes of the header: the number of segments and where each of them begins.
const HEADER: usize = 64;

/// Whether each of `planes` segments unpacks to at least `area` bytes.
pub(super) fn is_whole(frame: &[u8], planes: usize, area: usize) -> bool {
    let word = |i: usize| {
        let bytes = frame.get(4 * i..4 * i + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    if frame.len() < HEADER || word(0) != Some(planes) || planes >= HEADER / 4 {
        return false;
    }
    (1..=planes).all(|i| {
        let end = if i == planes {
            Some(frame.len())
        } else {
            word(i + 1)
        };
        let segment = word(i)
            .zip(end)
            .and_then(|(start, end)| frame.get(start..end));
        segment.is_some_and(|s| unpacks_to(s, area))
    })
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
        assert!(is_whole(&frame(&[good, good]), 2, 8));
        assert!(!is_whole(&frame(&[good, good]), 2, 10));
        assert!(!is_whole(&frame(&[good]), 2, 8));
        assert!(!is_whole(&frame(&[good, &good[..5]]), 2, 8));
        assert!(!is_whole(&frame(&[good, &good[..1]]), 2, 5));
        assert!(!is_whole(&frame(&[good])[..HEADER - 1], 1, 8));
        let mut backwards = frame(&[good, good]);
        backwards[4..8].copy_from_slice(&200u32.to_le_bytes());
        assert!(!is_whole(&backwards, 2, 8));
    }
}
