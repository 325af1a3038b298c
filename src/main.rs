//! Parse, install the TLS provider, run on a current-thread runtime, map to an exit code.

use andante::adapter::tls;
use andante::cli;
use andante::command;
use andante::model::outcome::Code;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match cli::Cli::of_arguments(arguments.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() {
                command::not_begun(&arguments, &error);
            }
            // Help and version are no errors; whether anybody reads them changes nothing.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Code::BadInput.number()));
        }
    };
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
