//! `train.jsonl`: a line for each step that is written down, and one for each epoch.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use u2i_train::{EpochReport, StepReport};

use crate::Error;
use crate::report::write_text;

/// Steps that are written down of a run, about: enough for a curve, and few for a long run.
const LINES: usize = 1000;

/// In the folder of a checkpoint: the log of its run, once another run is begun in the same place.
const ASIDE: &str = "train.jsonl";

/// A step of training that was written down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLine {
    /// Steps that are done, this one among them.
    pub step: usize,
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Mean loss of the step's targets.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// An epoch of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochLine {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Steps that were done at its end.
    pub step: usize,
    /// Mean loss of the epoch's targets.
    pub loss: f64,
    /// What was measured on the validation targets, where there are any.
    pub validation: Option<f64>,
    /// What `validation` is, for instance `ndcg@10`.
    pub metric: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    // The epoch first: only it has a metric.
    Epoch(EpochLine),
    Step(StepLine),
}

impl Line {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("a line is plain data") + "\n"
    }
}

/// Writes `train.jsonl` while a run goes on.
#[derive(Debug)]
pub(crate) struct TrainLog {
    path: PathBuf,
    file: File,
}

impl TrainLog {
    /// Begins the file, or goes on with what an earlier process wrote until `step` steps and `epochs` epochs were
    /// done. Lines beyond are of work that was lost and is done again.
    ///
    /// `checkpoint` is the folder of the newest checkpoint. A run that is begun anew does not replace it before its own
    /// first one is written, and if it is killed until then the one before may be gone on with: its log stays there.
    pub fn begin(path: &Path, checkpoint: Option<&Path>, step: usize, epochs: usize) -> Result<Self, Error> {
        let aside = checkpoint.map(|folder| folder.join(ASIDE));
        let is_aside = aside.as_ref().is_some_and(|aside| aside.exists());
        if let Some(aside) = aside.as_ref().filter(|_| step == 0 && !is_aside && path.exists()) {
            write_text(aside, &read_text(path)?)?;
        }
        let before = aside.as_deref().filter(|_| is_aside).unwrap_or(path);
        let mut text = String::new();
        // A run of an older version has a checkpoint and no log.
        if step > 0 && before.exists() {
            // The lines themselves: a number that is read and written again may lose its last bit.
            for (line, own) in lines(&read_text(before)?, before)? {
                let is_done = match line {
                    Line::Epoch(line) => line.epoch <= epochs,
                    Line::Step(line) => line.step <= step,
                };
                if is_done {
                    text += own;
                    text.push('\n');
                }
            }
        }
        // Whole, old or new: a process that is killed here loses no line.
        write_text(path, &text)?;
        if step > 0 && is_aside {
            fs::remove_file(before).map_err(|source| Error::Io {
                action: "remove",
                path: before.into(),
                source,
            })?;
        }
        let file = File::options().append(true).open(path);
        let file = file.map_err(|source| Error::Io { action: "write", path: path.into(), source })?;
        Ok(TrainLog { path: path.into(), file })
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.file.write_all(line.text().as_bytes())
    }

    pub fn step(&mut self, report: &StepReport) -> io::Result<()> {
        let StepReport { epoch, step, steps, loss, learning_rate, .. } = *report;
        if !(step + 1).is_multiple_of(steps.div_ceil(LINES)) && step + 1 != steps {
            return Ok(());
        }
        self.write(&Line::Step(StepLine { step: step + 1, epoch, loss: loss.into(), learning_rate }))
    }

    pub fn epoch(&mut self, report: &EpochReport, metric: &str, step: usize) -> io::Result<()> {
        let EpochReport { epoch, loss, validation, .. } = *report;
        self.write(&Line::Epoch(EpochLine { epoch, step, loss, validation, metric: metric.to_owned() }))
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub fn error(&self, source: io::Error) -> Error {
        Error::Io { action: "write", path: self.path.clone(), source }
    }
}

/// The lines of a file. A last line that was not finished, as a killed process leaves it, does not count.
///
/// # Errors
///
/// If there is no such file, or a line is not one of training.
pub(crate) fn read(path: &Path) -> Result<(Vec<StepLine>, Vec<EpochLine>), Error> {
    let (mut steps, mut epochs) = (Vec::new(), Vec::new());
    for (line, _) in lines(&read_text(path)?, path)? {
        match line {
            Line::Step(line) => steps.push(line),
            Line::Epoch(line) => epochs.push(line),
        }
    }
    Ok((steps, epochs))
}

fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Io { action: "read", path: path.into(), source })
}

