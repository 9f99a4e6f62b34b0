//! Operations a second of the products of a training step, as `docs/performance.md` has them:
//!
//! ```sh
//! cargo run --release -p u2i-linalg --example products
//! ```

use std::time::Instant;

use u2i_linalg::{Matrix, product};

#[expect(clippy::print_stdout, reason = "it shows a table")]
fn main() {
    let lies = |is_turned: bool| if is_turned { "ᵀ" } else { "" };
    println!("| product | 10⁹ operations a second |\n|---|--:|");
    for (m, k, n, a_turned, b_turned) in [
        (2_048, 321, 128, false, false),
        (321, 2_048, 128, true, false),
        (2_048, 128, 321, false, true),
        (2_048, 128, 64, false, false),
        (128, 64, 512, false, true),
        (128, 512, 64, false, false),
        (512, 128, 64, true, false),
        (1, 321, 128, false, false),
    ] {
        let numbers = |n: usize| -> Vec<f32> { (0..n).map(|i| (i % 11) as f32 / 10.0).collect() };
        let (a, b, mut to) = (numbers(m * k), numbers(k * n), vec![0.0; m * n]);
        let matrix = |data, rows, columns, is_turned| match is_turned {
            true => Matrix::new(data, rows).transposed(),
            false => Matrix::new(data, columns),
        };
        let (a, b) = (matrix(&a[..], m, k, a_turned), matrix(&b[..], k, n, b_turned));
        let operations = 2.0 * (m * k * n) as f64;
        // As often as takes a tenth of a second or so, and the median of several times.
        let often = (5e9 / operations).ceil() as usize;
        let mut times: Vec<f64> = (0..9)
            .map(|_| {
                let begin = Instant::now();
                (0..often).for_each(|_| product(a, b, 1.0, std::hint::black_box(&mut to)));
                begin.elapsed().as_secs_f64() / often as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let (a, b) = (lies(a_turned), lies(b_turned));
        println!("| {m} × {k}{a} by {k} × {n}{b} | {:.0} |", operations / times[4] / 1e9);
    }
}
