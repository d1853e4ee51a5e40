//! The table of methods: everything that is served is in it, the door keeps to it, and the document shows it.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use prost::Message;
use prost_types::FileDescriptorSet;
use tollgate::api::grpc::auth::scope::{RPCS, Scope};
use tollgate::api::grpc::proto::DESCRIPTORS;
use tonic::{Code, Status};

use super::{failure, line, only};
use crate::support::TestApp;

#[test]
fn every_method_of_our_services_is_in_the_table_and_nothing_else() {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours = files
        .iter()
        .filter(|file| file.package().starts_with("tollgate."));
    let services = ours.flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
    let served: BTreeSet<String> = services
        .flat_map(|(package, service)| {
            let path = move |method: &str| format!("/{package}.{}/{method}", service.name());
            service.method.iter().map(move |method| path(method.name()))
        })
        .collect();
    let table: BTreeSet<String> = RPCS.iter().map(|rpc| rpc.path.to_owned()).collect();
    assert_eq!(served, table);
    assert_eq!(table.len(), RPCS.len(), "a method twice");
}

#[tokio::test]
async fn each_scope_opens_its_methods_and_no_other() {
    let list: Vec<String> = Scope::ALL
        .iter()
        .map(|scope| line(scope.word(), scope.word(), scope.word()))
        .collect();
    let app = TestApp::with(only(list.join("\n"))).await;
    for rpc in RPCS {
        for scope in Scope::ALL {
            // An empty message is refused by whoever is let in, and does no harm.
            let request = Request::post(format!("http://{}{}", app.running.grpc, rpc.path))
                .header("content-type", "application/grpc-web+proto")
                .header("authorization", format!("Bearer {scope}"))
                .body(Full::new(Bytes::from_static(&[0; 5])))
                .unwrap();
            let response = app.http.send(request).await.unwrap();
            // An answer has its status at its end.
            let status = Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok(""));
            let (code, reason) = match status.code() {
                Code::Ok => (Code::Ok, String::new()),
                _ => failure(&status),
            };
            if scope == rpc.scope {
                // Of a list an empty message asks for all.
                let list = ["/ListOverrides", "/ListAuditEntries", "/ListEvents"]
                    .iter()
                    .any(|list| rpc.path.ends_with(list));
                let expected = if list {
                    (Code::Ok, "")
                } else {
                    (Code::InvalidArgument, "INVALID_FIELD")
                };
                assert_eq!((code, &*reason), expected, "{}", rpc.path);
            } else {
                assert_eq!(
                    (code, &*reason),
                    (Code::PermissionDenied, "SCOPE_MISSING"),
                    "{scope} {}",
                    rpc.path
                );
                assert!(
                    status.message().contains(&format!("`{}`", rpc.scope)),
                    "{}",
                    status.message()
                );
            }
        }
    }
}

#[test]
fn the_document_shows_the_table() {
    let mut text = String::from(
        "# Methods\n\n\
         Which scope a caller needs for each method, and what is safe to call again. Drawn from the table in\n\
         `src/api/grpc/auth/scope.rs` by `UPDATE_DOCS=1 cargo test --test it callers`; the prose is in `proto/tollgate/v1`.\n\n\
         | method | scope | does | safe to retry |\n|---|---|---|---|\n",
    );
    for rpc in RPCS {
        let method = rpc.path.rsplit('/').next().unwrap();
        text += &format!(
            "| `{method}` | `{}` | {} | {} |\n",
            rpc.scope, rpc.does, rpc.retry
        );
    }
    text += "\nHealth (`grpc.health.v1`) and reflection need no token.\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rpcs.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let shown = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        shown == text,
        "docs/rpcs.md is not the table: run UPDATE_DOCS=1 cargo test --test it callers"
    );
}