/// Each whole line, understood and as it stands.
fn lines<'a>(text: &'a str, path: &Path) -> Result<Vec<(Line, &'a str)>, Error> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(i, line): (usize, &'a str)| match serde_json::from_str(line) {
        Ok(parsed) => Ok((parsed, line)),
        Err(_) => Err(Error::RunFile {
            path: path.into(),
            reason: format!("line {} is not one of training: {line:?}", i + 1),
        }),
    };
    whole.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn step(step: usize) -> StepReport {
        StepReport {
            epoch: 1 + step / 3,
            step,
            steps: 6,
            loss: 1.5,
            learning_rate: 0.1,
            targets: 7,
            rows_without_negatives: 0,
        }
    }

    fn epoch(epoch: usize) -> EpochReport {
        EpochReport { epoch, loss: 2.0, validation: Some(0.25), rows_without_negatives: 0 }
    }

    /// Steps `from..to` of two epochs of three steps.
    fn write(log: &mut TrainLog, from: usize, to: usize) {
        for i in from..to {
            log.step(&step(i)).unwrap();
            if i % 3 == 2 {
                log.epoch(&epoch(1 + i / 3), "ndcg@10", i + 1).unwrap();
            }
        }
    }

    #[test]
    fn a_log_that_is_gone_on_with_is_that_of_an_unbroken_run() {
        let folder = tempfile::tempdir().unwrap();
        let unbroken = folder.path().join("unbroken.jsonl");
        write(&mut TrainLog::begin(&unbroken, None, 0, 0).unwrap(), 0, 6);
        let unbroken = fs::read_to_string(unbroken).unwrap();
        assert_eq!(unbroken.lines().count(), 8);
        let path = folder.path().join("train.jsonl");
        for written in 1..=6 {
            for kept in 1..=written {
                write(&mut TrainLog::begin(&path, None, 0, 0).unwrap(), 0, written);
                // The state of the last step of an epoch is kept before the epoch ends.
                for epochs in (kept - 1) / 3..=kept / 3 {
                    let mut file = File::options().append(true).open(&path).unwrap();
                    file.write_all(b"{\"step\":9").unwrap();
                    let mut log = TrainLog::begin(&path, None, kept, epochs).unwrap();
                    if kept % 3 == 0 && epochs < kept / 3 {
                        log.epoch(&epoch(kept / 3), "ndcg@10", kept).unwrap();
                    }
                    write(&mut log, kept, 6);
                    assert_eq!(fs::read_to_string(&path).unwrap(), unbroken, "{written} {kept} {epochs}");
                }
            }
        }
    }

    /// C1: runs begun anew that are killed before their first checkpoint leave the one before to be gone on with.
    #[test]
    fn a_run_begun_anew_leaves_the_log_of_the_one_before_to_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let (path, checkpoint) = (folder.path().join("train.jsonl"), folder.path().join("0001-0000000004"));
        fs::create_dir(&checkpoint).unwrap();
        write(&mut TrainLog::begin(&path, None, 0, 0).unwrap(), 0, 6);
        let unbroken = fs::read_to_string(&path).unwrap();
        for written in [2, 1] {
            write(&mut TrainLog::begin(&path, Some(&checkpoint), 0, 0).unwrap(), 0, written);
            assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), written);
        }
        write(&mut TrainLog::begin(&path, Some(&checkpoint), 4, 1).unwrap(), 4, 6);
        assert_eq!(fs::read_to_string(&path).unwrap(), unbroken);
        // From here on its log is where it was.
        assert!(fs::read_dir(&checkpoint).unwrap().next().is_none());
    }

    #[test]
    fn a_long_run_is_written_down_in_about_a_thousand_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        let mut log = TrainLog::begin(&path, None, 0, 0).unwrap();
        for i in 0..123_456 {
            log.step(&StepReport { steps: 123_456, ..step(i) }).unwrap();
        }
        let (steps, _) = read(&path).unwrap();
        assert!((990..=1001).contains(&steps.len()), "{}", steps.len());
        assert_eq!(steps.last().unwrap().step, 123_456);
    }

    #[test]
    fn a_line_of_something_else_is_refused_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.jsonl");
        fs::write(&path, "{\"step\":1,\"epoch\":1,\"loss\":1.0,\"learning_rate\":0.1}\n{\"step\":2}\n")
            .unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
