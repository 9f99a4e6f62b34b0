use std::ffi::{CStr, c_int};

use faiss_sys as c;

use crate::IndexError;

/// Makes an error of what a function of faiss returned, if it failed on this thread.
pub(super) fn checked(action: &'static str, code: c_int) -> Result<(), IndexError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: faiss returns null, or the message of the thread's last exception, which lives until the next
    // one: it is copied at once.
    let message = unsafe {
        let message = c::faiss_get_last_error();
        if message.is_null() { None } else { Some(CStr::from_ptr(message).to_string_lossy().into_owned()) }
    };
    Err(IndexError::Faiss { action, message: message.unwrap_or_else(|| format!("code {code}")) })
}
