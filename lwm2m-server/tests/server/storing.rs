//! What survives a restart.

use super::{enter, until};
use crate::support::{From, Wire, code, text};
use lwm2m_core::{
    coap::{Code, Request},
    path::Path,
    value::Value,
};
use lwm2m_server::{
    BootstrapEvent, BootstrapServer, Credential, Role, Server, ServerEvent,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
    store::{Change, Collection, Document, Store, StoreError},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A store in memory that can be told to fail.
#[derive(Clone, Default)]
pub(super) struct Memory {
    documents: Arc<Mutex<BTreeMap<(Collection, String), Document>>>,
    fails: Arc<Mutex<u32>>,
}

impl Memory {
    /// The keys of what it holds of a collection.
    pub(super) fn keys(&self, collection: Collection) -> Vec<String> {
        let documents = self.documents.lock().unwrap();
        let keys = documents.keys().filter(|(kind, _)| *kind == collection);
        keys.map(|(_, key)| key.clone()).collect()
    }
}

#[async_trait::async_trait]
impl Store for Memory {
    async fn load(&self, collection: Collection) -> Result<Vec<Document>, StoreError> {
        let documents = self.documents.lock().unwrap();
        Ok(documents
            .values()
            .filter(|document| document.collection == collection)
            .cloned()
            .collect())
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(StoreError::backend("full"));
        }
        let mut documents = self.documents.lock().unwrap();
        for change in changes {
            match change {
                Change::Put(document) => {
                    documents.insert(
                        (document.collection, document.key.clone()),
                        document.clone(),
                    );
                }
                Change::Remove { collection, key } => {
                    documents.remove(&(*collection, key.clone()));
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_comes_back() {
    let store = Memory::default();
    *store.fails.lock().unwrap() = 2;
    let start = |wire| {
        let store = store.clone();
        async {
            Server::builder()
                .danger_accept_unsecured()
                .store(store)
                .start_on(wire)
                .await
                .unwrap()
        }
    };
    let (wire, end) = Wire::new(From::address(1));
    let server = start(wire).await;
    server
        .security()
        .add("b", Role::Server, Credential::psk("b", vec![3; 16]))
        .unwrap();
    let mut events = server.events();
    enter(&end, &mut events, &["ep=a", "lt=86400", "lwm2m=1.1"]).await;
    end.act(|scripted, _| scripted.handler = Box::new(|_| text("20")));
    let observation = server
        .device("a")
        .await
        .unwrap()
        .observe("/3303/0/5700")
        .await
        .unwrap()
        .id();
    // The store refuses twice; nothing is lost.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.stop().await;

    let (wire, end) = Wire::new(From::address(1));
    let server = start(wire).await;
    end.act(|scripted, _| scripted.handler = Box::new(|_| text("20")));
    assert!(server.security().has_credentials(Role::Server, "b"));
    let device = server.device("a").await.unwrap();
    assert_eq!(
        device.read_value("/3303/0/5700").await,
        Ok(Value::Float(20.0))
    );
    assert_eq!(device.observations().await.unwrap()[0].id, observation);
    server.security().remove("b");
    device
        .cancel_observation(&[Path::resource(3303, 0, 5700)])
        .await
        .unwrap();
    server.stop().await;
    let left: Vec<(Collection, String)> = store.documents.lock().unwrap().keys().cloned().collect();
    assert_eq!(left, [(Collection::Registrations, "a".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_bootstrap_server() {
    let store = Memory::default();
    let (wire, end) = Wire::new(From::psk(1, "bs-a"));
    let server = BootstrapServer::builder()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    let account = ServerAccount::new(
        101,
        "coap://127.0.0.1:5683".parse().unwrap(),
        AccountSecurity::None,
    );
    server
        .configurations()
        .set("a", BootstrapConfig::with_account(account))
        .unwrap();
    server
        .security()
        .add("a", Role::Bootstrap, Credential::psk("bs-a", vec![3; 16]))
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| {
        device.handler = Box::new(|_| code(Code::CHANGED));
        device.send(
            now,
            Request::new(Code::POST).path_segment("bs").query("ep=a"),
        );
    });
    let ended = |event: &ServerEvent| matches!(event, ServerEvent::Bootstrap { event: BootstrapEvent::Finished, endpoint } if &**endpoint == "a");
    until(&mut events, ended).await;
    assert_eq!(server.metrics().await.bootstrap_finished, 1);
    assert!(server.endpoint_metrics().await.received >= 1);
    server.stop().await;
    assert!(events.next().await.is_none());

    let (wire, _end) = Wire::new(From::psk(1, "bs-a"));
    let server = BootstrapServer::builder()
        .store(store)
        .start_on(wire)
        .await
        .unwrap();
    assert!(server.configurations().config("a").is_some());
    assert!(server.security().has_credentials(Role::Bootstrap, "a"));
}
