//! Deltas: how git stores an object as the difference to another (git's gitformat-pack).
//!
//! Decides which bytes are a delta, and how large its object may be. Pure.

/// The largest object that is put together, in bytes: only commits are read.
const LARGEST: usize = 16 << 20;

/// The object that `delta` makes of `base`; `None` if it is none.
pub(super) fn apply(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut rest = delta;
    if size(&mut rest)? != base.len() {
        return None;
    }
    let length = size(&mut rest)?;
    if length > LARGEST {
        return None;
    }
    let mut made = Vec::with_capacity(length);
    while let Some((&op, after)) = rest.split_first() {
        rest = after;
        if op & 0x80 != 0 {
            let (offset, length) = copy(op, &mut rest)?;
            made.extend_from_slice(base.get(offset..offset.checked_add(length)?)?);
        } else if op != 0 {
            let (new, after) = rest.split_at_checked(usize::from(op))?;
            made.extend_from_slice(new);
            rest = after;
        } else {
            return None;
        }
        // Checked at each operation: a few bytes can copy the base over and over.
        if made.len() > length {
            return None;
        }
    }
    (made.len() == length).then_some(made)
}

/// Seven bits a byte, the lowest first.
fn size(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..35).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Offset and length of a piece of the base; which of their bytes follow stands in the operation's bits.
fn copy(op: u8, rest: &mut &[u8]) -> Option<(usize, usize)> {
    let mut read = |bits: std::ops::Range<u32>| {
        let mut value = 0_usize;
        for (place, bit) in bits.enumerate() {
            if op & (1 << bit) != 0 {
                let (&byte, after) = rest.split_first()?;
                *rest = after;
                value |= usize::from(byte) << (8 * place);
            }
        }
        Some(value)
    };
    let offset = read(0..4)?;
    let length = read(4..7)?;
    // The format's own: no bits of a length mean 64 KiB, since a copy of nothing would be of no use.
    Some((offset, if length == 0 { 0x10000 } else { length }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn copies_and_new_bytes() {
        // Base of 10, result of 8: 3 from offset 2, "ab" new, 3 from offset 0.
        let delta = [10, 8, 0x91, 2, 3, 2, b'a', b'b', 0x90, 3];
        assert_eq!(apply(b"0123456789", &delta), Some(b"234ab012".to_vec()));
        for cut in 0..delta.len() {
            assert_eq!(apply(b"0123456789", &delta[..cut]), None);
        }
        assert_eq!(apply(b"012345678", &delta), None, "another base");
        assert_eq!(apply(b"0123456789", &[10, 3, 0x91, 9, 3]), None, "beyond the base");
        assert_eq!(apply(b"0123456789", &[10, 0, 0]), None, "a reserved operation");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_delta_or_none(base in prop::collection::vec(any::<u8>(), 0..40),
            mut delta in prop::collection::vec(any::<u8>(), 0..60), fit: bool) {
            if fit {
                delta.insert(0, u8::try_from(base.len()).unwrap());
            }
            let _ = apply(&base, &delta);
        }
    }
}
