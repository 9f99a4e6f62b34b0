//! The chapter's figures of a model, and the experiment of its recipe.

use u2i::datasets::DatasetName;
use u2i::models::TwoTowerConfig as _;
use u2i_chapter::{CHAPTER, ModelName, Protocol, Recipe, experiment};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model: ModelName = "youtubednn".parse()?;
    let row = CHAPTER.iter().find(|row| row.model == model).expect("it is one of the chapter's");
    assert_eq!(row.figures[0], 0.0144); // hit_rate@10

    let book = experiment(Recipe::Book, DatasetName::ML_1M, model, None)?;
    assert_eq!(book.model.name(), "youtube_dnn");
    assert_eq!(book.split, Protocol::Book.split());
    Ok(())
}
