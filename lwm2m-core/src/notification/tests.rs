use super::*;
use crate::{attributes::AttributeChange, entry::Entry, path::Path};
use alloc::{format, string::String, vec::Vec};
use core::time::Duration;
use proptest::prelude::*;

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

/// Attributes as they come out of inheritance: combinations are not checked.
fn attributes(text: &str) -> Attributes {
    text.split_whitespace()
        .fold(Attributes::default(), |all, one| {
            all.or(&AttributeChange::from_queries([one]).unwrap().set)
        })
}

fn value(text: &str) -> Option<Value> {
    match text {
        "-" => None,
        "true" => Some(Value::Boolean(true)),
        "false" => Some(Value::Boolean(false)),
        _ => Some(match text.parse::<i64>() {
            Ok(number) => Value::Integer(number),
            Err(_) => text
                .parse::<f64>()
                .map_or_else(|_| text.into(), Value::Float),
        }),
    }
}

fn word(decision: Decision) -> String {
    let seconds = |moment: Instant| moment.since(Instant::ZERO).as_secs();
    match decision {
        Decision::Now => "now".into(),
        Decision::At(moment) => format!("at{}", seconds(moment)),
        Decision::SampleAt(moment) => format!("sample{}", seconds(moment)),
        Decision::Never => "never".into(),
    }
}

/// Plays one observation. The first word is the value in the response at second 0; then `second:value=decision`,
/// where a `!` behind the second says that nothing has changed since the last notification. A decision of `now` is
/// followed by the notification.
fn play(rules: &str, steps: &str) {
    let mut steps = steps.split_whitespace();
    let first = value(steps.next().unwrap());
    let mut rule = NotificationRule::new(attributes(rules), at(0), first.as_ref());
    let mut played: Vec<String> = Vec::new();
    let mut expected: Vec<&str> = Vec::new();
    for step in steps {
        let (input, _) = step.split_once('=').unwrap();
        let (second, text) = input.split_once(':').unwrap();
        let changed = !second.ends_with('!');
        let now = at(second.trim_end_matches('!').parse().unwrap());
        let present = value(text);
        let decision = rule.evaluate(now, present.as_ref(), changed);
        if decision == Decision::Now {
            rule.notified(now, present.as_ref());
        }
        played.push(format!("{input}={}", word(decision)));
        expected.push(step);
    }
    assert_eq!(played, expected, "{rules}");
}

// proves: REP-30
#[test]
fn no_rule_tells_every_change() {
    play("", "20 1!:20=never 1:21=now 1!:21=never 1:22=now");
    play("", "a 1:b=now 2!:b=never");
    play("", "- 1:-=now 2!:-=never");
    play("", "true 1:false=now 2:true=now");
}

// proves: REP-07
#[test]
fn pmin_holds_back() {
    play(
        "pmin=10",
        "20 3:21=at10 9:22=at10 10:22=now 11:23=at20 20:23=now 40:24=now 40:25=at50",
    );
    // What counted is told even where the value has gone back meanwhile.
    play("pmin=10", "20 3:21=at10 5!:20=at10 10!:20=now 20!:20=never");
    play("pmin=10", "- 3:-=at10 10:-=now 25:-=now");
    play("pmin=0", "20 0:21=now 0:22=now");
}

// proves: REP-08
#[test]
fn pmax_is_due() {
    play(
        "pmax=60",
        "20 5!:20=at60 10:21=now 11!:21=at70 70!:21=now 130!:21=now",
    );
    play("pmax=60", "- 100!:-=now");
    play(
        "pmin=10 pmax=60",
        "20 5:21=at10 10:21=now 11!:21=at70 69:22=now 70!:22=at129",
    );
    play("pmin=10 pmax=10", "20 5!:20=at10 10!:20=now 12:21=at20");
}

// proves: REP-09
#[test]
fn pmax_of_0_or_below_pmin_is_none() {
    play("pmax=0", "20 5!:20=never 100000!:20=never");
    play(
        "pmin=10 pmax=5",
        "20 5!:20=never 6:21=at10 10:21=now 100!:21=never",
    );
}

// proves: REP-10
#[test]
fn gt_is_crossed_both_ways() {
    play(
        "gt=25",
        "20 1:24=never 2:25=never 3:26=now 4:30=never 5:25=now 6:24=never 7:25.1=now",
    );
    play("gt=-5", "-10 1:-5=never 2:-4=now 3:-6=now");
}

// proves: REP-11
#[test]
fn lt_is_crossed_both_ways() {
    play(
        "lt=10",
        "20 1:10=never 2:9=now 3:5=never 4:10=now 5:20=never 6:9.9=now",
    );
}

#[test]
fn gt_and_lt_are_a_band() {
    play(
        "lt=10 gt=25",
        "20 1:9=now 2:8=never 3:26=now 4:15=now 5:16=never",
    );
}

