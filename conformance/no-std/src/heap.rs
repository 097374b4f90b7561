//! A heap in a static array, as a microcontroller would have one: blocks of powers of two, each size with a list of
//! those that are free, new ones from what has never been used. Nothing is merged. This program has one thread.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::{NonNull, null_mut},
};

const SIZE: usize = 1 << 20;

/// Blocks have 16 bytes and more, which is as large as the link to the next free one and as aligned as anything that
/// is asked for in practice.
const SMALLEST: usize = 16;

const CLASSES: usize = (SIZE / SMALLEST).ilog2() as usize + 1;

#[repr(align(16))]
struct Arena {
    _bytes: [u8; SIZE],
}

struct Heap {
    arena: UnsafeCell<Arena>,
    state: UnsafeCell<State>,
}

struct State {
    used: usize,
    free: [Option<NonNull<FreeBlock>>; CLASSES],
}

struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
}

#[global_allocator]
static HEAP: Heap = Heap {
    arena: UnsafeCell::new(Arena { _bytes: [0; SIZE] }),
    state: UnsafeCell::new(State {
        used: 0,
        free: [None; CLASSES],
    }),
};

// SAFETY: there is one thread, and no interrupt handler allocates.
unsafe impl Sync for Heap {}

/// The list for blocks of this layout; block sizes are `SMALLEST << class`.
fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size().max(SMALLEST).checked_next_power_of_two()?;
    let class = (size / SMALLEST).ilog2() as usize;
    (class < CLASSES && layout.align() <= SMALLEST).then_some(class)
}

// SAFETY: a block is handed out to one owner until it is freed: fresh ones do not overlap, and a free one leaves its
// list. Sizes are at least what was asked for, and all starts are multiples of 16 in an array aligned to 16.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(layout) else {
            return null_mut();
        };
        // SAFETY: one thread, and nothing in here allocates, so this is the only reference.
        let state = unsafe { &mut *self.state.get() };
        if let Some(block) = state.free[class] {
            // SAFETY: what is in the list was written by `dealloc` and belongs to nobody.
            state.free[class] = unsafe { block.as_ref() }.next;
            return block.as_ptr().cast();
        }
        let size = SMALLEST << class;
        if SIZE - state.used < size {
            return null_mut();
        }
        // SAFETY: the sum stays within the array.
        let block = unsafe { self.arena.get().cast::<u8>().add(state.used) };
        state.used += size;
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let (Some(class), Some(block)) = (class_of(layout), NonNull::new(block)) else {
            return;
        };
        // SAFETY: as in `alloc`; the block is ours again, large enough and aligned.
        unsafe {
            let state = &mut *self.state.get();
            let free = block.cast::<FreeBlock>();
            let next = state.free[class].replace(free);
            free.write(FreeBlock { next });
        }
    }
}
