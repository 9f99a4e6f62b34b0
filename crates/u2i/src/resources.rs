use std::time::Instant;

use serde::Serialize;

/// Measures what a stage of work takes.
#[derive(Debug)]
pub struct Stage {
    wall: Instant,
    cpu_s: f64,
}

/// What a stage took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageCost {
    /// Wall time in seconds.
    pub wall_s: f64,
    /// User and system time of all threads in seconds.
    pub cpu_s: f64,
    /// Most memory that the process held at once during the stage, in MiB; `None` where the system does not tell.
    pub peak_rss_mib: Option<f64>,
}

impl Stage {
    /// Begins a stage.
    pub fn begin() -> Self {
        reset_peak();
        Stage { wall: Instant::now(), cpu_s: cpu_s() }
    }

    /// What it took until now.
    pub fn cost(&self) -> StageCost {
        StageCost {
            wall_s: self.wall.elapsed().as_secs_f64(),
            cpu_s: cpu_s() - self.cpu_s,
            peak_rss_mib: peak_rss_mib(),
        }
    }
}

impl StageCost {
    /// Both stages, one after the other.
    pub fn and(self, other: StageCost) -> StageCost {
        StageCost {
            wall_s: self.wall_s + other.wall_s,
            cpu_s: self.cpu_s + other.cpu_s,
            peak_rss_mib: self.peak_rss_mib.zip(other.peak_rss_mib).map(|(a, b)| a.max(b)),
        }
    }
}

/// The processor's own name, where Linux tells it.
pub(crate) fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Linux forgets the peak when 5 is written here. Elsewhere, and where that is refused, the peak is that of the
/// whole process, which is an upper bound.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_counts_its_own_time_and_memory() {
        let stage = Stage::begin();
        let block = vec![1u8; 64 << 20];
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        let cost = stage.cost();
        assert_eq!(sum, 64 << 20);
        assert!(cost.cpu_s > 0.0 && cost.wall_s > 0.0);
        if let Some(peak) = cost.peak_rss_mib {
            assert!(peak >= 64.0, "{peak}");
        }
    }
}
