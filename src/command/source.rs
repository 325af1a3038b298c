//! The source of evidence that the flags name. Decides which credentials go to which server. It may use the adapters of
//! sources.

use super::Stop;
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::Kube;
use crate::adapter::source::{
    CountersFrom, CountsFile, Endpoint, EvidenceSource, Fetch, Gates, Gateway, GatewayPlace, HttpCredentials, Layer,
    Prometheus, WhoseGateway,
};
use crate::cli::{EvidenceFrom, GateArgs, PresetArg, SourceArgs, WalkArgs};
use crate::command::report::Lines;
use crate::evidence::gate::Ask;
use crate::evidence::reading::NoReading;
use crate::evidence::series::Dialect;
use crate::model::event::{Event, Topic};
use crate::model::name::ServiceName;
use crate::run::ports::{Clock, Sink};
use reqwest::Url;
use std::path::{Path, PathBuf};

/// Builds it, and says whose gateway is read where that is to be found out.
pub(super) async fn source(walk: &WalkArgs, kube: &Kube, lines: &mut Lines) -> Result<EvidenceSource, Stop> {
    let source = built(walk, kube)?;
    match source.finds().await {
        None => {}
        Some(Ok(told)) => lines.say(SystemClock.now(), &Event::new(Topic::Check, format!("evidence: {told}"))),
        // No waiting mends it, so nothing is begun.
        Some(Err(NoReading::Setting(why))) => return Err(Stop::bad_input(format!("--evidence gateway: {why}"))),
        // It is asked again when counters are read, and who waits for them is as patient as the flags say.
        Some(Err(why)) => {
            let what = format!("evidence: whose gateway it is cannot be asked yet: {why}");
            lines.say(SystemClock.now(), &Event::new(Topic::Note, what));
        }
    }
    Ok(source)
}

/// The source; asks nothing yet. The gateway is found by the connection that the walk has.
fn built(walk: &WalkArgs, kube: &Kube) -> Result<EvidenceSource, Stop> {
    let args = &walk.source;
    let named = |error| Stop::bad_input(format!("--evidence: {error}"));
    let fetch = |credentials| Fetch::new(args.evidence_ca_file.as_deref(), credentials, args.evidence_timeout);
    let dialect = args.dialect().map_err(Stop::bad_input)?;
    let from = match &args.evidence {
        EvidenceFrom::None => CountersFrom::Nothing,
        EvidenceFrom::Gateway => {
            let whose = whose(args, &walk.cluster.service, dialect)?;
            // Nobody's credentials are sent there, because Envoy shows its counters to everyone who reaches the port.
            let fetch = fetch(HttpCredentials::None).map_err(named)?;
            CountersFrom::Gateway(Box::new(Gateway::new(kube.clone(), whose, args.place(), fetch)))
        }
        EvidenceFrom::Prometheus(url) => {
            let fetch = fetch(args.credentials()).map_err(named)?;
            CountersFrom::Prometheus(Box::new(Prometheus::new(fetch, url, dialect).map_err(named)?))
        }
        EvidenceFrom::Endpoint(url) => {
            let fetch = fetch(args.credentials()).map_err(named)?;
            CountersFrom::Endpoint(Box::new(Endpoint::new(fetch, url, dialect).map_err(named)?))
        }
        EvidenceFrom::File(path) => CountersFrom::Counts(CountsFile::of_file(path.clone())),
        EvidenceFrom::Stdin => CountersFrom::Counts(CountsFile::of_stream(std::io::stdin())),
    };
    let gates = who_asks(args, &walk.gates)?;
    Ok(EvidenceSource { from, gates, limit: args.evidence_timeout, patience: walk.judge.evidence_patience })
}

/// Whose gateway is read. Who says how it counts is not told who serves the Service.
fn whose(args: &SourceArgs, service: &ServiceName, dialect: Dialect) -> Result<WhoseGateway, Stop> {
    Ok(match args.evidence_preset {
        Some(PresetArg::QueueProxy) => {
            return Err(Stop::bad_input(
                "--evidence gateway with --evidence-preset queue-proxy: a gateway has none of queue-proxy's counters; a \
                 Prometheus that scrapes the pods has them (--evidence prometheus=URL)",
            ));
        }
        _ if args.names_series() => WhoseGateway::Counts(Box::new(dialect)),
        Some(PresetArg::Kourier) => WhoseGateway::Of(Layer::Kourier),
        Some(PresetArg::Contour) => WhoseGateway::Of(Layer::Contour),
        None => WhoseGateway::Serves(service.clone()),
    })
}

