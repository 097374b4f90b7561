//! What a peer costs an endpoint: the aims of this folder's README, which do not depend on the machine's speed.

use lwm2m_bench::{
    allocation::{CountingAllocator, live_bytes},
    memory::per_peer,
};
use lwm2m_core::coap::Code;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_peer_that_has_spoken_once_is_cheap() {
    for code in [Code::GET, Code::POST] {
        let bytes = per_peer(20_000, code);
        assert!(bytes.within <= 1024.0, "{code:?}: {bytes:?}");
        assert!(bytes.after <= 200.0, "{code:?}: {bytes:?}");
        // Timers that are not set and tables that are not filled stay as large as they were: it is counted.
        assert!(bytes.within > bytes.after && bytes.after > 0.0, "{bytes:?}");
        assert_eq!(bytes.known_after, 0);
    }
}

#[test]
fn what_is_given_back_counts_no_more() {
    let before = live_bytes();
    let mut block = black_box(vec![0u8; 1000]);
    assert_eq!(live_bytes() - before, 1000);
    block.reserve_exact(2000);
    assert_eq!(live_bytes() - before, 3000);
    block.truncate(10);
    block.shrink_to_fit();
    assert_eq!(live_bytes() - before, 10);
    drop(block);
    assert_eq!(live_bytes(), before);
}