// proves: REP-12
#[test]
fn st_is_measured_from_the_last_notification() {
    play(
        "st=2",
        "20 1:21=never 2:21.9=never 3:22=now 4:21=never 5:20=now 6:23=now",
    );
    play("st=0", "20 1!:20=never 2:20.1=now 3:20.1=never");
    play(
        "st=2 pmax=10",
        "20 5:21=at10 10:21=now 11:22=at20 12:23=now",
    );
    // A number that is none, and back.
    play("st=2", "20 1:NaN=now 2:NaN=never 3:20=now");
}

/// Between integers of 64 bits there are differences that a float of 64 bits does not hold.
#[test]
fn large_integers_are_compared_exactly() {
    play(
        "st=1",
        "9007199254740992 1:9007199254740993=now 2:9007199254740992=now 3!:9007199254740992=never",
    );
    play("st=0", "9007199254740992 1:9007199254740993=now");
    play(
        "st=1.5",
        "-9223372036854775808 1:-9223372036854775807=never 2:-9223372036854775806=now",
    );
    play(
        "st=2",
        "9223372036854775807 1:-9223372036854775808=now 2:-9223372036854775807=never",
    );
    play(
        "gt=9007199254740992",
        "9007199254740992 1:9007199254740993=now 2:9007199254740994=never 3:9007199254740992=now",
    );
    play(
        "lt=-9007199254740992",
        "-9007199254740992 1:-9007199254740993=now 2:-9007199254740992=now",
    );
    // Bounds between and beyond the integers
    play("gt=0.5", "0 1:1=now 2:0=now 3:-1=never");
    play("gt=-0.5", "0 1:1=never 2:-1=now 3:0=now");
    play("lt=-0.5", "0 1:-1=now 2:0=now 3:1=never");
    play("gt=1e300", "0 1:9223372036854775807=never");
    play("lt=-1e300", "0 1:-9223372036854775808=never");
    // An integer beside a float
    play("st=1", "5 1:5.5=never 2:6.5=now 3:7=never 4:8=now");
}

// proves: REP-17
#[test]
fn edge_tells_one_direction() {
    play(
        "edge=1",
        "false 1:true=now 2:false=never 3:true=now 4:true=never",
    );
    play("edge=0", "true 1:false=now 2:true=never 3:false=now");
    play(
        "edge=1 pmin=10",
        "false 1:true=at10 2:false=at10 10:false=now 11:true=at20 20:true=now",
    );
}

// proves: REP-23
#[test]
fn any_of_several_conditions_is_enough() {
    play("gt=25 st=10", "20 1:26=now 2:30=never 3:36=now 4:25=now");
    play(
        "lt=10 gt=40 st=2",
        "20 1:22=now 2:41=now 3:42=never 4:43=now 5:9=now 6:8=never 7:7=now",
    );
}

// proves: REP-24
#[test]
fn conditions_with_periods() {
    play(
        "pmin=10 gt=25",
        "20 3:24=never 4:26=at10 5:24=at10 10:24=now 11:26=at20 20:26=now",
    );
    play(
        "pmin=10 pmax=60 gt=25",
        "20 3:24=at60 20:26=now 21:30=at80 50:24=now 60:23=at110 110:22=now",
    );
    play(
        "pmax=60 edge=1",
        "true 3:false=at60 60:false=now 70:true=now",
    );
    play("pmin=10 pmax=60 st=5", "20 61:21=now 65:26=at71 71:26=now");
}

// proves: REP-13
#[test]
fn conditions_that_a_value_has_no_type_for_are_ignored() {
    play("gt=25 st=1", "a 1:b=now");
    play("gt=25", "- 1:-=now 2!:-=never");
    play("gt=25", "true 1:false=now");
    play("edge=1", "20 1:21=now");
    // A value that appears or disappears is told.
    play("gt=25", "- 1:20=now 2:21=never 3:-=now 4:26=now");
}

#[test]
fn contradictions_are_ignored() {
    // lt is not below gt: neither rules.
    play("lt=25 gt=25", "20 1:21=now");
    play("lt=30 gt=25 st=5", "20 1:24=never 2:26=now");
    // lt + 2 st is not below gt: the step does not rule.
    play("lt=10 gt=20 st=5", "15 1:11=never 2:9=now");
    play("epmin=10 epmax=5", "20 3!:20=never 4:21=sample10 10:21=now");
}

// proves: REP-15
#[test]
fn epmin_delays_the_evaluation() {
    play(
        "epmin=10",
        "20 3:21=sample10 4:22=sample10 10:22=now 11:23=sample20 20:23=now 40:24=now",
    );
    play(
        "epmin=10 gt=25",
        "20 3:26=sample10 10:24=never 11:26=sample20 20:26=now",
    );
    // What is not looked at is not told, but pmax does not wait for it.
    play("epmin=10 pmax=5", "20 3:21=at5 5:21=now 6!:21=at10");
    play("epmin=10 pmin=15", "20 3:21=sample10 10:21=at15 15:21=now");
}

