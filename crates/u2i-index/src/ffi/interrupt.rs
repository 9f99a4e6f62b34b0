//! Stops a computation of faiss in its middle.
//!
//! While it looks for clusters, links a graph or compares many vectors, faiss asks `faiss::InterruptCallback::instance`, if
//! there is one, whether to go on, and else throws an exception. Its C interface does not reach it. So there is one object
//! here that looks to C++ as one of a class derived from `InterruptCallback`: a pointer to a table of its virtual functions,
//! as the Itanium C++ ABI lays them out, which all compilers but Microsoft's go by. It lives as long as the program and is
//! never exchanged, so no thread meets one that is gone. Each thread answers for its own computations alone.

use std::any::Any;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::code::checked;
use crate::IndexError;

unsafe extern "C" {
    // `std::unique_ptr<InterruptCallback> InterruptCallback::instance`: one pointer, null at first.
    #[link_name = "_ZN5faiss17InterruptCallback8instanceE"]
    static INSTANCE: AtomicPtr<Callback>;
}

/// An object without fields of a class with virtual functions.
#[repr(C)]
#[allow(dead_code, reason = "C++ reads it")]
struct Callback {
    functions: *const Functions,
}

/// The virtual functions in the order of their declaration; a destructor has two entries.
#[repr(C)]
#[allow(dead_code, reason = "C++ reads it")]
struct Functions {
    want_interrupt: extern "C" fn(*mut Callback) -> bool,
    destroy: extern "C" fn(*mut Callback),
    destroy_and_free: extern "C" fn(*mut Callback),
}

/// What stands before the functions in a table: where the whole object begins, and no type information.
#[repr(C)]
#[allow(dead_code, reason = "C++ reads it")]
struct Table {
    offset_to_whole: isize,
    type_info: *const c_void,
    functions: Functions,
}

// SAFETY: constants that nobody writes to.
unsafe impl Sync for Table {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

static TABLE: Table = Table {
    offset_to_whole: 0,
    type_info: ptr::null(),
    functions: Functions { want_interrupt, destroy, destroy_and_free: destroy },
};

static CALLBACK: Callback = Callback { functions: &raw const TABLE.functions };

/// It is a constant: when C++ clears up at the end of the program, there is nothing to do.
extern "C" fn destroy(_: *mut Callback) {}

thread_local! {
    /// Who is asked about what this thread has faiss compute; null if nobody is.
    static ASKED: Cell<*mut Asked<'static>> = const { Cell::new(ptr::null_mut()) };
}

/// Has faiss ask. Called before the first index is there, so that none of its threads reads the pointer meanwhile.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let ours = (&raw const CALLBACK).cast_mut();
        // SAFETY: a pointer of the right size. C++ calls the functions behind it, all of which are there, and nothing else.
        // One that is there already stays.
        let _ =
            unsafe { INSTANCE.compare_exchange(ptr::null_mut(), ours, Ordering::AcqRel, Ordering::Acquire) };
    });
}

/// Who is asked whether to go on, and what they said.
pub(super) struct Asked<'a> {
    tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    /// Rows that are in the index.
    n_added: u64,
    is_stopped: bool,
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>) -> Self {
        Asked { tell, n_added: 0, is_stopped: false, panic: None }
    }

    /// Tells how many rows are in the index, and hears whether to go on.
    pub(super) fn tell(&mut self, n_added: usize) -> Result<(), IndexError> {
        self.n_added = n_added as u64;
        match (self.tell)(self.n_added) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(IndexError::Stopped),
        }
    }

    /// Calls faiss, which may ask meanwhile.
    pub(super) fn during(
        &mut self,
        action: &'static str,
        call: impl FnOnce() -> c_int,
    ) -> Result<(), IndexError> {
        let before = ASKED.replace(ptr::from_mut(self).cast());
        let code = call();
        ASKED.set(before);
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        match self.is_stopped {
            true => Err(IndexError::Stopped),
            false => checked(action, code),
        }
    }
}

extern "C" fn want_interrupt(_: *mut Callback) -> bool {
    // faiss holds a lock meanwhile: whoever is asked must not come back to it.
    let asked = ASKED.replace(ptr::null_mut());
    if asked.is_null() {
        return false;
    }
    // SAFETY: `during` put it there, on this thread, and has not returned. It does not touch itself while the call lasts that
    // leads here, and nobody else finds the pointer until it is put back.
    let found = unsafe { &mut *asked };
    // A panic must not pass through C++.
    match catch_unwind(AssertUnwindSafe(|| (found.tell)(found.n_added))) {
        Ok(answer) => found.is_stopped |= answer.is_break(),
        Err(panic) => (found.is_stopped, found.panic) = (true, Some(panic)),
    }
    let is_stopped = found.is_stopped;
    ASKED.set(asked);
    is_stopped
}
