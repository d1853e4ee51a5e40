//! `List`, the youngest method of `grpc.health.v1`, which the library does not have yet.
//! docs: grpc.io/docs/guides/health-checking

use std::collections::HashMap;
use std::future::ready;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions, MethodDescriptorProto,
};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codec::EnabledCompressionEncodings;
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckResponse;
use tonic_prost::ProstCodec;

use super::{BILLING, Health, status};

/// In a request's path.
pub const PATH: &str = "/grpc.health.v1.Health/List";

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListResponse {
    /// By service.
    #[prost(map = "string, message", tag = "1")]
    pub statuses: HashMap<String, HealthCheckResponse>,
}

/// The library's description of the service, encoded, and in it this method: for who reads it by reflection.
pub fn described() -> Vec<u8> {
    let mut set = FileDescriptorSet::decode(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .expect("the library describes its own service");
    for file in &mut set.file {
        let name = |of: &str| Some(format!(".{}.{of}", file.package()));
        let method = MethodDescriptorProto {
            name: Some("List".into()),
            input_type: name("HealthListRequest"),
            output_type: name("HealthListResponse"),
            ..Default::default()
        };
        let statuses = FieldDescriptorProto {
            label: Some(Label::Repeated.into()),
            ..field("statuses", 1, name("HealthListResponse.StatusesEntry"))
        };
        // As every map is described.
        let entry = DescriptorProto {
            name: Some("StatusesEntry".into()),
            field: vec![
                field("key", 1, None),
                field("value", 2, name("HealthCheckResponse")),
            ],
            options: Some(MessageOptions {
                map_entry: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = DescriptorProto {
            name: Some("HealthListRequest".into()),
            ..Default::default()
        };
        let response = DescriptorProto {
            name: Some("HealthListResponse".into()),
            field: vec![statuses],
            nested_type: vec![entry],
            ..Default::default()
        };
        file.message_type.extend([request, response]);
        file.service
            .iter_mut()
            .for_each(|health| health.method.push(method.clone()));
    }
    set.encode_to_vec()
}

/// Of this message, else text.
fn field(name: &str, number: i32, message: Option<String>) -> FieldDescriptorProto {
    let kind = if message.is_some() {
        Type::Message
    } else {
        Type::String
    };
    FieldDescriptorProto {
        name: Some(name.into()),
        json_name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: message,
        ..Default::default()
    }
}

/// Adds the method to a router that has the others.
pub fn add(router: Router, health: &Health) -> Router {
    let health = health.clone();
    let answer = async move |request: http::Request<Body>| {
        let mut gzip = EnabledCompressionEncodings::default();
        gzip.enable(Gzip);
        let list =
            tower::service_fn(move |_: Request<HealthListRequest>| ready(Ok::<_, Status>(all(&health))));
        Grpc::new(ProstCodec::<HealthListResponse, HealthListRequest>::default())
            .apply_compression_config(gzip, gzip)
            .unary(list, request)
            .await
    };
    router.route(PATH, post(answer))
}

fn all(health: &Health) -> Response<HealthListResponse> {
    let now = *health.0.borrow();
    let statuses = ["", BILLING].map(|service| {
        let status = status(service, now).into();
        (service.to_owned(), HealthCheckResponse { status })
    });
    Response::new(HealthListResponse {
        statuses: statuses.into(),
    })
}

#[cfg(test)]
mod tests {
    use prost_reflect::{DescriptorPool, DynamicMessage, Value};

    use super::*;

    #[test]
    fn who_only_has_the_description_reads_the_answer() {
        let pool = DescriptorPool::decode(described().as_slice()).unwrap();
        let health = pool.get_service_by_name("grpc.health.v1.Health").unwrap();
        let list = health.methods().find(|method| method.name() == "List").unwrap();
        assert!(!list.is_client_streaming() && !list.is_server_streaming());
        assert_eq!(list.input().fields().len(), 0);
        let answer = all(&Health::new()).into_inner().encode_to_vec();
        let read = DynamicMessage::decode(list.output(), answer.as_slice()).unwrap();
        let statuses = read.get_field_by_name("statuses").unwrap();
        let Value::Map(statuses) = statuses.as_ref() else {
            panic!("{statuses:?}");
        };
        assert_eq!(statuses.len(), 2);
    }
}
