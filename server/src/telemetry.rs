//! Logs to standard error and, where a collector is named, spans to it over OTLP.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Dispatch, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::settings::Settings;

/// How long a collector may take for a batch of spans, and a stop for the last one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The name under which instances are known to a collector.
const SERVICE: &str = "redrill-server";

/// Where logs and spans of an instance go.
pub struct Telemetry {
    dispatch: Dispatch,
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Logs from the level of the settings on and, if they name a collector, spans. Spans are made
    /// only then: without a collector they cost nothing. Must be called in a runtime, which sends
    /// them.
    ///
    /// # Errors
    /// The collector's URL cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let level = EnvFilter::try_new(&settings.log_level).map_err(|error| error.to_string())?;
        let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(level);
        let provider = match &settings.otlp_endpoint {
            Some(url) => Some(provider(url, &settings.instance)?),
            None => None,
        };
        let spans = provider.as_ref().map(|provider| {
            let tracer = provider.tracer(SERVICE);
            tracing_opentelemetry::layer().with_tracer(tracer).with_filter(FilterFn::new(is_ours))
        });
        let subscriber = tracing_subscriber::registry().with(logs).with(spans);
        Ok(Self { dispatch: Dispatch::new(subscriber), provider })
    }

    /// For the whole process. Only the first call in a process has an effect.
    pub fn install(&self) {
        let _ = tracing::dispatcher::set_global_default(self.dispatch.clone());
    }

    /// For a part of it.
    #[must_use]
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Sends what is left.
    pub async fn flush(self) {
        let Some(provider) = self.provider else { return };
        let sent = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE));
        if let Ok(Err(error)) = sent.await {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Spans of this crate, and the errors within them.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
        && (metadata.is_span() || *metadata.level() <= tracing::Level::WARN)
}

fn provider(endpoint: &str, instance: &str) -> Result<SdkTracerProvider, String> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
    let client = client.map_err(|error| error.to_string())?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { client, runtime: Handle::current() })
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: {error}"))?;
    let resource = Resource::builder()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The SDK exports from a thread of its own; the request is made in the runtime.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), request.try_into()?);
        let sending = self.runtime.spawn(async move {
            let answer: reqwest::Response = client.execute(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(sending.await??)
    }
}
