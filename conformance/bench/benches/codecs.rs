//! The contests of this crate under criterion: `cargo bench -p lwm2m-bench`.
#![allow(
    missing_docs,
    reason = "criterion's macros make public functions without any"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lwm2m_bench::{
    contest::Contender,
    suites::{Messages, Payloads},
    workload::{self, SIZES},
};
use lwm2m_objects::Definitions;
use std::time::Instant;

fn bench(criterion: &mut Criterion, group: &str, size: usize, contenders: Vec<Contender<'_>>) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(size as u64));
    for mut contender in contenders {
        let id = BenchmarkId::new(contender.name(), size);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                contender.run(times);
                start.elapsed()
            });
        });
    }
    group.finish();
}

fn payloads(criterion: &mut Criterion) {
    let definitions = Definitions::built_in();
    let models = workload::models(&definitions);
    for size in SIZES {
        let payloads = Payloads::new(size, &models);
        bench(criterion, "decode", size, payloads.decoders());
        bench(criterion, "encode", size, payloads.encoders());
    }
}

fn messages(criterion: &mut Criterion) {
    let definitions = Definitions::built_in();
    let models = workload::models(&definitions);
    let messages = Messages::new(&models);
    bench(criterion, "parse REGISTER", 1, messages.register_parsers());
    bench(criterion, "build REGISTER", 1, messages.register_builders());
    bench(criterion, "parse NOTIFY", 1, messages.notify_parsers());
    bench(criterion, "build NOTIFY", 1, messages.notify_builders());
}

criterion_group!(codecs, payloads, messages);
criterion_main!(codecs);
