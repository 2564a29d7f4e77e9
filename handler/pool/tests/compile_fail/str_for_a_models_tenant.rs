//! E0308

use pool::ports::{Model, StepRequest};

pub async fn ask(model: &dyn Model, request: StepRequest) {
    drop(model.step("contoso", request).await);
}

fn main() {}
