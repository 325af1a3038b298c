//! The source of evidence that the flags name.

use super::Stop;
use crate::cli::{EvidenceFrom, SourceArgs};
use crate::cluster::Kube;
use crate::source::{Counts, Credentials, Endpoint, Evidence, Fetch, From, Gateway, Prometheus, Where};

/// Builds it; asks nothing yet. The gateway is found by the connection that the walk has.
pub(super) fn source(args: &SourceArgs, kube: &Kube) -> Result<Evidence, Stop> {
    let credentials = match (&args.evidence_token_file, &args.evidence_basic_file) {
        (Some(path), _) => Credentials::Token(path.clone()),
        (_, Some(path)) => Credentials::Basic(path.clone()),
        _ => Credentials::None,
    };
    let named = |error| Stop::bad_input(format!("--evidence: {error}"));
    let fetch = |credentials| Fetch::new(args.evidence_ca_file.as_deref(), credentials, args.evidence_timeout);
    let dialect = args.dialect().map_err(Stop::bad_input)?;
    let from = match &args.evidence {
        EvidenceFrom::None => From::Nothing,
        EvidenceFrom::Gateway => {
            let place = Where {
                namespace: args.gateway_namespace.clone(),
                service: args.gateway_service.clone(),
                port: args.gateway_port,
            };
            // Envoy's counters are open to whoever reaches the port; nobody's credentials are sent there.
            From::Gateway(Box::new(Gateway::new(kube.clone(), place, fetch(Credentials::None).map_err(named)?)))
        }
        EvidenceFrom::Prometheus(url) => {
            let fetch = fetch(credentials).map_err(named)?;
            From::Prometheus(Box::new(Prometheus::new(fetch, url, dialect).map_err(named)?))
        }
        EvidenceFrom::Endpoint(url) => {
            let fetch = fetch(credentials).map_err(named)?;
            From::Endpoint(Box::new(Endpoint::new(fetch, url, dialect).map_err(named)?))
        }
        EvidenceFrom::File(path) => From::Counts(Counts::File(path.clone())),
        EvidenceFrom::Stdin => From::Counts(Counts::of_stream(std::io::stdin())),
    };
    Ok(Evidence { from, gates: None, limit: args.evidence_timeout })
}