// proves: REP-15
#[test]
fn epmax_schedules_samples() {
    play(
        "epmax=30",
        "20 5!:20=sample35 35!:20=sample65 65:21=now 66!:21=sample96",
    );
    play(
        "epmax=30 gt=25",
        "20 30:24=sample60 60:26=now 90:26=sample120",
    );
    play("epmax=30 pmax=20", "20 5!:20=at20 20!:20=now 21!:20=at40");
    play("epmax=30 pmax=30", "20 0!:20=at30");
    play(
        "epmin=10 epmax=30",
        "20 5!:20=sample30 7:21=sample10 10:21=now 11!:21=sample40",
    );
    play("epmax=0", "20 5!:20=never");
}

#[test]
fn new_attributes_rule_from_now_on() {
    let number = Value::Integer;
    let mut rule = NotificationRule::new(attributes("pmin=10"), at(0), Some(&number(20)));
    assert_eq!(
        rule.evaluate(at(1), Some(&number(21)), true),
        Decision::At(at(10))
    );
    rule.set_attributes(attributes("pmin=5 gt=25"));
    assert_eq!(rule.attributes(), &attributes("pmin=5 gt=25"));
    assert_eq!(
        rule.evaluate(at(2), Some(&number(21)), true),
        Decision::At(at(5))
    );
    assert_eq!(rule.evaluate(at(5), Some(&number(21)), true), Decision::Now);
    // As long as nothing is sent the answer stays.
    assert_eq!(rule.evaluate(at(6), Some(&number(21)), true), Decision::Now);
    rule.notified(at(6), Some(&number(21)));
    assert_eq!(
        rule.evaluate(at(20), Some(&number(22)), true),
        Decision::Never
    );
    assert_eq!(
        rule.evaluate(at(21), Some(&number(26)), true),
        Decision::Now
    );
}

/// Plays a composite observation: rules and first values with `|` between the paths, then steps like
/// `second:value|value=decision`, where a `*` before a value says that it has changed.
fn play_composite(requested: Option<&str>, rules: &str, steps: &str) {
    let mut steps = steps.split_whitespace();
    let first: Vec<_> = steps.next().unwrap().split('|').map(value).collect();
    let elements = rules
        .split('|')
        .map(attributes)
        .zip(first.iter().map(Option::as_ref));
    let requested = requested.map(attributes);
    let mut rule = CompositeRule::new(requested.as_ref(), elements, at(0));
    for step in steps {
        let (input, expected) = step.split_once('=').unwrap();
        let (second, texts) = input.split_once(':').unwrap();
        let now = at(second.parse().unwrap());
        let texts: Vec<_> = texts.split('|').collect();
        let values: Vec<_> = texts
            .iter()
            .map(|text| value(text.trim_start_matches('*')))
            .collect();
        let states = texts.iter().zip(&values).map(|(text, value)| ElementState {
            value: value.as_ref(),
            changed: text.starts_with('*'),
        });
        let decision = rule.evaluate(now, states);
        if decision == Decision::Now {
            rule.notified(now, values.iter().map(Option::as_ref));
        }
        assert_eq!(word(decision), expected, "{rules}: {step}");
    }
}

// proves: REP-49
#[test]
fn composite_observations() {
    play_composite(
        None,
        "|",
        "20|a 1:20|a=never 1:20|*b=now 2:*21|b=now 3:21|b=never",
    );
    // Each path has conditions of its own.
    play_composite(
        None,
        "gt=25|edge=1|",
        "20|false|- 1:*24|false|-=never 2:24|*true|-=now 3:*26|true|-=now 4:*27|*false|-=never 5:27|false|*-=now",
    );
    // One fires, and all remember what they saw.
    play_composite(
        None,
        "gt=25|gt=5",
        "20|1 1:*26|*6=now 2:*27|*7=never 3:*24|7=now 4:24|*5=now",
    );
    // Periods come together from the paths...
    play_composite(
        None,
        "pmin=10|pmin=5 pmax=60|pmax=40",
        "1|1|1 1:1|1|1=at40 2:*2|1|1=at10 10:2|1|1=now 50:2|1|1=now 55:*3|1|1=at60",
    );
    play_composite(None, "pmin=30|pmax=10", "1|1 1:1|1=at30 30:1|1=now");
    play_composite(
        None,
        "epmin=5 epmax=20|epmax=10",
        "1|1 1:1|1=sample10 2:*2|1=sample5 5:*2|1=now",
    );
    // ...or are those of the request.
    play_composite(
        Some("pmin=3"),
        "pmin=10|pmin=5 pmax=60",
        "1|1 1:*2|1=at3 3:*2|1=now 100:2|1=never",
    );
    play_composite(None, "", "- 1:*-=now");
}

