//! LwM2M CBOR: the tree of a device in each layout of its keys (Core 1.2.2, section 7.5.4).

use super::*;

/// The device, with its instance as the upper key.
const DEVICE: &str = "a1820300ad00744f70656e204d6f62696c6520416c6c69616e636501764c69676874776569676874204d
    324d20436c69656e7402693334353030303132330363312e3006a20001010507a200190ed80119138808a200187d01190384
    0918640a0f0ba100000d1a5182428f0e662b30323a3030106155";

// proves: FMT-03, FMT-26, FMT-28
#[test]
fn the_examples_of_the_specification() {
    // Core 1.2.2, sections 7.5.4.1 to 7.5.4.6
    let name = [entry("/3/0/0", "Open Mobile Alliance")];
    let text = "744f70656e204d6f62696c6520416c6c69616e6365";
    both(
        F::LwM2mCbor,
        hex(&std::format!("a183030000{text}")),
        "/3/0/0",
        &name,
    );
    decodes(
        F::LwM2mCbor,
        hex(&std::format!("a103a100a100{text}")),
        "/3/0/0",
        &name,
    );
    both(
        F::LwM2mCbor,
        hex("a183030006a200010105"),
        "/3/0/6",
        &[entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)],
    );
    both(F::LwM2mCbor, hex(DEVICE), "/3/0", &device());
    let servers = |instance: u16, id: i64, pmin: i64, notifications: bool| {
        [
            (0, id.into()),
            (1, 86400i64.into()),
            (2, pmin.into()),
            (3, 6000i64.into()),
            (5, 86400i64.into()),
            (6, notifications.into()),
            (7, Value::from("U")),
        ]
        .map(|(id, value)| Entry::new(Path::resource(1, instance, id), value))
    };
    let both_servers = [servers(0, 101, 300, true), servers(1, 102, 600, false)].concat();
    let payload = hex(
        "a101a200a7001865011a000151800219012c03191770051a0001518006f507615501a7001866011a000151800219
         025803191770051a0001518006f4076155",
    );
    both(F::LwM2mCbor, payload, "/1", &both_servers);
    let composite = [
        entry("/3/0/0", "Open Mobile Alliance"),
        entry("/3/0/9", 100i64),
        entry("/1/0/1", 86400i64),
    ];
    let payload = std::format!("a2820300a200{text}091864830100011a00015180");
    decodes(F::LwM2mCbor, hex(&payload), "/", &composite);
    let payload = std::format!("a2830100011a00015180820300a200{text}091864");
    encodes(F::LwM2mCbor, hex(&payload), "/", &composite);
    let acl = [
        entry("/2/5/0", 5i64),
        entry("/2/5/1", 0i64),
        entry("/2/5/2/102", 0i64),
        entry("/2/5/3", 101i64),
    ];
    decodes(
        F::LwM2mCbor,
        hex("a1820205a4000501008202186600031865"),
        "/2",
        &acl,
    );
}

// proves: FMT-29
#[test]
fn a_create_request_may_leave_the_instance_open() {
    let payload = hex("a1820219ffffa200050100");
    let decode = super::super::super::decode_create;
    let found = decode(F::LwM2mCbor, &payload, &path("/2"), 5, &models());
    assert_eq!(
        found,
        Ok(vec![entry("/2/5/0", 5i64), entry("/2/5/1", 0i64)])
    );
    refused(F::LwM2mCbor, payload, "/2");
}

// proves: FMT-26, FMT-27, FMT-40
#[test]
fn keys_of_every_layout() {
    let nine = [entry("/3/0/9", 100i64)];
    for payload in [
        "a103a100a1091864",
        "a18103a18100a181091864",
        "a1830300091864",
        "bf830300091864ff",
        "bf03bf00bf091864ffffff",
        "a19f030009ff1864",
        "a183030018091864",
        "a103a18200091864",
    ] {
        decodes(F::LwM2mCbor, hex(payload), "/3/0/9", &nine);
    }
    let instances = [entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)];
    for payload in [
        "a103a1820006a200010105",
        "a2840300060001840300060105",
        "bf820300bf06bf00010105ffffff",
    ] {
        decodes(F::LwM2mCbor, hex(payload), "/3/0", &instances);
    }
    both(
        F::LwM2mCbor,
        hex("a1840300060105"),
        "/3/0/6/1",
        &instances[1..],
    );
    for empty in ["", "a0", "bfff", "a1820300a0", "a183030006bfff"] {
        decodes(F::LwM2mCbor, hex(empty), "/3/0", &[]);
    }
    encodes(F::LwM2mCbor, hex("a0"), "/3/0", &[]);
}

// proves: FMT-27, FMT-37
#[test]
fn what_is_no_tree_of_values() {
    for bad in [
        "8100", // no map
        "05",
        "f6",
        "a1f93c0005", // keys that are no identifiers
        "a12005",
        "a1410305",
        "a103a16130a10005",
        "a1830361300005",
        "a1830300f9400005",
        "a163643031a103a100a1006141", // a gateway's prefix
        "a18005",                     // no identifier at all
        "a18303001a0001000005",       // beyond 16 bits
        "a11a00010000a100a10005",
        "a18319ffff000005", // reserved
        "a185030006000005", // deeper than four
        "a18403000600a10005",
        "a182030005",             // a value above the resources
        "a1830300096161",         // of the wrong type
        "a183030009f6",           // null
        "a183030009820102",       // an array
        "a28303000905830300090a", // twice
        "a103a200a1090500a10905",
        "a1830300", // cut off
        "a183030009",
        "bf830300091864",
        "a18303000918 6400", // bytes after it
        "a19f0300",
    ] {
        refused(F::LwM2mCbor, hex(bad), "/");
    }
    let error = refused(F::LwM2mCbor, hex("a1830300091864"), "/3/1");
    assert_eq!(error.to_string(), "/3/0/9 lies outside of /3/1");
}
