//! Every setting, declared once: its name, what it means, its type and its default. The struct, the table of the docs
//! and what `tollgate config` prints all come from here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tollgate_domain::time::Span;

use super::origin::Origins;
use super::value::{ClientCertificate, LogFormat, Raw, Secret, Value};

/// What is known of a setting without its value.
pub(super) struct Setting {
    pub group: &'static str,
    pub name: &'static str,
    /// As written at the field.
    pub doc: &'static str,
    /// How a value is written.
    pub kind: &'static str,
    /// It is never printed, and may be in a file of its own: `<name>_file`.
    pub secret: bool,
}

macro_rules! settings {
    ($($group:literal { $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)+ })+) => {
        /// All settings.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($($(#[doc = $doc])+ pub $name: $type,)+)+
            /// Where each came from; what is not named is at its default.
            pub origins: Origins,
        }

        impl Default for Config {
            fn default() -> Config {
                Config { $($($name: $default,)+)+ origins: Origins::default() }
            }
        }

        pub(super) const SETTINGS: &[Setting] = &[$($(Setting {
            group: $group,
            name: stringify!($name),
            doc: concat!($($doc),+),
            kind: <$type as Value>::KIND,
            secret: <$type as Value>::SECRET,
        },)+)+];

        impl Config {
            /// Reads one setting; the text says how a value must be.
            pub(super) fn assign(&mut self, name: &str, raw: &Raw) -> Result<(), String> {
                match name {
                    $($(stringify!($name) => self.$name = Value::read(raw)?,)+)+
                    _ => return Err("is no setting".to_owned()),
                }
                Ok(())
            }

            /// A setting's value as TOML; no secret is in it.
            pub(super) fn shown(&self, name: &str) -> String {
                match name {
                    $($(stringify!($name) => self.$name.shown(),)+)+
                    _ => String::new(),
                }
            }
        }
    };
}

const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

