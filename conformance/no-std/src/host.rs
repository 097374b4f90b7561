//! The three things this program needs of its host.

use core::{ffi::c_int, fmt, panic::PanicInfo};

#[link(name = "c")]
unsafe extern "C" {
    fn write(file: c_int, bytes: *const u8, length: usize) -> isize;
    safe fn abort() -> !;
}

const STDOUT: c_int = 1;
const STDERR: c_int = 2;

/// Prints a text on the standard output.
pub fn print(text: &str) {
    write_all(STDOUT, text);
}

fn write_all(file: c_int, text: &str) {
    // SAFETY: the bytes are there as long as the call takes. What cannot be written is lost, like any diagnostic.
    unsafe { write(file, text.as_ptr(), text.len()) };
}

struct Stderr;

impl fmt::Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_all(STDERR, text);
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = fmt::Write::write_fmt(&mut Stderr, format_args!("{info}\n"));
    abort()
}

// `alloc` comes compiled for unwinding, with references to two functions of an unwinder. This program aborts, so they
// are never called.

// SAFETY: no other function of this program has this name.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {
    abort()
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    abort()
}
