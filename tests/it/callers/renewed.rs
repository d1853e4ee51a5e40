//! Certificates that are replaced under load: nobody is refused who is in the right, and who no longer is goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{CloseReason, WatchEntitlementsResponse};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};
use tonic::{Request, Streaming};

use super::certificates::{Authority, Folder, Pair};
use super::{closed, everybody, line, sso, with};
use crate::support::eventually;
use crate::support::process::{Place, Process};

/// As whom one connects.
#[derive(Clone)]
struct Who {
    address: String,
    /// In PEM.
    trusts: String,
    pair: Option<Arc<Pair>>,
    /// Sends a token, with a certificate or without.
    by_token: bool,
}

impl Who {
    async fn connect(&self) -> Result<BillingServiceClient<Channel>, Error> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.trusts));
        if let Some(pair) = &self.pair {
            tls = tls.identity(Identity::from_pem(&pair.certificate, &pair.key));
        }
        let endpoint = Endpoint::from_shared(self.address.clone()).unwrap();
        let channel = endpoint.tls_config(tls)?.connect().await?;
        Ok(BillingServiceClient::new(channel))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        if self.by_token {
            with("web", message)
        } else {
            Request::new(message)
        }
    }

    async fn watch(&self) -> Streaming<WatchEntitlementsResponse> {
        let mut client = self.connect().await.unwrap();
        let stream = client.watch_entitlements(self.request(everybody())).await;
        stream.unwrap().into_inner()
    }

    /// Calls until it is over, on one connection and on new ones: no call may fail.
    async fn call(self, over: Arc<AtomicBool>, calls: Arc<AtomicUsize>) {
        let mut first = self.connect().await.unwrap();
        while !over.load(Ordering::Relaxed) {
            let mut fresh = self.connect().await.unwrap();
            fresh.get_entitlement(self.request(sso())).await.unwrap();
            for _ in 0..10 {
                first.get_entitlement(self.request(sso())).await.unwrap();
            }
            calls.fetch_add(11, Ordering::Relaxed);
        }
    }
}

/// So many more calls have been made.
async fn some(calls: &AtomicUsize) {
    let before = calls.load(Ordering::Relaxed);
    eventually("calls go on", async || {
        (calls.load(Ordering::Relaxed) > before + 100).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_certificate_and_the_clients_authority_are_replaced_and_no_call_fails() {
    let (old, new) = (Authority::new(), Authority::new());
    let (old_clients, new_clients) = (Authority::new(), Authority::new());
    let folder = Folder::new(&old.server());
    let ca = folder.write("clients.crt", &old_clients.pem());
    let place = Place::new().await;
    let (database, stripe) = (&place.database, &place.simulator.base_url());
    let mut command = Process::command(database, stripe, place.catalog.path());
    command
        .env(
            "TOLLGATE_CALLERS",
            format!("edge = cert:edge.svc\n{}", line("web", "web", "")),
        )
        .env("TOLLGATE_TLS_CERTIFICATE_FILE", folder.path().join("tls.crt"))
        .env("TOLLGATE_TLS_KEY_FILE", folder.path().join("tls.key"))
        .env("TOLLGATE_TLS_CLIENT_CA_FILE", ca)
        .env("TOLLGATE_CHECKPOINT_INTERVAL", "200ms")
        .env("TOLLGATE_RELOAD_INTERVAL", "50ms");
    let process = Process::start(command).await;
    let who = |trusts: String, pair: Option<Pair>| Who {
        address: format!("https://localhost:{}", process.grpc.port()),
        trusts,
        by_token: pair.is_none(),
        pair: pair.map(Arc::new),
    };
    let both = [old.pem(), new.pem()].concat();
    let web = who(both.clone(), None);
    let edge = who(both.clone(), Some(old_clients.client("edge.svc", None)));
    // A token counts, but the connection is the certificate's.
    let mixed = Who {
        by_token: true,
        ..edge.clone()
    };
    let moved = who(both, Some(new_clients.client("edge.svc", None)));

    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut callers = JoinSet::new();
    for who in [&web, &web, &edge, &edge] {
        callers.spawn(who.clone().call(over.clone(), calls.clone()));
    }
    let (mut by_token, mut by_certificate) = (web.watch().await, edge.watch().await);
    let mut by_both = mixed.watch().await;
    some(&calls).await;

    folder.write("clients.crt", &[old_clients.pem(), new_clients.pem()].concat());
    eventually("the new clients' authority is trusted", async || {
        moved.connect().await.ok()?.get_entitlement(sso()).await.ok()
    })
    .await;
    some(&calls).await;
    folder.put(&new.server());
    eventually("the new certificate is offered", async || {
        who(new.pem(), None).connect().await.ok()
    })
    .await;
    assert!(who(old.pem(), None).connect().await.is_err());
    some(&calls).await;
    let mut by_new_certificate = moved.watch().await;
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.expect("no call fails");
    }
    let stays = async |stream: &mut Streaming<WatchEntitlementsResponse>| {
        for _ in 0..20 {
            let frame = stream.message().await.unwrap().unwrap();
            assert!(!matches!(frame.event, Some(Event::Closing(_))), "{frame:?}");
        }
    };
    stays(&mut by_certificate).await;

    // The old authority goes, and who came by it.
    let connected = edge.connect().await.unwrap();
    connected.clone().get_entitlement(sso()).await.unwrap();
    folder.write("clients.crt", &new_clients.pem());
    assert_eq!(
        closed(&mut by_certificate).await,
        Some(CloseReason::CredentialEnded)
    );
    assert_eq!(closed(&mut by_both).await, Some(CloseReason::CredentialEnded));
    // It may only connect anew, and cannot.
    eventually("its connection is gone", async || {
        connected.clone().get_entitlement(sso()).await.err()
    })
    .await;
    assert!(match edge.connect().await {
        Ok(mut client) => client.get_entitlement(sso()).await.is_err(),
        Err(_) => true,
    });
    stays(&mut by_token).await;
    stays(&mut by_new_certificate).await;
    moved
        .connect()
        .await
        .unwrap()
        .get_entitlement(sso())
        .await
        .unwrap();
}
