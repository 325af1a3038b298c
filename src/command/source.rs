//! The source of evidence that the flags name.

use super::Stop;
use crate::cli::{EvidenceFrom, GateArgs, SourceArgs, WalkArgs};
use crate::cluster::Kube;
use crate::gate::Ask;
use crate::source::{Counts, Credentials, Endpoint, Evidence, Fetch, From, Gates, Gateway, Prometheus, Where};

/// Builds it; asks nothing yet. The gateway is found by the connection that the walk has.
pub(super) fn source(walk: &WalkArgs, kube: &Kube) -> Result<Evidence, Stop> {
    let args = &walk.source;
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
            let fetch = fetch(credentials.clone()).map_err(named)?;
            From::Prometheus(Box::new(Prometheus::new(fetch, url, dialect).map_err(named)?))
        }
        EvidenceFrom::Endpoint(url) => {
            let fetch = fetch(credentials.clone()).map_err(named)?;
            From::Endpoint(Box::new(Endpoint::new(fetch, url, dialect).map_err(named)?))
        }
        EvidenceFrom::File(path) => From::Counts(Counts::of_file(path.clone())),
        EvidenceFrom::Stdin => From::Counts(Counts::of_stream(std::io::stdin())),
    };
    let gates = who_asks(args, &walk.gates, &credentials)?;
    Ok(Evidence { from, gates, limit: args.evidence_timeout, patience: walk.judge.evidence_patience })
}

/// Who asks the owner's own gates. Queries go to the Prometheus of the evidence unless another one is named.
fn who_asks(args: &SourceArgs, gates: &GateArgs, credentials: &Credentials) -> Result<Option<Box<Gates>>, Stop> {
    if gates.gates.is_empty() {
        return Ok(None);
    }
    let prometheus = match (&gates.gate_prometheus, &args.evidence) {
        (Some(url), _) | (None, EvidenceFrom::Prometheus(url)) => Some(url.as_str()),
        _ => None,
    };
    if let Some(gate) = gates.gates.iter().find(|gate| prometheus.is_none() && matches!(gate.ask, Ask::PromQl(_))) {
        let name = &gate.name;
        return Err(Stop::bad_input(format!("gate `{name}` asks a Prometheus: name it by --gate-prometheus")));
    }
    let fetch = |credentials| Fetch::new(args.evidence_ca_file.as_deref(), credentials, args.evidence_timeout);
    let bad = |error| Stop::bad_input(format!("--gate-prometheus: {error}"));
    let asks = Gates::new(fetch(credentials.clone()).map_err(bad)?, fetch(Credentials::None).map_err(bad)?, prometheus);
    Ok(Some(Box::new(asks.map_err(bad)?)))
}