#[test]
fn new_attributes_of_a_composite_rule_from_now_on() {
    let values = [Value::Integer(20), Value::Integer(1)];
    let first = [attributes("pmin=10"), attributes("gt=5")];
    let mut rule = CompositeRule::new(None, first.into_iter().zip(values.iter().map(Some)), at(0));
    let state = |value, changed| ElementState {
        value: Some(value),
        changed,
    };
    let seven = Value::Integer(7);
    let changed = [state(&values[0], false), state(&seven, true)];
    assert_eq!(rule.evaluate(at(1), changed), Decision::At(at(10)));
    let new = |requested: Option<&Attributes>, elements: [Attributes; 2]| {
        CompositeRule::new(
            requested,
            elements.map(|attributes| (attributes, None)),
            at(2),
        )
    };
    rule.follow(&new(None, [attributes("pmin=4"), attributes("gt=9")]));
    // What counted before goes out, by the new periods.
    assert_eq!(rule.evaluate(at(2), changed), Decision::At(at(4)));
    assert_eq!(rule.evaluate(at(4), changed), Decision::Now);
    rule.notified(at(4), [Some(&values[0]), Some(&seven)]);
    let eight = Value::Integer(8);
    let below = [state(&values[0], false), state(&eight, true)];
    assert_eq!(rule.evaluate(at(20), below), Decision::Never);
    rule.follow(&new(
        Some(&attributes("pmax=30")),
        [Attributes::default(); 2],
    ));
    assert_eq!(
        rule.evaluate(at(21), [state(&values[0], false); 2]),
        Decision::At(at(34))
    );
}

proptest! {
    /// Whatever the attributes and the values: nothing is told before pmin, nothing is kept beyond pmax, and a
    /// moment that is named lies ahead.
    // proves: REP-07, REP-08
    #[test]
    fn promises_hold(
        periods in prop::array::uniform4(prop::option::of(0..20u32)),
        bounds in prop::array::uniform3(prop::option::of(-5.0..5.0)),
        steps in prop::collection::vec((0..8u64, -8.0..8.0), 1..40),
    ) {
        let [pmin, pmax, epmin, epmax] = periods;
        let [gt, lt, st] = bounds;
        let attributes = Attributes { pmin, pmax, epmin, epmax, gt, lt, st, ..Default::default() };
        let mut rule = NotificationRule::new(attributes, at(0), Some(&Value::Float(0.0)));
        let (mut now, mut notified) = (0, 0);
        for (pause, number) in steps {
            now += pause;
            let value = Value::Float(number);
            let decision = rule.evaluate(at(now), Some(&value), true);
            let since = now - notified;
            let pmin = u64::from(pmin.unwrap_or(0));
            let pmax = u64::from(pmax.unwrap_or(0));
            match decision {
                Decision::Now => {
                    prop_assert!(since >= pmin);
                    notified = now;
                    rule.notified(at(now), Some(&value));
                }
                Decision::At(moment) | Decision::SampleAt(moment) => prop_assert!(moment > at(now)),
                Decision::Never => prop_assert!(pmax == 0 || pmax < pmin),
            }
            if pmax != 0 && pmax >= pmin && decision != Decision::Now {
                prop_assert!(since < pmax);
            }
        }
    }
}

#[test]
fn history_keeps_the_newest() {
    let entry = |value: i64| Entry::new(Path::resource(3303, 0, 5700), value);
    let mut history = History::new(2);
    for second in 1..=3u8 {
        history.record(second.into(), [entry(second.into())]);
    }
    assert_eq!(history.len(), 2);
    assert_eq!(history.take(), [entry(2).at(2.0), entry(3).at(3.0)]);
    assert!(history.is_empty());

    history.record(9.0, [entry(1).at(4.0), entry(2)]);
    history.record(10.0, [entry(3)]);
    history.set_limit(1);
    assert_eq!(history.take(), [entry(3).at(10.0)]);
    history.set_limit(0);
    history.record(11.0, [entry(4)]);
    assert!(history.is_empty());
}

/// The examples of Transport 1.2.2, section 6.4.4.
// proves: REP-10, REP-12
#[test]
fn examples_of_the_specification() {
    play("gt=45 st=10", "45 1:50=now");
    play("gt=45 st=10", "38 1:49=now");
    play("gt=45 st=10", "48 1:42=now");
    play("gt=45 st=10", "48 1:55=never");
    play("lt=20 gt=85 st=10", "87 1:99=now");
    play(
        "pmin=10 pmax=60",
        "5 4:6=at10 10:6=now 11!:6=at70 70!:6=now",
    );
}
