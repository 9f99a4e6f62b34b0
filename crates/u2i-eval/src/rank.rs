/// Where a target was ranked among all candidates, or that it was not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rank(Option<f64>);

impl Rank {
    /// A target that was not ranked: unknown to the model, or already in the user's history.
    pub const MISS: Rank = Rank(None);

    /// The mean rank over all orders of the ties, `1 + above + ties / 2`; the best is 1.
    ///
    /// `above` counts the candidates that score higher, `ties` the *other* candidates that score the same. A
    /// model that scores everything alike gets the middle of the list, not its top.
    ///
    /// ```
    /// # use u2i_eval::Rank;
    /// assert_eq!(Rank::new(4, 1).get(), Some(5.5));
    /// assert_eq!(Rank::MISS.get(), None);
    /// ```
    pub fn new(above: usize, ties: usize) -> Self {
        Rank(Some(1.0 + above as f64 + ties as f64 / 2.0))
    }

    /// A rank that was kept as what [`get`](Self::get) returned.
    ///
    /// # Panics
    ///
    /// If it is below 1 or no number.
    pub fn from_value(value: Option<f64>) -> Self {
        assert!(value.is_none_or(|rank| rank >= 1.0), "a rank is at least 1, found {value:?}");
        Rank(value)
    }

    /// The rank, at least 1, a multiple of ½; `None` for a miss.
    pub fn get(self) -> Option<f64> {
        self.0
    }
}
