//! Bugs planted beside guards, to see that each guard's test fails with them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cargo::{cargo, output, root, target_dir};
use crate::test::announce_long_build;

/// A bug, and the test that must fail with it.
struct Bug {
    /// The promise that the guard keeps.
    row: &'static str,
    /// As `u2i_bug::planted` names it.
    name: &'static str,
    package: &'static str,
    /// `lib`, or the name of an integration test.
    target: &'static str,
    test: &'static str,
}

const fn bug(
    row: &'static str,
    name: &'static str,
    package: &'static str,
    target: &'static str,
    test: &'static str,
) -> Bug {
    Bug { row, name, package, target, test }
}

/// Every bug that is planted, in the order of the promises.
#[rustfmt::skip]
const BUGS: &[Bug] = &[
    bug("D1", "an_odd_colon_begins_a_field", "u2i-features", "lib", "text::tests::single_colons_belong_to_their_field"),
    bug("D1", "further_fields_are_ignored", "u2i-features", "it", "movielens::bad_rows_are_rejected_with_line_column_and_reason"),
    bug("D2", "latin_1_is_read_as_utf_8", "u2i-features", "lib", "text::tests::latin_1_always_decodes_and_utf_8_does_not"),
    bug("D2", "utf_8_replaces_bytes", "u2i-features", "it", "tables::latin_1_is_read_as_such_and_refused_as_utf_8"),
    bug("D3", "a_missing_column_is_the_last", "u2i-features", "it", "tables::columns_are_bound_by_name"),
    bug("D3", "columns_may_repeat", "u2i-features", "it", "tables::broken_files_are_refused"),
    bug("D4", "rejects_vanish", "u2i-features", "it", "movielens::no_bad_row_passes_and_no_good_row_is_lost"),
    bug("D4", "a_reject_names_the_next_line", "u2i-features", "it", "tables::quoted_fields_come_back_and_short_rows_are_rejected_at_their_line"),
    bug("D4", "attributes_stay_with_the_first_part", "u2i-features", "it", "parts::each_row_of_each_part_is_read_with_its_own_cells_and_line"),
    bug("D4", "any_number_of_rejects_passes", "u2i-features", "it", "tables::bad_rows_are_rejected_with_line_column_and_reason"),
    bug("D5", "ids_lose_leading_zeros", "u2i-features", "lib", "ids::tests::ids_are_exact_text"),
    bug("D5", "floats_are_ids", "u2i-features", "it", "tables::parquet_ids_are_text_or_integers_and_never_floats"),
    bug("D6", "any_integer_is_a_time", "u2i-features", "it", "tables::bad_rows_are_rejected_with_line_column_and_reason"),
    bug("D6", "milliseconds_pass", "u2i-features", "it", "movielens::bad_rows_are_rejected_with_line_column_and_reason"),
    bug("D6", "nan_is_a_number", "u2i-features", "it", "tables::numbers_that_are_none_are_rejected"),
    bug("D7", "ties_ignore_the_item_id", "u2i-features", "it", "splits::the_split_hash_depends_on_the_file_order_only_where_ties_do"),
    bug("D7", "ties_reverse_the_file", "u2i-features", "it", "splits::ties_keep_the_file_order_or_follow_the_item_id"),
    bug("D7", "shuffled_ties_follow_the_file", "u2i-features", "it", "splits::the_split_hash_depends_on_the_file_order_only_where_ties_do"),
    bug("D7", "ties_are_not_shuffled", "u2i-features", "it", "splits::shuffled_ties_come_in_any_order_and_nothing_else_moves"),
    bug("D4", "a_third_field_is_ignored", "u2i-features", "it", "sequences::lines_that_are_no_pairs_are_rejected_with_their_line"),
    bug("D4", "a_request_may_be_of_nobody", "u2i-features", "it", "requests::bad_rows_are_named_with_line_and_column"),
    bug("D6", "offsets_are_ignored", "u2i-features", "lib", "time::tests::datetimes_are_in_utc_unless_they_say_otherwise"),
    bug("D6", "missing_times_are_zero", "u2i-features", "it", "sequences::whatever_needs_times_is_refused_where_there_are_none"),
    bug("D8", "nobody_may_be_tested", "u2i-features", "it", "splits::data_that_leaves_nothing_to_train_or_test_is_refused_with_counts"),
    bug("D8", "nothing_may_be_trained", "u2i-features", "it", "splits::data_that_leaves_nothing_to_train_or_test_is_refused_with_counts"),
    bug("D9", "a_line_may_be_cut", "u2i-features", "lib", "text::tests::lines_are_bounded_numbered_and_hashed"),
    bug("L1", "history_ends_with_its_target", "u2i-features", "it", "leakage::histories_are_the_events_before_the_target"),
    bug("L1", "history_begins_with_a_later_event", "u2i-features", "it", "leakage::histories_are_the_events_before_the_target"),
    bug("L1", "request_columns_of_the_next_event", "u2i-schema", "lib", "batch::tests::request_columns_of_a_next_item_come_from_the_caller"),
    bug("L1", "ages_are_those_of_the_next_event", "u2i-features", "it", "leakage::a_sample_is_the_same_whatever_happens_at_or_after_its_target"),
    bug("L2", "columns_are_fitted_on_all_events", "u2i-features", "it", "leakage::held_out_events_leave_every_training_artefact_equal"),
    bug("L2", "validation_events_train", "u2i-features", "it", "leakage::held_out_events_leave_every_training_artefact_equal"),
    bug("L2", "the_second_of_the_cut_trains", "u2i-features", "it", "splits::a_time_cut_takes_each_users_first_event_of_a_window"),
    bug("L3", "padding_is_an_event", "u2i-schema", "lib", "events::tests::broken_parts_are_refused"),
    bug("L3", "cold_items_have_an_id_row", "u2i-schema", "lib", "batch::tests::an_item_without_training_events_has_no_id_row"),
    bug("L3", "padding_has_a_vector", "u2i-models", "it", "the_padding_row_reaches_no_vector"),
    bug("L3", "padding_is_pooled", "u2i-models", "it", "pooling_masks_padding"),
    bug("L3", "padding_is_drawn", "u2i-losses", "it", "samplers::items_come_up_as_often_as_log_q_says"),
    bug("L3", "padding_is_indexed", "u2i-index", "lib", "vectors::tests::broken_vectors_are_refused"),
    bug("L3", "positions_are_ids", "u2i-index", "it", "answers::flat_returns_as_many_eligible_items_as_there_are"),
    bug("L4", "ties_take_the_best_rank", "u2i-eval", "it", "oracle::a_tied_rank_is_the_mean_of_all_orders"),
    bug("L4", "duplicates_count_twice", "u2i-eval", "it", "cases::duplicates_count_once_and_those_below_move_up"),
    bug("L4", "a_target_wins_its_ties", "u2i-index", "lib", "row::tests::the_rank_is_the_mean_place_among_ties"),
    bug("L5", "the_newest_event_is_not_served", "u2i", "it", "models::exported_vectors_rank_as_training_scores"),
    bug("L6", "popularity_is_no_bar", "u2i", "it", "learning::a_model_no_better_than_popularity_is_marked"),
    bug("L7", "cold_is_judged_by_all_events", "u2i", "it", "cold::cold_items_and_users_are_those_that_no_training_event_has"),
    bug("L7", "misses_are_in_no_group", "u2i", "lib", "cold::tests::a_group_without_targets_has_no_metrics_and_a_miss_counts"),
    bug("L7", "cold_items_are_ranked_among_all", "u2i", "it", "cold::cold_items_and_users_are_those_that_no_training_event_has"),
    bug("N1", "exponentials_are_not_shifted", "u2i-losses", "it", "losses::scores_of_ten_thousand_at_the_lowest_used_temperature_stay_finite"),
    bug("N1", "a_temperature_may_be_zero", "u2i-losses", "lib", "temperature::tests::zero_negatives_and_what_is_not_finite_are_rejected"),
    bug("N1", "small_losses_lose_their_digits", "u2i-losses", "it", "many::with_logits_within_30_every_loss_and_gradient_is_its_oracles"),
    bug("N1", "exponentials_of_scores_are_summed", "u2i-losses", "it", "many::with_scores_up_to_ten_thousand_every_loss_and_gradient_is_finite"),
    bug("N2", "a_length_may_be_zero", "u2i-models", "it", "the_zero_vector_has_no_direction_and_a_finite_gradient"),
    bug("N3", "log_q_is_left_out", "u2i-losses", "it", "published::sampled_softmax_is_the_scripts"),
    bug("N3", "log_q_is_added", "u2i-losses", "it", "published::in_batch_softmax_is_the_scripts"),
    bug("N3", "a_draw_counts_as_one", "u2i-losses", "it", "samplers::the_corrected_partition_sum_is_unbiased"),
    bug("N3", "log_q_is_clipped", "u2i-losses", "it", "samplers::the_corrected_partition_sum_is_unbiased"),
    bug("N3", "repeated_draws_count_once", "u2i-losses", "it", "samplers::the_bias_of_the_gradient_falls_as_one_over_n_and_without_log_q_it_stays"),
    bug("N3", "aliases_are_not_drawn", "u2i-losses", "it", "samplers::items_come_up_as_often_as_log_q_says"),
    bug("N3", "distinct_draws_are_corrected_as_repeated_ones", "u2i-losses", "it", "draws::the_partition_sum_of_different_items_is_unbiased"),
    bug("N3", "a_mixture_is_its_draws_alone", "u2i-losses", "it", "draws::the_partition_sum_of_a_mixture_is_unbiased"),
    bug("N3", "rows_are_not_corrected", "u2i-losses", "it", "published::sampled_softmax_of_rows_is_the_scripts"),
    bug("N3", "frequencies_never_change", "u2i-losses", "it", "streaming::frequencies_follow_a_shift"),
    bug("N4", "hits_are_negatives", "u2i-losses", "it", "losses::a_row_whose_negatives_are_all_hits_has_loss_zero_and_no_gradient"),
    bug("N4", "known_items_are_negatives", "u2i-losses", "it", "masks::hits_among_shared_negatives_are_those_of_sets"),
    bug("N4", "a_positive_is_masked_on_one_side", "u2i-losses", "it", "published::mixed_softmax_is_the_scripts"),
    bug("N4", "a_second_copy_is_a_negative", "u2i-losses", "it", "many::masked_negatives_are_in_no_loss_and_no_gradient_of_50000_batches"),
    bug("N4", "rows_without_negatives_are_not_counted", "u2i-train", "it", "negatives::a_row_without_negatives_is_counted_and_nothing_else_is"),
    bug("N6", "short_lists_are_filled_up", "u2i-index", "it", "exact::a_search_with_nothing_left_is_empty"),
    bug("N6", "excluded_items_are_found", "u2i-index", "it", "exact::several_blocks_equal_brute_force"),
    bug("N6", "faiss_may_find_fewer", "u2i-index", "it", "faiss::every_index_returns_all_that_is_left"),
    bug("N6", "nothing_found_is_the_first_item", "u2i-index", "it", "answers::hnsw_returns_as_many_eligible_items_as_there_are"),
    bug("N6", "a_filter_is_forgotten_beside_seen_items", "u2i-index", "it", "answers::exact_search_returns_as_many_eligible_items_as_there_are"),
    bug("N6", "a_filter_that_leaves_little_is_walked", "u2i-index", "it", "faiss::hnsw_finds_what_a_filter_leaves"),
    bug("N7", "unknown_items_pass", "u2i-schema", "lib", "batch::tests::an_item_above_the_catalogue_panics"),
    bug("N7", "any_row_is_looked_up", "u2i-models", "it", "rows::a_lookup_takes_the_rows_of_its_table_and_no_other"),
    bug("N7", "targets_lie_anywhere", "u2i-models", "it", "rows::a_target_outside_of_its_chunks_is_refused"),
    bug("N8", "blocks_keep_their_own_height", "u2i-losses", "lib", "full_softmax::tests::blocks_of_any_size_come_to_what_all_items_at_once_do"),
    bug("N8", "a_lead_is_behind", "u2i-losses", "it", "published::bpr_is_the_scripts"),
    bug("N8", "a_learned_temperature_has_no_floor", "u2i-losses", "it", "temperatures::however_long_it_is_pulled_down_it_stays_above_its_floor"),
    bug("N8", "gradients_ignore_the_temperature", "u2i-losses", "it", "losses::sampled_softmax_equals_its_oracle"),
    bug("N8", "recency_is_not_learned", "u2i-models", "it", "gradients::pooling_and_its_gradients_are_those_of_its_formula_on_320_shapes"),
    bug("N8", "the_last_lookup_of_a_row_counts", "u2i-train", "lib", "rows::tests::both_ways_of_adding_give_the_sums_over_each_row"),
    bug("N5", "a_reading_is_of_its_last_step", "u2i-train", "it", "devices::a_broken_input_is_named_at_its_step_however_late_it_is_read"),
    bug("N9", "table_rows_round_to_nearest", "u2i-train", "it", "precision::steps_too_small_to_be_stored_add_up"),
    bug("R1", "a_batch_made_ahead_is_lost", "u2i-train", "it", "ahead::results_do_not_depend_on_who_makes_batches_and_how_early"),
    bug("R1", "streams_ignore_the_step", "u2i-random", "lib", "tests::a_key_always_names_the_same_stream"),
    bug("L5", "scores_are_sums_of_another_order", "u2i-index", "it", "exact::scores_of_given_items_are_those_of_a_search_to_the_bit"),
    bug("F3", "an_index_is_judged_by_itself", "u2i-index", "it", "faiss::what_an_index_misses_is_measured"),
    bug("F4", "excluded_items_stay_excluded", "u2i-index", "it", "parallel::parallel_searches_equal_sequential_ones"),
    bug("R1", "draws_depend_on_the_threads", "u2i", "it", "command_line::fm_has_the_same_bytes_with_every_loss_and_sampler_at_any_number_of_threads"),
    bug("F1", "a_changed_index_is_read", "u2i-index", "it", "files::a_damaged_exact_index_is_refused"),
    bug("F1", "the_size_of_the_vectors_is_believed", "u2i-index", "it", "hostile::behind_the_hash_an_exact_index_is_refused_or_whole"),
    bug("F1", "the_sizes_of_codes_are_believed", "u2i-index", "it", "hostile::a_size_of_codes_that_lies_is_named"),
    bug("L5", "codes_are_compared_by_distance", "u2i-index", "lib", "spec::tests::compressed_indexes_out_of_range_are_refused"),
    bug("F1", "positions_are_believed", "u2i-index", "it", "hostile::behind_the_hash_a_faiss_index_takes_down_no_more_than_its_reader"),
    bug("N5", "a_broken_loss_is_learned_from", "u2i-train", "it", "broken::a_loss_that_is_not_finite_stops_training_at_its_step"),
    bug("N5", "a_broken_gradient_is_applied", "u2i-train", "it", "broken::a_gradient_that_is_not_finite_is_named_at_its_step"),
    bug("N5", "a_broken_state_is_kept", "u2i-train", "it", "broken::a_broken_number_anywhere_stops_training_before_it_is_kept"),
    bug("N5", "any_learning_rate_passes", "u2i-train", "it", "broken::a_broken_learning_rate_is_refused_or_named_at_its_step"),
    bug("R2", "a_resumed_epoch_begins_anew", "u2i-train", "it", "resumed::a_resumed_run_ends_as_one_that_was_never_stopped"),
    bug("R2", "dense_moments_are_forgotten", "u2i-train", "it", "resumed::a_resumed_run_ends_as_one_that_was_never_stopped"),
    bug("R2", "frequencies_begin_anew", "u2i-train", "it", "resumed::a_resumed_run_ends_as_one_that_was_never_stopped"),
    bug("R2", "row_moments_are_forgotten", "u2i-train", "it", "resumed::a_resumed_run_ends_as_one_that_was_never_stopped"),
    bug("R3", "any_data_is_evaluated", "u2i", "it", "runs::a_run_with_another_config_other_data_or_another_model_is_not_evaluated"),
    bug("R3", "a_report_names_another_config", "u2i", "it", "command_line::a_report_names_its_data_split_config_build_and_machine"),
    bug("C1", "a_checkpoint_is_written_in_place", "u2i", "it", "crashes::killed_at_random_moments_a_run_ends_as_if_it_had_never_been"),
    bug("C1", "the_log_of_the_run_before_is_lost", "u2i", "lib", "run::log::tests::a_run_begun_anew_leaves_the_log_of_the_one_before_to_its_checkpoint"),
    bug("C1", "signals_are_ignored", "u2i", "it", "crashes::sigint_and_sigterm_keep_the_state_and_say_so_in_the_exit_code"),
    bug("C3", "the_old_checkpoint_goes_first", "u2i", "it", "crashes::a_file_size_limit_ends_with_4_and_the_old_checkpoint_stays"),
    bug("C4", "files_are_not_synced", "u2i", "lib", "disk::tests::a_checkpoint_is_synced_before_it_is_renamed_and_its_folder_after"),
    bug("C4", "folders_are_not_synced", "u2i", "lib", "disk::tests::a_file_is_synced_before_it_is_renamed_and_its_folder_after"),
    bug("C5", "any_run_is_gone_on_with", "u2i", "lib", "checkpoint::tests::a_checkpoint_of_another_run_is_refused"),
    bug("C6", "a_changed_state_is_read", "u2i", "lib", "checkpoint::tests::every_change_of_a_file_is_refused"),
    bug("C6", "a_changed_run_is_read", "u2i", "lib", "run::results::tests::every_change_of_a_runs_table_is_refused_and_behind_its_hash_it_is_read_safely"),
    bug("C6", "a_changed_manifest_is_read", "u2i", "lib", "checkpoint::tests::every_change_of_a_file_is_refused"),
    bug("C7", "other_formats_are_read", "u2i", "lib", "checkpoint::tests::another_format_is_refused_with_both"),
    bug("C8", "two_hold_one_lock", "u2i", "it", "crashes::of_two_trainers_in_one_folder_the_second_ends_with_75"),
    bug("S1", "moments_are_not_counted", "u2i", "it", "memory::tables_and_moments_are_counted_exactly"),
    bug("S2", "what_is_not_there_is_the_cpu", "u2i", "it", "command_line::a_device_that_this_build_lacks_exits_with_8"),
    bug("S3", "unknown_keys_are_left_out", "u2i", "it", "config_keys::every_key_of_every_file_is_refused_when_misspelt"),
    bug("S3", "a_key_has_no_effect", "u2i", "it", "config_keys::every_key_of_the_synthetic_files_changes_the_result"),
    bug("L3", "seen_items_come_back", "u2i-bundle", "it", "answers::a_million_recommendations_hold_no_padding_no_duplicate_and_nothing_seen"),
    bug("L1", "gaps_end_at_the_next_event", "u2i-features", "it", "leakage::a_sample_is_the_same_whatever_happens_at_or_after_its_target"),
    bug("L3", "unknown_items_are_padding", "u2i-schema", "lib", "batch::tests::an_item_without_training_events_has_the_row_of_unknown_ids_where_there_is_one"),
    bug("S3", "ids_are_never_forgotten", "u2i-train", "it", "dropped_ids_train_the_rows_of_unknown_ones"),
    bug("L3", "attention_sees_padding", "u2i-models", "it", "gradients::pooling_and_its_gradients_are_those_of_its_formula_on_320_shapes"),
    bug("L1", "searches_after_the_target_are_seen", "u2i-features", "it", "side::a_sequence_is_what_came_before_each_event"),
    bug("L5", "searches_of_the_moment_are_served", "u2i-schema", "lib", "side_events::tests::what_happened_before_the_moment_is_seen_and_the_newest_of_it"),
    bug("L5", "what_happens_now_is_history", "u2i-bundle", "it", "served::what_is_served_is_what_was_evaluated"),
    bug("L5", "an_index_scores_by_itself", "u2i-bundle", "it", "index::a_published_index_finds_what_its_stamp_says_with_the_scores_of_exact_search"),
    bug("C4", "a_bundle_is_written_in_place", "u2i-bundle", "it", "index::twelve_bad_indexes_are_not_published"),
    bug("C4", "the_name_comes_before_the_files_last", "u2i-bundle", "lib", "staging::tests::files_last_before_the_folder_has_its_name_and_then_the_name_lasts"),
    bug("C5", "a_mixture_is_called_a_change", "u2i-bundle", "it", "damage::a_part_of_another_bundle_is_refused_with_both_hashes"),
    bug("C6", "a_changed_part_is_read", "u2i-bundle", "it", "damage::every_change_of_a_file_is_refused"),
    bug("C6", "a_changed_bundle_manifest_is_read", "u2i-bundle", "it", "damage::every_change_of_a_file_is_refused"),
    bug("C7", "newer_bundles_are_read", "u2i-bundle", "it", "golden::a_newer_format_is_refused_with_the_range_whatever_else_it_holds"),
    bug("F1", "exact_search_needs_the_index", "u2i-bundle", "it", "index::without_its_index_a_bundle_opens_for_exact_search_alone"),
    bug("F3", "any_index_is_published", "u2i-bundle", "it", "index::twelve_bad_indexes_are_not_published"),
    bug("R3", "expected_of_any_data", "u2i", "it", "experiments::a_run_is_held_against_what_is_expected_of_it"),
    bug("R3", "anything_is_expected", "u2i", "it", "experiments::a_run_is_held_against_what_is_expected_of_it"),
    bug("L6", "noise_is_a_win", "u2i", "lib", "experiments::claims::noise::tests::a_difference_within_two_standard_errors_is_none"),
    bug("L6", "a_similarity_is_a_distance", "u2i", "lib", "experiments::claims::three_points::tests::the_three_points_are_in_order_and_break_the_triangle"),
];

