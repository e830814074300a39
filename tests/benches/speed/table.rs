//! Two sides that do the same work, in turn, and the line that comes of it.

use std::io;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::usage::Usage;

/// How long a round of one side is to last, about.
const ROUND: Duration = Duration::from_millis(60);
/// How long all rounds of a line are to last, about.
const LINE: Duration = Duration::from_secs(4);

/// Who does the work, and how: so many operations at least, of which it returns the number.
pub(crate) struct Side<'a> {
    name: &'static str,
    run: Box<dyn FnMut(usize) -> io::Result<usize> + 'a>,
    /// Whose processor's time it is, if not this process's.
    process: Option<u32>,
}

impl<'a> Side<'a> {
    /// One operation at a time.
    pub(crate) fn new(name: &'static str, mut once: impl FnMut() -> io::Result<()> + 'a) -> Self {
        let run = move |count| (0..count).try_for_each(|_| once()).map(|()| count);
        Self::many(name, run)
    }

    /// Many operations.
    pub(crate) fn many(
        name: &'static str,
        run: impl FnMut(usize) -> io::Result<usize> + 'a,
    ) -> Self {
        Self {
            name,
            run: Box::new(run),
            process: None,
        }
    }

    pub(crate) fn in_process(self, id: u32) -> Self {
        Self {
            process: Some(id),
            ..self
        }
    }

    fn usage(&self) -> io::Result<Usage> {
        self.process
            .map_or_else(Usage::of_this_process, Usage::of_process)
    }

    /// How many operations make a round.
    fn calibrate(&mut self) -> io::Result<usize> {
        let mut count = 1;
        loop {
            let start = Instant::now();
            let done = (self.run)(count)?;
            let took = start.elapsed();
            if took > ROUND / 4 {
                let enough = done as f64 * ROUND.as_secs_f64() / took.as_secs_f64();
                return Ok((enough as usize).max(1));
            }
            count = done * 2;
        }
    }

    fn round(&mut self, count: usize, total: &mut Total) -> io::Result<()> {
        let (usage, start) = (self.usage()?, Instant::now());
        let done = (self.run)(count)?;
        let took = start.elapsed().as_secs_f64();
        total.rounds.push(took / done as f64);
        total.operations += done;
        total.usage += self.usage()? - usage;
        Ok(())
    }
}

/// All rounds of a side.
#[derive(Default)]
struct Total {
    rounds: Vec<f64>,
    operations: usize,
    usage: Usage,
}

impl Total {
    fn each(&self, value: impl Fn(&Usage) -> f64) -> f64 {
        value(&self.usage) / self.operations as f64
    }
}

/// What is printed, and of what.
pub(crate) struct Table {
    wanted: Vec<String>,
    lines: usize,
}

impl Table {
    /// Of what the command line names; of all, if that is nothing.
    pub(crate) fn new() -> Self {
        let wanted = std::env::args().skip(1);
        Self {
            wanted: wanted.filter(|arg| !arg.starts_with('-')).collect(),
            lines: 0,
        }
    }

    pub(crate) fn wants(&self, family: &str, name: &str) -> bool {
        let wants = |wanted: &String| wanted == name || wanted == family;
        self.wanted.is_empty() || self.wanted.iter().any(wants)
    }

    /// Compares, if that is wanted, and prints a line for each state of the machine.
    pub(crate) fn compare<'a>(
        &mut self,
        (family, name): (&str, &str),
        sides: impl FnOnce() -> io::Result<(Side<'a>, Side<'a>)>,
    ) -> io::Result<()> {
        if !self.wants(family, name) {
            return Ok(());
        }
        if self.lines == 0 {
            println!(
                "{:<16} {:<6} {:<9} {:>8} {:<15}  {:<9} {:>8} {:<15}  {:^18}  {:>5}",
                "",
                "",
                "theirs",
                "time",
                "  user + system",
                "ours",
                "time",
                "  user + system",
                "in the same time",
                "cpu"
            );
        }
        self.lines += 1;
        let (mut theirs, mut ours) = sides()?;
        for machine in Machine::ALL {
            let load = machine.enter()?;
            let (their_total, our_total) = rounds(&mut theirs, &mut ours)?;
            drop(load);
            print!("{name:<16} {:<6} ", machine.name());
            print_side(theirs.name, &their_total);
            print_side(ours.name, &our_total);
            print_ratios(&their_total, &our_total);
        }
        Ok(())
    }

    /// # Errors
    ///
    /// If nothing has the name that was asked for.
    pub(crate) fn end(self) -> io::Result<()> {
        match self.lines {
            0 => Err(io::Error::other("there is no comparison of that name")),
            _ => Ok(()),
        }
    }
}

fn rounds(theirs: &mut Side<'_>, ours: &mut Side<'_>) -> io::Result<(Total, Total)> {
    let (their_count, our_count) = (theirs.calibrate()?, ours.calibrate()?);
    let (mut their_total, mut our_total) = (Total::default(), Total::default());
    let start = Instant::now();
    // Five pairs at least, and an odd number.
    while start.elapsed() < LINE
        || their_total.rounds.len() < 5
        || their_total.rounds.len() % 2 == 0
    {
        // Whoever goes second finds another machine: they take turns.
        if their_total.rounds.len() % 2 == 0 {
            theirs.round(their_count, &mut their_total)?;
            ours.round(our_count, &mut our_total)?;
        } else {
            ours.round(our_count, &mut our_total)?;
            theirs.round(their_count, &mut their_total)?;
        }
    }
    Ok((their_total, our_total))
}

fn print_side(name: &str, total: &Total) {
    let time = quantile(total.rounds.clone(), 0.5);
    let (user, system) = (
        total.each(|usage| usage.user),
        total.each(|usage| usage.system),
    );
    let usage = format!("{:>7} +{:>6}", digits(user * 1e6), digits(system * 1e6));
    print!("{name:<9} {:>8} {usage:<15}  ", digits(time * 1e6));
}

fn print_ratios(theirs: &Total, ours: &Total) {
    let pairs = theirs.rounds.iter().zip(&ours.rounds);
    let ratios: Vec<f64> = pairs.map(|(theirs, ours)| theirs / ours).collect();
    let at = |part| quantile(ratios.clone(), part);
    let usage = theirs.each(|usage| usage.total()) / ours.each(|usage| usage.total());
    let spread = format!("{:.2} ({:.2}-{:.2})", at(0.5), at(0.25), at(0.75));
    println!("{spread:>18}  {usage:>5.2}");
}

/// Three digits, or all that are before the point.
fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
