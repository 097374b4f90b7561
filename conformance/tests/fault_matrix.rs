//! The fault matrix, a test for each of its columns; `-- --nocapture` prints it.
//!
//! Each cell runs with two seeds; `LWM2M_FAULT_SEEDS=20` runs it in full.

use lwm2m_conformance::faults::{Cell, Fault, Job, Matrix, seeds};

#[expect(
    clippy::print_stdout,
    reason = "whoever asks for the output of this test wants the matrix"
)]
fn column(job: Job) {
    let cells = Fault::ALL.map(|fault| Cell::run(fault, job, seeds()));
    let column = Matrix(cells.to_vec());
    println!("{column}");
    assert!(column.holds(), "{column}");
}

#[test]
fn registration() {
    column(Job::Registration);
}

#[test]
fn execution() {
    column(Job::Execution);
}

#[test]
fn observation() {
    column(Job::Observation);
}

#[test]
fn sending() {
    column(Job::Sending);
}

#[test]
fn firmware_push() {
    column(Job::FirmwarePush);
}

#[test]
fn bootstrap() {
    column(Job::Bootstrap);
}