/// A test that takes longer hangs, which is not how a bug is caught.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Plants every bug in turn, prints the table, and fails if a test did not fail.
pub fn run(json: Option<&Path>) -> Result<()> {
    let tests = build()?;
    let mut sound: HashMap<(&Path, &str), Outcome> = HashMap::new();
    let mut rows = Vec::new();
    let mut missed = Vec::new();
    for bug in BUGS {
        let caught = match tests.get(&(bug.package.to_owned(), bug.target.to_owned())) {
            None => Err("there is no such test target".to_owned()),
            Some(test) => {
                let without = match sound.entry((&test.executable, bug.test)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(test.run(bug.test, None)?),
                };
                match without {
                    Outcome::Passed => judge(test.run(bug.test, Some(bug.name))?),
                    other => Err(format!("without the bug, the test {other}")),
                }
            }
        };
        rows.push(json!({"row": bug.row, "bug": bug.name, "caught": caught.is_ok()}));
        if let Err(reason) = caught {
            missed.push(format!(
                "{} {}: {} {} {}: {reason}",
                bug.row, bug.name, bug.package, bug.target, bug.test
            ));
        }
    }
    std::io::stdout().write_all(table(&rows).as_bytes()).context("cannot print the table")?;
    if let Some(path) = json {
        write(path, &rows)?;
    }
    if !missed.is_empty() {
        bail!("{} of {} bugs were not caught:\n  {}", missed.len(), BUGS.len(), missed.join("\n  "));
    }
    eprintln!("xtask: all {} bugs were caught", BUGS.len());
    Ok(())
}

