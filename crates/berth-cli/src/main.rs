//! The program `berth`: the product for the terminal.
//!
//! A host of the crate `berth`, as the desktop app is: a subcommand reaches the cluster, calls the product and
//! shows the answer. Data goes to stdout, everything else to stderr. Under the name `backend.ai` it takes the
//! place of the Python client for the commands it has (docs/cli-compatibility.md).

mod archive;
mod arguments;
mod command;
mod completion;
mod configuration;
mod context;
mod dot_env;
mod early_relay;
mod failure;
mod notices;
mod output;
mod program;
mod prompt;
mod ssh_words;
mod stop;

use std::process::ExitCode;

use arguments::Arguments;
use context::Context;
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let name = program::name();
    completion::answer(name);
    let arguments = Arguments::read(name);
    let output = Output::new(&arguments.global);
    let outcome = run(arguments, &output);
    output.end_line();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.report(&output)),
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<u8, Failure> {
    let Arguments { global, command } = arguments;
    if let Some(done) = command.without_cluster(output)? {
        return Ok(done);
    }
    let runtime = program::runtime(command.stays())?;
    let outcome = runtime.block_on(async {
        let context = Context::new(global, output.clone())?;
        tokio::spawn(notices::tell(context.berth.events(), output.clone()));
        let outcome = command.run(&context).await;
        context.leave().await;
        outcome
    });
    // A read of stdin may still wait in a thread of its own.
    runtime.shutdown_background();
    outcome
}
