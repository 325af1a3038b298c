//! Parse, install the TLS provider, run on a current-thread runtime, map to an exit code.

use andante::{cli, command, outcome::Code, tls};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    tls::install();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(command::run(cli));
            // A name lookup that hangs on the blocking pool must not keep a finished step alive.
            runtime.shutdown_background();
            code
        }
        Err(_) => Code::Internal,
    };
    ExitCode::from(code.number())
}
