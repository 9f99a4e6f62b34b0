//! How a program that trains has its memory: in huge pages, and not given back between steps.
//!
//! ```toml
//! u2i-heap = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/heap_alone.rs")]
//! ```

use std::alloc::{GlobalAlloc, Layout, System};

/// Has the system's allocator keep what is freed, for a program that trains: a step makes and frees megabytes, and mapping
/// and unmapping them each time takes 15 % of its time in page faults. Blocks above 32 MiB are given back as ever. The heap
/// grows by 16 MiB more than it has to, so that [`HugePages`] finds whole ones. Does nothing but with glibc.
#[allow(unsafe_code, reason = "no safe interface sets it")]
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, bytes) in
        [(libc::M_MMAP_THRESHOLD, 32 << 20), (libc::M_TRIM_THRESHOLD, 1 << 30), (libc::M_TOP_PAD, 16 << 20)]
    {
        // SAFETY: it sets a number of the allocator, under the allocator's own lock. One that it does not take is left.
        unsafe {
            libc::mallopt(parameter, bytes);
        }
    }
}

/// The system's allocator, which asks Linux for huge pages: on x86-64 the first touch of 2 MiB is one page fault then instead
/// of 512, and rows all over a large table are found in fewer steps.
///
/// For a program's `#[global_allocator]`. Most systems give huge pages to those who ask, some to everybody, some to nobody
/// (`/sys/kernel/mm/transparent_hugepage/enabled`); elsewhere than on Linux nobody is asked. Blocks of 1 MiB and more are
/// asked for, and with glibc all that lies above them on the heap, which makes the most of
/// [`keep_freed_memory`].
#[derive(Debug, Clone, Copy, Default)]
pub struct HugePages;

/// Bytes of a block from which on huge pages are asked for.
const LARGE: usize = 1 << 20;

#[allow(unsafe_code, reason = "an allocator has no safe interface")]
// SAFETY: the system's allocator does all of it, with what it is given.
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises.
        advised(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: what the caller promises.
        advised(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: what the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The block, with huge pages asked for if it is large.
#[inline]
fn advised(block: *mut u8, size: usize) -> *mut u8 {
    if size >= LARGE && !block.is_null() {
        advise(block, size);
    }
    block
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "an allocator has no safe interface")]
fn advise(block: *mut u8, size: usize) {
    let page = page_size();
    let above = block.addr() % page;
    let end = match end_of_heap() {
        // malloc writes a few bytes behind each block, and where those are the first of a page that is not yet asked for,
        // it cannot become a part of a huge one any more.
        Some(end) if block.addr() < end => end,
        _ => block.addr() + size,
    };
    let bytes = (end - block.addr() + above).next_multiple_of(page);
    // SAFETY: what is advised changes nothing in any page. Where there are no huge pages it is refused, and nothing depends on
    // it.
    unsafe {
        libc::madvise(block.wrapping_sub(above).cast(), bytes, libc::MADV_HUGEPAGE);
    }
}

/// Bytes of a page: 4 KiB on x86-64, up to 64 KiB on other processors.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no safe interface tells it")]
fn page_size() -> usize {
    // SAFETY: it reads a constant of the system and takes no memory, so that an allocator may ask.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|&size| size > 0).unwrap_or(4 << 10)
}

#[cfg(not(target_os = "linux"))]
fn advise(_: *mut u8, _: usize) {}

/// Where the heap ends that glibc makes grow; what it maps lies above.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no safe interface tells it")]
fn end_of_heap() -> Option<usize> {
    #[cfg(target_env = "gnu")]
    // SAFETY: to move the end by nothing is to ask for it.
    return Some(unsafe { libc::sbrk(0) }.addr());
    #[cfg(not(target_env = "gnu"))]
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_page_is_a_power_of_two_that_the_system_names() {
        let said = std::process::Command::new("getconf").arg("PAGESIZE").output();
        assert!(page_size().is_power_of_two(), "{}", page_size());
        if let Ok(said) = said {
            assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), page_size().to_string());
        }
    }

    /// What the system says of the pages that an address lies in, `hg` among it where huge ones are asked for.
    fn flags(address: usize) -> String {
        let all = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut holds_address = false;
        for line in all.lines() {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            let parsed = range.map(|(from, to)| [from, to].map(|text| usize::from_str_radix(text, 16)));
            if let Some([Ok(from), Ok(to)]) = parsed {
                holds_address = (from..to).contains(&address);
            } else if let (true, Some(flags)) = (holds_address, line.strip_prefix("VmFlags:")) {
                return flags.to_owned();
            }
        }
        panic!("{address:x} is nowhere")
    }

    #[test]
    #[allow(unsafe_code, reason = "an allocator has no safe interface")]
    fn large_blocks_ask_for_huge_pages_and_hold_what_is_written() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            writeln!(std::io::stderr(), "skipped: this system knows no huge pages").unwrap();
            return;
        }
        // Of the heap, and mapped on their own.
        for size in [LARGE, 5 << 20, 100 << 20] {
            let layout = Layout::array::<u8>(size).unwrap();
            let twice = Layout::array::<u8>(2 * size).unwrap();
            // SAFETY: each block is freed once, with its own layout, and read within its bounds.
            unsafe {
                let block = HugePages.alloc(layout);
                assert!(flags(block.addr() + size / 2).contains(" hg"), "{size}");
                block.write_bytes(7, size);
                let block = HugePages.realloc(block, layout, 2 * size);
                assert!(flags(block.addr() + 3 * size / 2).contains(" hg"), "{size}");
                let bytes = std::slice::from_raw_parts(block, size);
                assert!(bytes.iter().all(|&byte| byte == 7), "{size}");
                HugePages.dealloc(block, twice);
                let block = HugePages.alloc_zeroed(layout);
                assert!(flags(block.addr() + size / 2).contains(" hg"), "{size}");
                let bytes = std::slice::from_raw_parts(block, size);
                assert!(bytes.iter().all(|&byte| byte == 0), "{size}");
                HugePages.dealloc(block, layout);
            }
        }
    }
}
