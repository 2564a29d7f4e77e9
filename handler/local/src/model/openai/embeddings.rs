use super::{
    endpoint::{Endpoint, read},
    fault::Fault,
    wire::{Embedding, Embeddings},
};
use async_trait::async_trait;
use pool::{
    TenantId,
    ports::{Embedder, PortError, PortResult},
};
use serde_json::json;
use std::sync::Arc;

const BATCH: usize = 64;
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Any server with an `/embeddings`.
#[derive(Clone, Debug)]
pub struct OpenAiEmbeddings {
    endpoint: Arc<Endpoint>,
    model: String,
    dimensions: usize,
}

impl OpenAiEmbeddings {
    /// A model whose vectors are known to have this length. One of another length is an error, never an answer.
    pub fn new(endpoint: Arc<Endpoint>, model: impl Into<String>, dimensions: usize) -> Self {
        Self { endpoint, model: model.into(), dimensions }
    }

    /// A model whose vectors' length is learnt by asking for one, with the tenant's token if tokens are tenants'.
    ///
    /// # Errors
    /// If the endpoint fails.
    pub async fn learn(
        endpoint: Arc<Endpoint>,
        tenant: &TenantId,
        model: impl Into<String>,
    ) -> PortResult<Self> {
        let mut learner = Self::new(endpoint, model, 0);
        let vectors = learner.ask(tenant, &["dimensions".to_owned()]).await?;
        learner.dimensions = vectors.first().map_or(0, Vec::len);
        Ok(learner)
    }

    async fn batch(&self, tenant: &TenantId, texts: &[String]) -> PortResult<Vec<Vec<f32>>> {
        let vectors = self.ask(tenant, texts).await?;
        if vectors.iter().any(|vector| vector.len() != self.dimensions) {
            // Another try would get the same: the setting and the model disagree.
            return Err(PortError::refused(Fault::new("wrong_dimensions")));
        }
        Ok(vectors)
    }

    async fn ask(&self, tenant: &TenantId, texts: &[String]) -> PortResult<Vec<Vec<f32>>> {
        let body = json!({ "model": self.model, "input": texts, "encoding_format": "float" });
        let response = self.endpoint.post(tenant, &["embeddings"], &body).await?;
        let bytes = read(response, MAX_BODY).await?;
        let answer: Embeddings = serde_json::from_slice(&bytes)
            .map_err(|_| PortError::unavailable(Fault::new("bad_embeddings")))?;
        in_order(answer.data, texts.len()).ok_or_else(|| PortError::unavailable(Fault::new("bad_embeddings")))
    }
}

#[async_trait]
impl Embedder for OpenAiEmbeddings {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    async fn embed(&self, tenant: &TenantId, texts: &[String]) -> PortResult<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH) {
            vectors.extend(self.batch(tenant, texts).await?);
        }
        Ok(vectors)
    }
}

/// The vectors in the order of the texts, of unit length. `None` unless there is exactly one good vector a text.
fn in_order(mut data: Vec<Embedding>, count: usize) -> Option<Vec<Vec<f32>>> {
    data.sort_by_key(|embedding| embedding.index);
    let complete =
        data.len() == count && data.iter().enumerate().all(|(at, embedding)| embedding.index == at);
    if !complete {
        return None;
    }
    data.into_iter().map(|embedding| unit(embedding.embedding)).collect()
}

fn unit(vector: Vec<f32>) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    (norm.is_finite() && norm > 0.0)
        .then(|| vector.into_iter().map(|x| (f64::from(x) / norm) as f32).collect())
}
