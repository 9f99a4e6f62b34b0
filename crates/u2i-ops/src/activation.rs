/// What follows a dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)` with Φ the normal distribution (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
    Gelu,
}
