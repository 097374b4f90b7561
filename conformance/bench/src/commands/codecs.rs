//! Times formats and messages, and prints medians, ratios, allocations, and whether the aims hold.

use clap::Args;
use lwm2m_bench::{
    contest::{Effort, Measurement, contest},
    growth::{self, Growth},
    suites::{self, CIBORIUM, COAP_LITE, MINICBOR, Messages, Payloads, SERDE_JSON},
    workload::{self, SIZES},
};
use lwm2m_core::content::ContentFormat;
use lwm2m_objects::Definitions;

/// Options of `codecs`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Short turns and few of them: shows that all works, and no figure worth keeping
    #[arg(long)]
    smoke: bool,
}

/// Times everything once.
pub(crate) fn run(options: &Options) {
    let effort = match options.smoke {
        true => Effort::SMOKE,
        false => Effort::WHOLE,
    };
    let definitions = Definitions::built_in();
    let models = workload::models(&definitions);

    let messages = Messages::new(&models);
    let [register, notify] = messages.sizes();
    for (title, contenders) in [
        (
            format!("parse REGISTER, {register} B"),
            messages.register_parsers(),
        ),
        (
            format!("build REGISTER, {register} B"),
            messages.register_builders(),
        ),
        (
            format!("parse NOTIFY, {notify} B"),
            messages.notify_parsers(),
        ),
        (
            format!("build NOTIFY, {notify} B"),
            messages.notify_builders(),
        ),
    ] {
        let measured = contest(contenders, effort);
        print_table(&title, &measured, &[COAP_LITE]);
    }

    let mut decoded = Vec::new();
    let mut encoded = Vec::new();
    for size in SIZES {
        let payloads = Payloads::new(size, &models);
        let bytes = workload::FORMATS
            .map(|format| format!("{format:?} {} B", payloads.payload(format).len()))
            .join(", ");
        let against = [
            suites::ours(ContentFormat::SenmlCbor),
            CIBORIUM.into(),
            MINICBOR.into(),
            SERDE_JSON.into(),
        ];
        let against = against.each_ref().map(String::as_str);
        let measured = contest(payloads.decoders(), effort);
        print_table(
            &format!("decode {size} records ({bytes})"),
            &measured,
            &against,
        );
        decoded.push(measured);
        let measured = contest(payloads.encoders(), effort);
        print_table(&format!("encode {size} records"), &measured, &against);
        encoded.push(measured);
    }

    println!("\nnanoseconds a record");
    println!(
        "{:<28}{}",
        "",
        SIZES.map(|size| format!("{size:>10}")).concat()
    );
    for (title, all) in [("decode", &decoded), ("encode", &encoded)] {
        for index in 0..all[0].len() {
            let cells = all
                .iter()
                .zip(SIZES)
                .map(|(measured, size)| format!("{:>10.1}", measured[index].nanos() / size as f64));
            println!(
                "{:<28}{}",
                format!("{title} {}", all[0][index].name),
                cells.collect::<String>()
            );
        }
    }
    let grown: Vec<_> = growth::all(&models)
        .into_iter()
        .map(|growth| {
            let [small, large] = growth.contenders();
            (growth, contest(vec![small, large], effort))
        })
        .collect();
    print_growth(&grown);

    println!("\naims");
    print_aims(&decoded, &encoded);
    for (growth, measured) in &grown {
        let times = measured[1].ratio_to(&measured[0]);
        print_linear(growth.name, growth.sizes, times);
    }
}

/// One line for each input that grows: medians of both sizes, and how many times as long the large one takes.
fn print_growth(grown: &[(Growth<'_>, Vec<Measurement>)]) {
    println!("\nnanoseconds for inputs that grow");
    for (growth, measured) in grown {
        let [small, large] = growth.sizes;
        println!(
            "{:<44}{:>12.1} for {small:<6}{:>14.1} for {large} {}",
            growth.name,
            measured[0].nanos(),
            measured[1].nanos(),
            growth.unit
        );
    }
}

/// Whether what takes so many times as long is no slower than linear.
fn print_linear(what: &str, [small, large]: [usize; 2], times: f64) {
    let linear = large as f64 / small as f64;
    println!(
        "{what}: no slower than linear from {small} to {large}: {times:.0}x for {linear:.0}x, {}",
        // A fifth for memory that no longer fits the nearest cache.
        verdict(times <= linear * 1.2)
    );
}

fn verdict(holds: bool) -> &'static str {
    if holds { "met" } else { "NOT MET" }
}

fn find<'m>(measured: &'m [Measurement], name: &str) -> &'m Measurement {
    let found = measured.iter().find(|measurement| measurement.name == name);
    found.unwrap_or_else(|| panic!("{name} took no part"))
}

/// One line for each contender: median, allocations, and how many times as long as each of `against` it takes.
fn print_table(title: &str, measured: &[Measurement], against: &[&str]) {
    let first_word = |name: &str| -> String {
        let word = name.split(' ').next().unwrap_or_default();
        format!("x {word}")
    };
    println!("\n{title}");
    println!(
        "{:<28}{:>12}{:>8}{:>10}{}",
        "",
        "ns",
        "allocs",
        "bytes",
        against
            .iter()
            .map(|name| format!("{:>14}", first_word(name)))
            .collect::<String>()
    );
    for measurement in measured {
        let ratios = against
            .iter()
            .map(|name| format!("{:>14.2}", measurement.ratio_to(find(measured, name))));
        println!(
            "{:<28}{:>12.1}{:>8}{:>10}{}",
            measurement.name,
            measurement.nanos(),
            measurement.allocations.calls,
            measurement.allocations.bytes,
            ratios.collect::<String>()
        );
    }
}

/// What the formats are held to, for each size: see the README of this folder.
fn print_aims(decoded: &[Vec<Measurement>], encoded: &[Vec<Measurement>]) {
    let senml_cbor = suites::ours(ContentFormat::SenmlCbor);
    for (size, measured) in SIZES.iter().zip(decoded) {
        let own = find(measured, &senml_cbor);
        let faster = find(measured, CIBORIUM).ratio_to(own);
        println!(
            "decode {size:>4}: SenML-CBOR at least 5x as fast as ciborium: {faster:.1}x, {}",
            verdict(faster >= 5.0)
        );
        let slower = own.ratio_to(find(measured, MINICBOR));
        println!(
            "decode {size:>4}: SenML-CBOR within 2x of minicbor: {slower:.2}x, {}",
            verdict(slower <= 2.0)
        );
    }
    for (title, all) in [("decode", decoded), ("encode", encoded)] {
        for (size, measured) in SIZES.iter().zip(all) {
            let own = find(measured, &senml_cbor);
            for format in [ContentFormat::Tlv, ContentFormat::LwM2mCbor] {
                let ratio = find(measured, &suites::ours(format)).ratio_to(own);
                println!(
                    "{title} {size:>4}: {format:?} no slower than SenML-CBOR: {ratio:.2}x, {}",
                    verdict(ratio <= 1.0)
                );
            }
        }
        // From 20 on fixed costs hardly count; from 20 to 200 values tables outgrow nothing either.
        let (small, large) = (&all[1], &all[all.len() - 1]);
        for format in workload::FORMATS {
            let name = suites::ours(format);
            let times = find(large, &name).nanos() / find(small, &name).nanos();
            let sizes = [SIZES[1], SIZES[all.len() - 1]];
            print_linear(&format!("{title}: {format:?}"), sizes, times);
        }
    }
}
