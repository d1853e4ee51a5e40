# `just` is optional: every line is a plain command.
demo:
    cargo run -- demo
test:
    cargo test
ci:
    bash .ci/run
