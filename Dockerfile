# The service alone: no simulator, no shell, no libraries. Works with Docker and buildah; .ci/image builds it where no
# registry can be reached, with this machine as the builder.
ARG BUILD_IMAGE=rust:1-bookworm
ARG RUN_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
WORKDIR /source
COPY . .
# Static, against glibc: nothing has to come along, and its allocator is made for many threads. The target must be named, or
# the flag would hold for build scripts and macros too. Caches are mounted: only what changed is compiled.
ENV CARGO_HOME=/cargo CARGO_TARGET_DIR=/target SQLX_OFFLINE=true RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_STRIP=symbols
RUN --mount=type=cache,target=/cargo --mount=type=cache,target=/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" && \
    cargo build --release --locked -p tollgate --bin tollgate --no-default-features --target "$target" && \
    install -D -m 755 "/target/$target/release/tollgate" /image/usr/local/bin/tollgate && \
    # Without it glibc asks DNS before /etc/hosts, and believes its "no".
    mkdir -p /image/etc && echo "hosts: files dns" >/image/etc/nsswitch.conf

FROM ${RUN_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tollgate" \
      org.opencontainers.image.description="Billing and entitlements over gRPC, on Stripe and Postgres" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Stripe's certificates are checked against roots that are compiled in.
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 50051 8080 9090
ENTRYPOINT ["/usr/local/bin/tollgate"]
CMD ["serve"]