/// A bug is caught by a test that fails, and by nothing else.
fn judge(planted: Outcome) -> Result<(), String> {
    match planted {
        Outcome::Failed => Ok(()),
        other => Err(format!("with the bug, the test {other}")),
    }
}

/// The test executables by package and target, with the bugs compiled in.
fn build() -> Result<HashMap<(String, String), TestTarget>> {
    announce_long_build(&target_dir());
    // The scope of `cargo xtask test`, so that dependencies have the same features and are not built again.
    let scope = ["test", "--release", "--locked", "--workspace", "--exclude", "u2i-benches", "--tests"];
    let bugs = ["--features", "u2i-bug/seeded-bugs", "--no-run", "--message-format=json-render-diagnostics"];
    let messages = output(cargo().current_dir(root()).args(scope).args(bugs))?;
    Ok(messages.lines().filter_map(|line| test_target(&serde_json::from_str(line).ok()?)).collect())
}

/// What one of cargo's messages says of a test executable, if it is of one.
pub fn test_target(message: &Value) -> Option<((String, String), TestTarget)> {
    let executable = PathBuf::from(message["executable"].as_str()?);
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != Value::Bool(true) {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    let package = folder.file_name()?.to_str()?.to_owned();
    let target = match message["target"]["kind"][0].as_str()? {
        "lib" => "lib",
        "test" => message["target"]["name"].as_str()?,
        _ => return None,
    };
    Some(((package, target.to_owned()), TestTarget { executable, folder }))
}

/// A test executable, and the folder of its package, where cargo would run it.
pub struct TestTarget {
    pub executable: PathBuf,
    pub folder: PathBuf,
}

impl TestTarget {
    /// Runs one test alone, with a bug or without.
    fn run(&self, test: &str, bug: Option<&str>) -> Result<Outcome> {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.folder).args([test, "--exact", "--test-threads=1"]);
        command.env_remove("U2I_SEEDED_BUG").envs(bug.map(|bug| ("U2I_SEEDED_BUG", bug)));
        // Another job may plant bugs at the same time.
        let log = target_dir().join(format!("seeded-bugs-{}.txt", std::process::id()));
        let outcome = watch(&mut command, &log, TIME_LIMIT);
        let _ = fs::remove_file(log);
        outcome
    }
}

