//! The law of the port.

use crate::World;
use pool::conformance;

#[tokio::test]
async fn a_model_steps_as_a_model_must() {
    conformance::model(&World::new().await.ours).await;
}
