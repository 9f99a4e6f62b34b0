//! A vector of 4 MiB, in huge pages where the system gives them.

#[global_allocator]
static HEAP: u2i_heap::HugePages = u2i_heap::HugePages;

fn main() {
    u2i_heap::keep_freed_memory();
    assert_eq!(vec![1_u32; 1 << 20].iter().sum::<u32>(), 1 << 20);
}
