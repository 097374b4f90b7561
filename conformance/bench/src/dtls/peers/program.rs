//! A contender that is a program: a command a line on its standard input, an answer on its standard output.
//!
//! ```text
//!                          ready NAME AND VERSION
//! handshake SCHEME TIMES   spent CPU CLIENT SERVER   nanoseconds; 0 0 where the sides cannot be told apart
//! echo SCHEME TIMES        likewise, or: failed WHY
//! ```

use super::super::{
    Outcome,
    contest::{Contender, Scheme, Spent, Work},
};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A running program. It ends when this is dropped.
pub(super) struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    name: String,
    schemes: &'static [Scheme],
}

impl Program {
    /// Starts it on the core of this thread, and waits until it is ready.
    pub(super) fn start(mut command: Command, schemes: &'static [Scheme]) -> Outcome<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = pipes else {
            return Err("it has no pipes".into());
        };
        let mut program = Program {
            child,
            input,
            output: BufReader::new(output),
            name: String::new(),
            schemes,
        };
        program.name = program.answer("ready ")?;
        Ok(program)
    }

    /// The next line, without the word that it must begin with.
    fn answer(&mut self, begins: &str) -> Outcome<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("it has ended".into());
        }
        match line.trim_end().strip_prefix(begins) {
            Some(rest) => Ok(rest.to_owned()),
            None => Err(line.trim_end().into()),
        }
    }
}

impl Contender for Program {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn offers(&self, work: Work) -> bool {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        self.schemes.contains(&scheme)
    }

    fn run(&mut self, work: Work, times: u32) -> Outcome<Spent> {
        let (verb, scheme) = match work {
            Work::Handshake(scheme) => ("handshake", scheme),
            Work::Echo(scheme) => ("echo", scheme),
        };
        writeln!(self.input, "{verb} {} {times}", scheme.word())?;
        self.input.flush()?;
        let answer = self.answer("spent ")?;
        let numbers: Vec<u64> = answer
            .split(' ')
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [cpu, client, server] = numbers[..] else {
            return Err(format!("it says: spent {answer}").into());
        };
        let sides = [client, server].map(Duration::from_nanos);
        Ok(Spent {
            cpu: Duration::from_nanos(cpu),
            sides: (client + server > 0).then_some(sides),
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
