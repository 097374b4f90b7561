//! Times formats and messages, and prints medians, ratios, allocations, and whether the aims hold.

use lwm2m_bench::{
    contest::{Measurement, contest},
    suites::{self, CIBORIUM, COAP_LITE, MINICBOR, Messages, Payloads, SERDE_JSON},
    workload::{self, SIZES},
};
use lwm2m_core::content::ContentFormat;
use lwm2m_objects::Definitions;

/// Times everything once.
pub(crate) fn run() {
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
        let measured = contest(contenders);
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
        let measured = contest(payloads.decoders());
        print_table(
            &format!("decode {size} records ({bytes})"),
            &measured,
            &against,
        );
        decoded.push(measured);
        let measured = contest(payloads.encoders());
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
    print_aims(&decoded, &encoded);
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
    println!("\naims");
    let verdict = |holds: bool| if holds { "met" } else { "NOT MET" };
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
        let times = (SIZES[all.len() - 1] / SIZES[1]) as f64;
        for format in workload::FORMATS {
            let name = suites::ours(format);
            let growth = find(large, &name).nanos() / find(small, &name).nanos();
            println!(
                "{title}: {format:?} no slower than linear from {} to {}: {growth:.0}x for {times:.0}x, {}",
                SIZES[1],
                SIZES[all.len() - 1],
                // A fifth for memory that no longer fits the nearest cache.
                verdict(growth <= times * 1.2)
            );
        }
    }
}
