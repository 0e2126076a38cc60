# redrill with the Redis that its backend `processes` runs.
FROM rust:1-bookworm AS build
WORKDIR /redrill
COPY . .
RUN cargo build --release --locked -p redrill

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates redis-server \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /redrill/target/release/redrill /usr/local/bin/redrill
ENTRYPOINT ["redrill"]
CMD ["drill"]