/// How a test ended.
#[derive(Debug, PartialEq)]
enum Outcome {
    Passed,
    /// An assertion did not hold: the harness lived to say so.
    Failed,
    /// It did not end in time.
    Hung,
    /// Anything else: no test of that name, a signal, an abort, an exit from within.
    Odd(String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Passed => f.write_str("passes"),
            Outcome::Failed => f.write_str("fails"),
            Outcome::Hung => write!(f, "takes longer than {} s", TIME_LIMIT.as_secs()),
            Outcome::Odd(how) => write!(f, "neither passes nor fails: {how}"),
        }
    }
}

/// Runs a test harness to its end or its time limit. It writes to a file, since a pipe could fill up and would stay
/// open in what a hung test has started.
fn watch(command: &mut Command, log: &Path, limit: Duration) -> Result<Outcome> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let end = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", Path::new(command.get_program()).display()))?;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for a test")? {
            break status;
        }
        if Instant::now() >= end {
            // It may have ended by now; either way it is gone after the wait.
            let _ = child.kill();
            child.wait().context("cannot wait for a test")?;
            return Ok(Outcome::Hung);
        }
        sleep(Duration::from_millis(5));
    };
    let said = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let said = String::from_utf8_lossy(&said);
    let verdict = said.lines().rev().find(|line| line.starts_with("test result: ")).unwrap_or("no verdict");
    let outcome = |n: &str| said.contains("running 1 test\n") && verdict.contains(n);
    Ok(match status.code() {
        Some(0) if outcome("ok. 1 passed; 0 failed;") => Outcome::Passed,
        Some(101) if outcome("FAILED. 0 passed; 1 failed;") => Outcome::Failed,
        _ => Outcome::Odd(format!("{status}, {verdict}")),
    })
}

