# Two images of one build:
#   docker build --target functions -t pooled-agents .        the service: the Functions host, and the handler as its custom handler
#   docker build --target tools -t pooled-agents-tools .      the binary alone, for jobs such as a nightly `handler verify`

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p handler && target/release/handler stage /app

FROM debian:bookworm-slim AS tools
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /app/handler /usr/local/bin/handler
USER 10001:10001
ENTRYPOINT ["/usr/local/bin/handler"]
CMD ["--help"]

# For Container Apps and for Functions that run a container: both start the host, which starts the handler. It is also Debian 12.
FROM mcr.microsoft.com/azure-functions/base:4 AS functions
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    FUNCTIONS_WORKER_RUNTIME=custom \
    POOL_BACKEND=azure \
    ASPNETCORE_URLS=http://+:8080
COPY --from=build /app /home/site/wwwroot
# Where the host writes. The application itself stays root's, so that nobody who gets in can change it.
RUN mkdir -p /azure-functions-host/Secrets /home/LogFiles /home/data \
    && chown -R 10001:10001 /azure-functions-host/Secrets /home/LogFiles /home/data
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/home/site/wwwroot/handler", "health", "--url", "http://127.0.0.1:8080/api/health"]
