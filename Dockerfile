# For those who have a container builder; `make image` makes the same image without one.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist -p kubemend-operator \
 && mkdir /image && cp target/dist/kubemend /image/ \
 && ldd target/dist/kubemend | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} /image

FROM scratch
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/kubemend"]
