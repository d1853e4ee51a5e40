//! The architecture, held by a test: which module may name which, which crate may name which library.
//!
//! The lists below are the whole of the rules. Everything else here reads the sources: each `.rs` file is read as
//! tokens, so that an expression, a macro's body and an attribute are all the same to it; every path is resolved
//! through imports, renames, globs and re-exports to what it means; and what it means is compared with the lists.
//! `samples` holds one violation per way around, and must refuse each.

mod check;
mod document;
mod manifests;
mod names;
mod samples;
mod surface;
mod tokens;
mod tree;

/// Who may name whom inside `src`. A module of the left column may name the modules of its row, what is below them,
/// what is below itself, and nothing else. A module that has no row belongs to the closest row above it, so
/// `api::grpc::watch` is `api::grpc`. `lib` is `src/lib.rs`: it declares the modules and exports nothing of its own.
const EDGES: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["cli", "demo", "app", "config"]),
    (
        "cli",
        &["app", "config", "demo", "api::grpc::proto", "doctor", "setup"],
    ),
    ("demo", &["app", "config", "setup", "api::grpc::proto"]),
    // Both only look at, or write to, what is outside: nothing of the service depends on them.
    ("doctor", &["app", "config", "setup"]),
    ("setup", &["api::webhook"]),
    (
        "app",
        &["api", "pipeline", "feed", "commands", "config", "telemetry"],
    ),
    // Each module owns its `Settings`; `config` composes them and nobody but the entry points sees the whole.
    ("config", &["api", "pipeline", "feed", "commands", "telemetry"]),
    ("telemetry", &[]),
    // Who counts or begins a span names these two; they know nobody.
    ("telemetry::metric", &[]),
    ("telemetry::trace", &[]),
    ("api", &["feed", "commands"]),
    (
        "api::webhook",
        &["pipeline::inbox", "telemetry::metric", "telemetry::trace"],
    ),
    ("api::ops", &["api::grpc"]),
    (
        "api::grpc",
        &["feed", "commands", "telemetry::metric", "telemetry::trace"],
    ),
    ("api::grpc::proto", &[]),
    ("commands", &["telemetry::trace"]),
    // These two meet in Postgres alone, so they may run in different processes.
    ("pipeline", &["telemetry::metric", "telemetry::trace"]),
    ("pipeline::inbox", &["telemetry::metric"]),
    ("feed", &["telemetry::metric", "telemetry::trace"]),
];

/// A library that only some places may name.
struct Wall {
    /// Paths; a `*` ends a prefix. The first wall that matches a path is the one that counts.
    of: &'static [&'static str],
    /// Files and folders, without `.rs`.
    places: &'static [&'static str],
    why: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        of: &["stripe_simulator", "embedded_postgres"],
        places: &[
            "src/demo",
            "src/cli",
            "crates/simulator",
            "crates/embedded-postgres",
        ],
        why: "the image is built without them",
    },
    Wall {
        of: &["sqlx", "sqlx_*"],
        places: &["crates/store"],
        why: "all SQL is behind the store's named operations",
    },
    Wall {
        of: &["stripe", "stripe_*", "async_stripe*"],
        places: &["crates/stripe"],
        why: "Stripe's types change with its API versions and end at the normaliser",
    },
    Wall {
        of: &["tonic", "tonic_*", "prost", "prost_*"],
        places: &["src/api/grpc", "src/cli", "src/demo", "crates/client", "build"],
        why: "gRPC is one of several ways in, not the language of the inside",
    },
    Wall {
        of: &["jsonwebtoken"],
        places: &["src/api/grpc/auth"],
        why: "who may call is decided in one place",
    },
    Wall {
        of: &["axum", "axum_*"],
        places: &["src/api", "crates/simulator"],
        why: "HTTP ends at the edge",
    },
    Wall {
        // The build script finds its output folder there, the simulator's binary its arguments, and
        // embedded-postgres the user's cache folder.
        of: &["std::env"],
        places: &[
            "src/config",
            "build",
            "crates/simulator/src/main",
            "crates/embedded-postgres",
        ],
        why: "every setting comes in through the configuration, where it is named, checked and printed",
    },
    Wall {
        of: &["metrics", "metrics_*"],
        places: &["src/telemetry"],
        why: "what is not in the table of src/telemetry/metric.rs cannot be counted",
    },
    Wall {
        of: &["opentelemetry", "opentelemetry_*", "tracing_opentelemetry"],
        places: &["src/telemetry"],
        why: "who begins a span need not know where it goes",
    },
    Wall {
        of: &["std::include", "core::include"],
        places: &["src/api/grpc/proto"],
        why: "included source is not read here",
    },
];

