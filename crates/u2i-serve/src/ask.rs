use u2i_bundle::{Options, Request};

/// A request that was read, as a recommender takes it.
pub(crate) struct Ask {
    pub request: Request,
    pub options: Options,
    /// Whether the items come with their attributes.
    pub details: bool,
    /// Keys of `request.context` and `request.lists` that were given as attributes of the user.
    pub attributes: Vec<String>,
}
