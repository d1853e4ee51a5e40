//! Generates the API from its protos, without `protoc`, and keeps their descriptors for reflection.

use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

const PROTOS: &[&str] = &[
    "tollgate/v1/billing_service.proto",
    "tollgate/v1/billing_admin_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("tollgate.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