/// Crates whose public surface must not show what is behind their wall.
const SEALED: &[&str] = &["crates/store", "crates/stripe"];

/// A crate of the workspace.
struct Member {
    folder: &'static str,
    name: &'static str,
    /// The other crates of the workspace that it may depend on.
    on: &'static [&'static str],
    /// Libraries that it may not depend on, beyond what the walls say.
    never: &'static [&'static str],
}

const MEMBERS: &[Member] = &[
    Member {
        folder: ".",
        name: "tollgate",
        on: &[
            "tollgate_domain",
            "tollgate_store",
            "tollgate_stripe",
            "stripe_simulator",
            "embedded_postgres",
        ],
        never: &[],
    },
    Member {
        folder: "crates/domain",
        name: "tollgate_domain",
        on: &[],
        never: &["hyper", "hyper_util", "http"],
    },
    Member {
        folder: "crates/store",
        name: "tollgate_store",
        on: &["tollgate_domain"],
        never: &[],
    },
    Member {
        folder: "crates/stripe",
        name: "tollgate_stripe",
        on: &["tollgate_domain"],
        never: &[],
    },
    Member {
        folder: "crates/client",
        name: "tollgate_client",
        on: &["tollgate_domain"],
        never: &[],
    },
    Member {
        folder: "crates/simulator",
        name: "stripe_simulator",
        on: &[],
        never: &[],
    },
    Member {
        folder: "crates/embedded-postgres",
        name: "embedded_postgres",
        on: &[],
        never: &[],
    },
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "manager"];

const MAX_LINES: usize = 500;

#[track_caller]
fn assert_none(refusals: &[String]) {
    assert!(
        refusals.is_empty(),
        "{} refused:\n\n{}\n",
        refusals.len(),
        refusals.join("\n")
    );
}

#[test]
fn every_path_in_the_sources_keeps_to_the_edges_and_the_walls() {
    assert_none(&check::check(&tree::sources()).refusals);
}

#[test]
fn every_manifest_keeps_to_the_direction_of_the_crates() {
    assert_none(&manifests::refusals_of_the_workspace());
}

#[test]
fn files_are_short_and_named_for_what_they_do() {
    assert_none(&tree::refusals());
}

#[test]
fn every_way_around_is_refused_and_its_innocent_twin_is_not() {
    assert_none(&samples::surprises());
}

/// The word order is SQL's: whoever writes these otherwise has to come by here.
#[test]
fn only_append_writes_schedules_and_only_append_and_activation_the_feed() {
    for (statement, places) in [
        (
            "schedule = ",
            &[
                "migrations/0007_append.sql",
                "migrations/0010_telling.sql",
                // Of who is forgotten: an empty one.
                "migrations/0017_links.sql",
                "migrations/0023_served.sql",
            ][..],
        ),
        (
            "insert into feed ",
            &[
                "migrations/0006_feed.sql",
                "migrations/0007_append.sql",
                "migrations/0010_telling.sql",
                "migrations/0012_activate.sql",
                "migrations/0017_links.sql",
                "migrations/0019_activation.sql",
                "migrations/0023_served.sql",
            ][..],
        ),
    ] {
        let writers: Vec<String> = tree::sql()
            .into_iter()
            .filter(|it| it.text.contains(statement))
            .map(|it| it.path)
            .collect();
        assert_eq!(writers, places, "{statement}");
    }
}

#[test]
fn the_import_graph_in_the_document_is_the_real_one() {
    document::compare_or_update(&check::check(&tree::sources()).edges);
}

#[test]
fn every_path_and_test_that_the_document_names_exists() {
    assert_none(&document::missing(&tree::read("ARCHITECTURE.md"), tree::root()));
}
