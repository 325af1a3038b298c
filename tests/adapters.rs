//! The adapters against real sockets, in real time: exact requests, every class of failure, and what must never be
//! printed. The server is a script, so nothing here proves what Kubernetes does; the bundled cluster does that.

#![allow(clippy::disallowed_methods)]

#[cfg(test)]
mod adapters {
    mod authority;
    mod connect;
    mod environment;
    mod evidence;
    mod evidence_gates;
    mod evidence_prometheus;
    mod failures;
    mod hostile;
    mod layer;
    mod metrics;
    mod objects;
    mod poster;
    mod prober;
    mod registry;
    mod registry_words;
    mod requests;
    mod results;
    mod runs;
    mod script;
    mod signals;
    mod tls;
    mod watches;
}
