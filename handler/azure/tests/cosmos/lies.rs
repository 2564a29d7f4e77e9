//! An account that heeds neither partition nor predicate: nothing foreign comes through, and the alarm rings.

use crate::support::World;
use pool::{
    Doors, Error, Grants, Owned, PageRequest, Scope, SealKeys, Settings, TenantRecord,
    conformance::memory::{
        ManualClock, MemoryBlobs, MemoryDirectory, MemoryIndex, MemoryKeys, MemoryQueue, SeededEntropy,
    },
    ports::{
        ByteStream, Extraction, Extractor, Model, ModelStream, PortError, PortResult, Ports, Records,
        StepRequest,
    },
    records::RecordQuery,
    token::TokenRules,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

struct Nothing;

#[async_trait::async_trait]
impl Model for Nothing {
    async fn step(&self, _: &pool::TenantId, _: StepRequest) -> PortResult<ModelStream> {
        Err(PortError::refused("there is no model here"))
    }
}

#[async_trait::async_trait]
impl Extractor for Nothing {
    async fn extract(&self, _: &str, _: &str, _: u64, _: ByteStream) -> PortResult<Extraction> {
        Err(PortError::refused("there is no extractor here"))
    }
}

fn doors(records: Arc<dyn Records>, clock: Arc<ManualClock>) -> Doors {
    let tenants = ["contoso", "fabrikam"].map(|name| TenantRecord::new(name, name));
    let ports = Ports {
        records,
        blobs: Arc::new(MemoryBlobs::new()),
        links: None,
        index: Arc::new(MemoryIndex::new()),
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        directory: Arc::new(MemoryDirectory::new(tenants)),
        model: Arc::new(Nothing),
        embedder: None,
        extractor: Arc::new(Nothing),
        clock,
        entropy: Arc::new(SeededEntropy::default()),
    };
    let keys = SealKeys::new("k1", BTreeMap::from([("k1".to_owned(), [7; 32])]), [9; 32]).unwrap();
    let grants = Grants::parse(Grants::DEFAULT).unwrap();
    let rules = TokenRules::new(Vec::new(), grants, Arc::new(MemoryKeys::default())).unwrap();
    Doors::new(ports, keys, rules, Settings::default())
}

async fn make(scope: &Scope, name: &str) -> String {
    let body = json!({"name": name}).as_object().unwrap().clone();
    scope.records().create("items", body).await.unwrap().value.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_answers_from_another_partition_is_found_out() {
    let World { account, records, clock, .. } = World::new().await;
    let doors = doors(Arc::new(records), clock);
    let contoso = doors.claim(Owned::Container("contoso")).await.unwrap();
    let fabrikam = doors.claim(Owned::Container("fabrikam")).await.unwrap();
    let own = make(&contoso, "canary of contoso").await;
    make(&fabrikam, "canary of fabrikam").await;
    assert_eq!(contoso.records().get("items", &own).await.unwrap().value.id, own, "while it is honest");

    account.lie("contoso", "fabrikam");
    let list = contoso.records().list("items", RecordQuery::default(), &PageRequest::default()).await;
    let Err(fault @ Error::Internal(_)) = &list else {
        panic!("a lie is a fault, never an answer: {list:?}")
    };
    let told = azure::chain(fault);
    assert!(!told.contains("canary"), "{told}");
    let one = contoso.records().get("items", &own).await;
    assert!(matches!(one, Err(Error::NotFound)), "another partition has no such document: {one:?}");
}
