use std::sync::Arc;

use axum::http::StatusCode;

use crate::app::App;
use crate::error::ApiError;
use crate::serving::Serving;

/// A bundle by the name that a request gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// The bundle in force.
    #[default]
    Current,
    /// The one beside it, that the service was started with.
    Shadow,
}

impl Which {
    /// That bundle, open.
    pub fn of(self, app: &App) -> Result<Arc<Serving>, ApiError> {
        match self {
            Which::Current => Ok(app.current.serving()),
            Which::Shadow => app.current.shadow().ok_or_else(|| {
                let message = "this service has no shadow bundle: it was started without --shadow";
                ApiError::new(StatusCode::CONFLICT, "no_shadow", message).at("bundle")
            }),
        }
    }
}