/// Who asks the owner's own gates. Queries go to the Prometheus of the evidence unless another one is named.
fn who_asks(args: &SourceArgs, gates: &GateArgs) -> Result<Option<Box<Gates>>, Stop> {
    if gates.gates.is_empty() && gates.compare.is_empty() {
        return Ok(None);
    }
    let prometheus = gates.gate_prometheus.as_deref().or(args.prometheus());
    if let Some(gate) = gates.gates.iter().find(|gate| prometheus.is_none() && matches!(gate.ask, Ask::PromQl(_))) {
        let name = &gate.name;
        return Err(Stop::bad_input(format!("gate `{name}` asks a Prometheus: name it by --gate-prometheus")));
    }
    if let Some(row) = gates.compare.first().filter(|_| prometheus.is_none()) {
        let name = &row.name;
        return Err(Stop::bad_input(format!(
            "compare `{name}` reads counters of a Prometheus: name it by --gate-prometheus"
        )));
    }
    let fetch = |ca: Option<&Path>, sent| Fetch::new(ca, sent, args.evidence_timeout);
    let bad = |error| Stop::bad_input(format!("--gate-prometheus: {error}"));
    let (sent, ca) = meant_for(prometheus, args, gates);
    let plain = fetch(gates.gate_ca_file.as_deref(), HttpCredentials::None).map_err(bad)?;
    let asks = Gates::new(fetch(ca, sent).map_err(bad)?, plain, prometheus).map_err(bad)?;
    Ok(Some(Box::new(asks)))
}

/// The credentials and certificates for queries to this server. Those that were named for the evidence are for its
/// server alone.
fn meant_for<'a>(
    server: Option<&str>,
    args: &'a SourceArgs,
    gates: &'a GateArgs,
) -> (HttpCredentials, Option<&'a Path>) {
    let same = server.and_then(origin).is_some_and(|server| args.prometheus().and_then(origin) == Some(server));
    let own = credentials(gates.gate_token_file.as_ref(), gates.gate_basic_file.as_ref());
    let sent = if same && own == HttpCredentials::None { args.credentials() } else { own };
    (sent, gates.gate_ca_file.as_deref().or(args.evidence_ca_file.as_deref().filter(|_| same)))
}

impl SourceArgs {
    fn prometheus(&self) -> Option<&str> {
        if let EvidenceFrom::Prometheus(url) = &self.evidence { Some(url) } else { None }
    }

    fn place(&self) -> GatewayPlace {
        GatewayPlace {
            namespace: self.gateway_namespace.clone(),
            service: self.gateway_service.clone(),
            port: self.gateway_port,
        }
    }

    fn credentials(&self) -> HttpCredentials {
        credentials(self.evidence_token_file.as_ref(), self.evidence_basic_file.as_ref())
    }
}

fn credentials(token: Option<&PathBuf>, basic: Option<&PathBuf>) -> HttpCredentials {
    match (token, basic) {
        (Some(path), _) => HttpCredentials::Token(path.clone()),
        (_, Some(path)) => HttpCredentials::Basic(path.clone()),
        _ => HttpCredentials::None,
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<(String, String, Option<u16>)> {
    let url: Url = url.parse().ok()?;
    Some((url.scheme().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        source: SourceArgs,
        #[command(flatten)]
        gates: GateArgs,
    }

    #[test]
    fn what_is_sent_to_one_server_is_sent_to_no_other() {
        let sent = |line: &str, server: &str| {
            let words = ["x", "--evidence", "prometheus=https://p/a"].into_iter().chain(line.split_whitespace());
            let line = <Line as clap::Parser>::try_parse_from(words).unwrap();
            let (sent, ca) = meant_for(Some(server), &line.source, &line.gates);
            (sent, ca.map(Path::to_path_buf))
        };
        let token = |name: &str| HttpCredentials::Token(name.into());
        let evidence = "--evidence-token-file t --evidence-ca-file ca";
        assert_eq!(sent(evidence, "https://p:443/b"), (token("t"), Some("ca".into())));
        for other in ["http://p", "https://p:9090", "https://q"] {
            assert_eq!(sent(evidence, other), (HttpCredentials::None, None), "{other}");
        }
        let both = format!("{evidence} --gate-basic-file b --gate-ca-file own");
        for server in ["https://p", "https://q"] {
            assert_eq!(sent(&both, server), (HttpCredentials::Basic("b".into()), Some("own".into())));
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a, b| origin(a) == origin(b);
        assert!(same("https://p/x", "https://P:443/prom?y"));
        for other in ["http://p", "https://q", "https://p:9090", "https://p.q"] {
            assert!(!same("https://p", other), "{other}");
        }
        assert_eq!(origin("p"), None);
    }
}