settings! {
    "The five that suffice" {
        /// Postgres 15 or newer, as a URL: `postgres://user:password@host/database`.
        database_url: Option<Secret> = None;
        /// `sk_…`, or a restricted `rk_…` key with the permissions that docs/stripe.md lists.
        stripe_secret_key: Option<Secret> = None;
        /// The webhook endpoint's `whsec_…`; several while one is rolled.
        stripe_webhook_secrets: Vec<Secret> = vec![];
        /// The catalog's YAML file, applied at start. Without it the active version stays.
        catalog: Option<PathBuf> = None;
        /// Who may call, one per line or separated by commas: `name = sha256:<digest of the token> scope…`; `tollgate token create`
        /// writes such a line. docs/callers.md says it all.
        callers: Secret = Secret::default();
    }
    "Listeners" {
        /// Where gRPC (and gRPC-Web) is served.
        grpc_listen: SocketAddr = everywhere(50051);
        /// Where Stripe posts its events, at `/webhooks/stripe`.
        webhook_listen: SocketAddr = everywhere(8080);
        /// Health and metrics, plain and without authentication: never public.
        ops_listen: SocketAddr = everywhere(9090);
        /// Connections that each listener has open at a time; further ones are closed at once.
        max_connections: usize = 10_000;
        /// Streams for health and reflection, which need no token, that are open at a time; further ones are `RESOURCE_EXHAUSTED`. On
        /// one connection 100 at most.
        max_guest_streams: usize = 2_000;
        /// A connection without a call for so long is told to go (GOAWAY); gRPC clients connect again when they call.
        idle_timeout: Span = Span::seconds(600);
        /// A connection is closed on which a peer takes nothing for so long though an answer waits for it. Who reads slowly is seen to take
        /// something only when its library opens the window again, which may be after 1 MiB.
        stall_timeout: Span = Span::seconds(600);
    }
    "Callers" {
        /// Lets everybody call; only on a loopback address.
        insecure_no_auth: bool = false;
        /// The gRPC listener's certificate in PEM; with `tls_key_file`. Without both it speaks plaintext. Read again when it changes.
        tls_certificate_file: Option<PathBuf> = None;
        /// The certificate's key in PEM. Read again when it changes.
        tls_key_file: Option<PathBuf> = None;
        /// In PEM: who signs the certificates of callers that have no token. Read again when it changes.
        tls_client_ca_file: Option<PathBuf> = None;
        /// Whether a connection without a client certificate is refused.
        tls_client_certificate: ClientCertificate = ClientCertificate::Optional;
        /// The public keys of who signs JWTs: a file or an https URL.
        jwt_jwks: Option<String> = None;
        /// In PEM: who signed the certificate of that URL's server, where the web's authorities did not.
        jwt_jwks_ca_file: Option<PathBuf> = None;
        /// A file with a bearer token for that URL.
        jwt_jwks_token_file: Option<PathBuf> = None;
        /// What a JWT's `iss` must be.
        jwt_issuer: Option<String> = None;
        /// What a JWT's `aud` must be or hold.
        jwt_audience: Option<String> = None;
    }
    "Postgres" {
        /// Around a pgbouncer: for migrations and `LISTEN`, which need a session of their own. Absent: `database_url`.
        database_direct_url: Option<Secret> = None;
        /// At most so many connections per replica.
        database_connections: u32 = 10;
    }
    "Stripe" {
        /// Stamped on Stripe's objects: several environments may share one account.
        deployment: String = "default".into();
        /// Where a checkout or the portal may return to, by beginning of the URL; empty: any https URL.
        return_urls: Vec<String> = vec![];
        /// The account that the key has to be of, as `acct_…`. Absent: the one of the first contact, which is pinned.
        stripe_account: Option<String> = None;
        /// Another Stripe, as the simulator.
        stripe_base_url: String = "https://api.stripe.com".into();
        /// For one call of Stripe, retries included.
        stripe_deadline: Span = Span::seconds(20);
        /// Requests to Stripe in a second, of each replica; 8 at least, so that those who wait come before the rest. Absent: 33 with a live
        /// key, a third of what Stripe allows an account, and 25 with a test key, which is all. One endpoint gets a quarter of it, but 25
        /// at least.
        stripe_requests_per_second: Option<u32> = None;
        /// How old a webhook's signature may be.
        webhook_tolerance: Span = Span::seconds(300);
        /// The largest event that is taken, in bytes.
        webhook_body_limit: usize = 1 << 20;
        /// How long an object must be quiet before it is fetched once more to confirm it.
        confirm_after: Span = Span::seconds(10);
        /// How long the bodies of events and answers are kept once they are in the entitlements: they have personal data in them, and
        /// are what can be looked at and replayed. What waits or was given up is kept.
        body_retention: Span = Span::days(90);
        /// How often Stripe's log of events is compared with what came; `0s`: never.
        reconcile_events_interval: Span = Span::minutes(1);
        /// How often Stripe's lists are walked, to find what no event told; `0s`: only where something calls for it, as a gap in the log
        /// or another epoch of the feed.
        reconcile_walk_interval: Span = Span::hours(24);
        /// Of the release that brings the catalog: an older one's is not made active any more. Without it a catalog that a newer one
        /// has replaced is not brought back by a restart.
        catalog_generation: Option<i64> = None;
        /// A pass over many customers (a catalog) that would take something from more than so many of a hundred that have
        /// something is held until it is confirmed.
        brake_percent: u32 = 5;
        /// Fewer customers than these may lose something without a confirmation.
        brake_at_least: u32 = 20;
    }
    "Watches" {
        /// Between two checkpoints of a watch.
        checkpoint_interval: Span = Span::seconds(5);
        /// Streams that one caller may have open at one replica.
        max_watches_per_caller: usize = 5_000;
    }
    "Life" {
        /// Between "not ready" and `Closing` to watchers: until balancers have noticed.
        drain_delay: Span = Span::seconds(5);
        /// From then on, until what is left is cut.
        drain_deadline: Span = Span::seconds(20);
        /// How often files with secrets and certificates are read again.
        reload_interval: Span = Span::seconds(5);
    }
    "Telling" {
        /// `human` or `json`.
        log_format: LogFormat = LogFormat::Human;
        /// What is logged, as in `RUST_LOG`: `info`, `tollgate=debug`.
        log: String = "info".into();
        /// Where spans go over OTLP/gRPC, as `http://collector:4317`; empty: nowhere.
        otlp_endpoint: String = String::new();
        /// Which share of traces that begin here is followed, 0 to 1; what a caller follows always is.
        trace_sample_ratio: f64 = 0.01;
    }
}
