//! Arguments that several commands have.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use u2i::device::DeviceChoice;
use u2i::features::datetime;
use u2i_datasets::{Mirror, Places};

/// Where to look for data sets that an experiment names.
#[derive(Args)]
pub struct Data {
    /// The folder of a named data set, or the one that holds it. Then $U2I_DATA_DIR and the cache are looked into.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Data {
    pub fn places(self) -> Places {
        Places {
            data_dir: self.data_dir,
            env_dir: std::env::var_os("U2I_DATA_DIR").map(PathBuf::from),
            cache_dir: cache_dir(),
            mirror: Mirror { base_url: mirror_url(), proxy: proxy(), ..Mirror::publishers() },
        }
    }
}

/// What the clock says, in Unix seconds.
pub fn now_s() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_secs().cast_signed()
}

/// A moment in UTC, as Unix seconds.
pub fn moment(text: &str) -> Result<i64, String> {
    let wanted =
        || format!("`{text}` is no moment, expected 2001-02-03, 2001-02-03T04:05:06Z or Unix seconds");
    text.parse().ok().or_else(|| datetime(text)).ok_or_else(wanted)
}

/// Where tensors live.
#[derive(Args)]
pub struct Device {
    /// auto, cpu, ndarray, wgpu or wgpu:N.
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
}

/// Where tensors live while few users are encoded.
#[derive(Args)]
pub struct ServingDevice {
    /// cpu, auto, ndarray, wgpu or wgpu:N. To open a GPU costs more than to encode a user.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
}

/// How a training job is kept.
#[derive(Args)]
pub struct Keeping {
    /// Go on from the checkpoint of an earlier job in the same --out, if there is one.
    #[arg(long)]
    pub resume: bool,
    /// Seconds between checkpoints.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub checkpoint_every: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// `$U2I_MIRROR`: where files of data sets are, as `$U2I_MIRROR/<data set>/<file>`, instead of at their publishers'.
fn mirror_url() -> Option<String> {
    std::env::var("U2I_MIRROR").ok().filter(|url| !url.is_empty())
}

/// The proxy of HTTPS requests, as curl and others take it from the environment.
fn proxy() -> Option<String> {
    let named = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    named.into_iter().find_map(|name| std::env::var(name).ok()).filter(|proxy| !proxy.is_empty())
}

/// The user's cache folder: `$XDG_CACHE_HOME` or `~/.cache`, and below it `u2i/data`.
fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("u2i").join("data"))
}

/// Version, machine and threads, for files of results.
pub fn platform_line() -> String {
    let threads = rayon::current_num_threads();
    format!(
        "version {}, on {}-{}, {threads} worker thread{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        if threads == 1 { "" } else { "s" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_utc() {
        for text in ["981173106", "2001-02-03T04:05:06Z", "2001-02-03 04:05:06", "2001-02-03T05:05:06+01:00"]
        {
            assert_eq!(moment(text), Ok(981_173_106), "{text}");
        }
        assert_eq!(moment("2001-02-03"), Ok(981_158_400));
        assert!(moment("yesterday").unwrap_err().contains("is no moment"));
    }
}
