//! Counts what is allocated on the calling thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static COUNTS: Cell<Allocations> = const { Cell::new(Allocations { calls: 0, bytes: 0 }) };
    static FREED: Cell<u64> = const { Cell::new(0) };
}

/// What was allocated; growing a block counts as another allocation of what it grew by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allocations {
    /// Calls to the allocator.
    pub calls: u64,
    /// Bytes asked for.
    pub bytes: u64,
}

/// The system's allocator, counting. A program makes it its own with `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

fn count(bytes: usize) {
    // While a thread ends its counter is gone; what it still allocates is of no interest.
    let _ = COUNTS.try_with(|counts| {
        let before = counts.get();
        counts.set(Allocations {
            calls: before.calls + 1,
            bytes: before.bytes + bytes as u64,
        });
    });
}

fn count_freed(bytes: usize) {
    let _ = FREED.try_with(|freed| freed.set(freed.get() + bytes as u64));
}

#[allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait, and the only way to see allocations"
)]
// SAFETY: every call is handed to `System` unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size.saturating_sub(layout.size()));
        count_freed(layout.size().saturating_sub(new_size));
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count_freed(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What `run` allocates; nothing at all where [`CountingAllocator`] is not the program's allocator.
pub fn allocations(run: impl FnOnce()) -> Allocations {
    let before = COUNTS.get();
    run();
    let after = COUNTS.get();
    Allocations {
        calls: after.calls - before.calls,
        bytes: after.bytes - before.bytes,
    }
}

/// Bytes that were asked for on this thread less those that were given back on it.
pub fn live_bytes() -> i64 {
    COUNTS.get().bytes as i64 - FREED.get() as i64
}
