//! The command line: how it is read, and what is said if it is wrong.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::exit;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Parser};

use super::exit::Exit;

/// Reads the command line. What is wrong with it is told in one sentence, and ends the process; so do
/// the help and the version.
pub(crate) fn parse<A: Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        wrong::<A>(&sentence(&error))
    })
}

/// Ends the process with this sentence.
pub(crate) fn wrong<A: Parser>(sentence: &str) -> ! {
    let name = A::command().get_name().to_owned();
    // Whoever reads it may be gone; the exit status still tells.
    let _ = writeln!(io::stderr(), "error: {sentence} (see '{name} --help')");
    exit(Exit::Usage as i32)
}

/// What clap says, in one sentence, of which the end says what to do.
fn sentence(error: &clap::Error) -> String {
    let of = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(name)) => vec![name.clone()],
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    };
    let (arguments, others) = (of(ContextKind::InvalidArg), of(ContextKind::PriorArg));
    match (error.kind(), &arguments[..], &others[..]) {
        (ErrorKind::MissingRequiredArgument, [_, ..], _) => {
            let missing: Vec<_> = arguments.iter().map(|name| bare(name)).collect();
            format!("give {} too", missing.join(" and "))
        }
        (ErrorKind::ArgumentConflict, [one], [other]) if one == other => {
            format!("give {one} once, not twice")
        }
        (ErrorKind::ArgumentConflict, [one], [_, ..]) => {
            format!("give {one} or {}, not both", others.join(", "))
        }
        _ => without_paragraphs(&error.render().to_string()),
    }
}

/// `<FILE>` is FILE, `<--one|--other>` is one of two.
fn bare(name: &str) -> String {
    let inner = name.trim_end_matches("...");
    let inner = inner
        .strip_prefix('<')
        .and_then(|name| name.strip_suffix('>'));
    inner.unwrap_or(name).replace('|', " or ")
}

/// The first paragraph tells what is wrong, the tips what to do.
fn without_paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").take_while(|part| {
        !part.starts_with("Usage:") && !part.starts_with("For more information")
    });
    let lines = paragraphs.flat_map(str::lines).map(|line| {
        let line = line.trim();
        line.strip_prefix("tip: ").unwrap_or(line)
    });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let text = lines.join("; ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

/// A whole number from `least` to `most`.
pub(crate) fn number<T>(argument: &str, least: T, most: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = argument.parse().ok();
    let number = number.filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| format!("give a whole number from {least} to {most}"))
}

/// Parses a value that must not be repeated when it is wrong: it may hold a password.
#[derive(Clone)]
pub(crate) struct Confidential<T>(pub(crate) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Confidential<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parsed = match value.to_str() {
            Some(value) => self.0(value),
            None => Err("it is not UTF-8".to_owned()),
        };
        parsed.map_err(|reason| {
            let argument = argument.map(Arg::to_string).unwrap_or_default();
            let sentence = format!("invalid value for '{argument}': {reason}");
            command.clone().error(ErrorKind::ValueValidation, sentence)
        })
    }
}