/// The rows as aligned text under a header.
fn table(rows: &[Value]) -> String {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let width = rows.iter().map(|row| text(row, "bug").len()).fold("bug".len(), usize::max);
    let mut lines = format!("{:4} | {:width$} | caught\n", "row", "bug");
    for row in rows {
        let caught = if row["caught"] == Value::Bool(true) { "yes" } else { "NO" };
        lines += &format!("{:4} | {:width$} | {caught}\n", text(row, "row"), text(row, "bug"));
    }
    lines
}

/// Writes beside `path`, then renames, so that the table is whole or not there.
fn write(path: &Path, rows: &[Value]) -> Result<()> {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    fs::write(&partial, format!("[\n{}\n]\n", lines.join(",\n")))
        .with_context(|| format!("cannot write {}", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("cannot replace {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names in `planted("…")` of the crates' sources, comments aside.
    fn planted() -> Vec<String> {
        let mut names = Vec::new();
        let mut open = vec![root().join("crates")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    // Of a crate, only its sources; u2i-bug's own say how it is used.
                    let skipped = ["u2i-bug", "tests", "examples", "target"];
                    open.extend((!skipped.iter().any(|name| path.ends_with(name))).then_some(path));
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    names.extend(planted_in(&fs::read_to_string(&path).unwrap()));
                }
            }
        }
        names
    }

    fn planted_in(source: &str) -> Vec<String> {
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>();
        let code = code.join("\n");
        let calls = code.split("planted(").skip(1);
        let name = |call: &str| call.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
        calls
            .map(|call| name(call).unwrap_or_else(|| panic!("a bug has no literal name: {call:.60}")))
            .collect()
    }

    #[test]
    fn each_bug_is_planted_once_and_each_planted_bug_is_known() {
        let mut planted = planted();
        planted.sort();
        let mut known: Vec<&str> = BUGS.iter().map(|bug| bug.name).collect();
        known.sort();
        assert_eq!(planted, known);
        known.dedup();
        assert_eq!(known.len(), BUGS.len(), "names are unique");
    }

    #[test]
    fn names_are_found_in_code_and_not_in_comments() {
        let source = "/// planted(\"a\")\nif u2i_bug::planted(\"b\") && planted(\n    \"c\"\n) {}\n  // planted(\"d\")\n";
        assert_eq!(planted_in(source), ["b", "c"]);
    }

    #[test]
    fn test_executables_are_known_by_package_and_target() {
        let message = |kind: &str, test: bool| {
            json!({
                "reason": "compiler-artifact", "executable": "/t/it-1", "profile": {"test": test},
                "manifest_path": "/w/crates/u2i-eval/Cargo.toml", "target": {"kind": [kind], "name": "it"},
            })
        };
        let key = |kind, test| test_target(&message(kind, test)).map(|(key, _)| key);
        assert_eq!(key("test", true), Some(("u2i-eval".into(), "it".into())));
        assert_eq!(key("lib", true), Some(("u2i-eval".into(), "lib".into())));
        assert_eq!((key("bin", true), key("lib", false)), (None, None));
        assert!(test_target(&json!({"reason": "build-finished", "success": true})).is_none());
    }

    /// Shell scripts stand in for test harnesses.
    #[cfg(unix)]
    #[test]
    fn only_a_failed_test_catches_a_bug() {
        let log = std::env::temp_dir().join(format!("u2i-seeded-bugs-{}", std::process::id()));
        let run = |script: &str| {
            let limit = Duration::from_millis(500);
            watch(Command::new("/bin/sh").args(["-c", script]), &log, limit).unwrap()
        };
        let said = |n: u32, verdict: &str, then: &str| {
            format!("echo 'running {n} test\ntest result: {verdict}'; {then}")
        };
        let failed = "FAILED. 0 passed; 1 failed; 0 ignored";
        assert_eq!(run(&said(1, "ok. 1 passed; 0 failed; 0 ignored", "exit 0")), Outcome::Passed);
        assert_eq!(run(&said(1, failed, "exit 101")), Outcome::Failed);
        assert_eq!(run("exec sleep 60"), Outcome::Hung);
        let odd = [
            said(0, "ok. 0 passed; 0 failed; 0 ignored", "exit 0"),
            said(1, "ok. 0 passed; 0 failed; 1 ignored", "exit 0"),
            said(1, failed, "exit 1"),
            said(1, failed, "kill -9 $$"),
            "exit 101".to_owned(),
        ];
        for script in odd {
            assert!(matches!(run(&script), Outcome::Odd(_)), "{script}");
        }
        fs::remove_file(&log).unwrap();
        assert!(judge(Outcome::Failed).is_ok());
        for other in [Outcome::Passed, Outcome::Hung, Outcome::Odd(String::new())] {
            assert!(judge(other).is_err());
        }
    }

    #[test]
    fn rows_are_written_whole() {
        let folder = std::env::temp_dir().join(format!("u2i-seeded-bugs-json-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let rows = [
            json!({"row": "D1", "bug": "b", "caught": true}),
            json!({"row": "L1", "bug": "c", "caught": false}),
        ];
        write(&folder.join("bugs.json"), &rows).unwrap();
        let text = fs::read_to_string(folder.join("bugs.json")).unwrap();
        let [d1, l1] =
            [r#"{"row":"D1","bug":"b","caught":true}"#, r#"{"row":"L1","bug":"c","caught":false}"#];
        assert_eq!(text, format!("[\n{d1},\n{l1}\n]\n"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(table(&rows), "row  | bug | caught\nD1   | b   | yes\nL1   | c   | NO\n");
    }
}
