/// A vector's bytes, scaled to unit length, so that a dot product is a cosine. `None` if it has a component that is no
/// number.
pub(crate) fn encode(vector: &[f32]) -> Option<Vec<u8>> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    let scaled = vector.iter().flat_map(|x| ((f64::from(*x) * scale) as f32).to_le_bytes()).collect();
    length.is_finite().then_some(scaled)
}

/// The dot product of a stored vector and another; `None` if their lengths differ.
pub(crate) fn dot(stored: &[u8], with: &[f32]) -> Option<f32> {
    const LANES: usize = 16;
    if stored.len() != with.len() * 4 {
        return None;
    }
    // Independent sums, so that the compiler may use wide registers; one sum would chain every addition to the last.
    let mut sums = [0_f32; LANES];
    let (a, b) = (stored.chunks_exact(LANES * 4), with.chunks_exact(LANES));
    let (rest_a, rest_b) = (a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.chunks_exact(4).zip(b)) {
            *sum += number(a) * b;
        }
    }
    let rest: f32 = rest_a.chunks_exact(4).zip(rest_b).map(|(a, b)| number(a) * b).sum();
    Some(sums.iter().sum::<f32>() + rest)
}

pub(crate) fn decode(stored: &[u8]) -> Vec<f32> {
    stored.chunks_exact(4).map(number).collect()
}

fn number(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(0.0, f32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_product_of_unit_vectors_is_their_cosine() {
        let (a, b): (Vec<f32>, Vec<f32>) =
            (0..37).map(|i| ((i as f32).sin(), (i as f32 * 1.3).cos())).unzip();
        let naive = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let expected = naive(&a, &b) / naive(&a, &a).sqrt() / naive(&b, &b).sqrt();
        let unit = decode(&encode(&b).unwrap());
        assert!((dot(&encode(&a).unwrap(), &unit).unwrap() - expected).abs() < 1e-5);
        assert_eq!(dot(&encode(&a).unwrap(), &unit[1..]), None);
        assert_eq!(encode(&[f32::NAN]), None);
        assert_eq!(dot(&encode(&[0.0, 0.0]).unwrap(), &[1.0, 0.0]), Some(0.0));
    }
}
