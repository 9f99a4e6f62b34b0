use std::fmt;

/// One figure over several runs that differ only in their seed.
///
/// ```
/// # use u2i_eval::Spread;
/// let spread = Spread::over(&[0.28, 0.30, 0.29]).unwrap();
/// assert_eq!(format!("{spread:.3}"), "0.290 ± 0.010");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean over runs.
    pub mean: f64,
    /// Standard deviation over runs, with `n - 1`. One run has none.
    pub sd: Option<f64>,
    /// Number of runs.
    pub n: usize,
}

impl Spread {
    /// Mean and standard deviation of `values`; `None` if there are none.
    pub fn over(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Spread { mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), n })
    }
}

/// `mean ± sd`, or the mean alone, each with the formatter's precision.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(&self.mean, f)?;
        self.sd.map_or(Ok(()), |sd| {
            f.write_str(" ± ")?;
            fmt::Display::fmt(&sd, f)
        })
    }
}
