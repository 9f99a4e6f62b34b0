//! Configs that are made from files, and what is said of them.

mod onboarding;
#[path = "../../../../xtask/src/real_data.rs"]
mod real_data;
