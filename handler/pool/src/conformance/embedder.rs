#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{ports::Embedder, testing::tenant};

/// The law of [`Embedder`]: one vector a text, in the order of the texts, of the length it says, and of unit length; the
/// same text has the same vector, alone or among others.
///
/// # Panics
/// Where the law is broken.
pub async fn embedder(embedder: &dyn Embedder) {
    let who = tenant("conf-a");
    let texts: Vec<String> = (1..=130).map(|n| n.to_string()).collect();
    let vectors = embedder.embed(&who, &texts).await.unwrap();
    assert_eq!(vectors.len(), texts.len());
    for vector in &vectors {
        assert_eq!(vector.len(), embedder.dimensions());
        let length: f32 = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-3, "a vector of length {length}");
    }
    for n in [0, 64, 129] {
        let alone = embedder.embed(&who, &texts[n..=n]).await.unwrap();
        let near: f32 = alone[0].iter().zip(&vectors[n]).map(|(a, b)| a * b).sum();
        assert!(near > 0.999, "text {n} has another vector among others");
    }
    assert!(embedder.embed(&who, &[]).await.unwrap().is_empty());
}
